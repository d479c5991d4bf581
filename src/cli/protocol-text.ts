/** Protocols, one of them with where its numbers are from, and how two differ, for a terminal of 80 columns. */
import { diffProtocols, fieldsOf, PROTOCOLS, protocolHash } from '../study/index.ts';
import { COMMON_TO_ALL, type Source, sourceOf } from '../study/protocol-sources.ts';
import { gridOf, type Protocol, plannedSteps, type TuningProtocol } from '../transfer/index.ts';

const WIDTH = 80;
const LABEL = 20;
const SHORT_HASH = 12;
/** Values of a list that are shown; more are given by their ends. */
const MOST_VALUES = 8;

/** One entry per protocol that comes with the program. */
export function protocolListText(): string {
  const entries = PROTOCOLS.flatMap((protocol) => [
    `${protocol.name.padEnd(LABEL)}${protocolHash(protocol).slice(0, SHORT_HASH)}`,
    ...wrapped(protocol.description, 2),
    ...(['finetune', 'scratch'] as const).map(
      (part) => `  ${part.padEnd(LABEL - 2)}${effort(protocol[part])}`,
    ),
    '',
  ]);
  return [
    ...entries,
    'One with the source of each number:  transferlab protocol show quick',
    'What two differ in:                  transferlab protocol diff quick demo',
    '',
  ].join('\n');
}

/** What a setting has to do for one cell. */
function effort(protocol: TuningProtocol): string {
  const { steps, batchSize } = protocol;
  const points = gridOf(protocol).length;
  const { search, final } = plannedSteps(protocol);
  const images = ((search + final) * batchSize).toLocaleString('en');
  return `${points} points x ${steps.toLocaleString('en')} steps x ${batchSize} images: ${images}`;
}

/** Every field of a protocol with its value, and its source beneath. */
export function protocolText(protocol: Protocol): string {
  const lines = [
    `${protocol.name}  ${protocolHash(protocol).slice(0, SHORT_HASH)}`,
    ...wrapped(protocol.description, 0),
  ];
  let part = '';
  for (const field of fieldsOf(protocol)) {
    if (field.part !== part) {
      part = field.part;
      lines.push('', part);
    }
    lines.push(
      `  ${field.field.padEnd(LABEL - 2)}${shown(field.value)}`,
      ...sourceLines(sourceOf(protocol, field)),
    );
  }
  lines.push('', 'common to all protocols');
  for (const { what, ...source } of COMMON_TO_ALL) lines.push(...wrapped(what, 2), ...sourceLines(source));
  return [...lines, ''].join('\n');
}

const sourceLines = ({ source, certainty }: Source) => wrapped(`[${certainty}] ${source}`, LABEL);

/** The fields in which two protocols differ, with both values. */
export function protocolDiffText(a: Protocol, b: Protocol): string {
  const differences = diffProtocols(a, b);
  if (differences.length === 0) return `${a.name} and ${b.name} have networks do the same.\n`;
  return differences
    .map(({ part, field, a: before, b: after }) =>
      [
        `${part}.${field}`,
        `- ${a.name.padEnd(LABEL - 2)}${shown(before)}`,
        `+ ${b.name.padEnd(LABEL - 2)}${shown(after)}`,
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** A value as people read it: `7 from 1e-4 to 0.1`, `grid, refinements 0`, `none`. */
function shown(value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'number') return number(value);
  if (Array.isArray(value))
    return value.every((item) => typeof item === 'number') ? list(value) : String(value);
  if (typeof value !== 'object') return String(value);
  return Object.entries(value as object)
    .map(([name, inner]) => (name === 'kind' ? shown(inner) : `${name} ${shown(inner)}`))
    .join(', ');
}

function list(values: readonly number[]): string {
  if (values.length <= MOST_VALUES) return values.map(number).join(', ');
  return `${values.length} from ${number(Math.min(...values))} to ${number(Math.max(...values))}`;
}

/** Three digits; small ones with an exponent. */
function number(value: number): string {
  const rounded = Number(value.toPrecision(3));
  if (rounded === 0 || (Math.abs(rounded) >= 0.01 && Math.abs(rounded) < 1e5))
    return String(value === Math.round(value) ? value : rounded);
  return rounded.toExponential().replace('e+', 'e');
}

/** Words in lines of the terminal's width, indented. */
function wrapped(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((text_) => ' '.repeat(indent) + text_);
}
