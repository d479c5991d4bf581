/** `transferlab compare <folder...>`: which network, in which setting, for these images? */
import { basename, join, resolve } from 'node:path';
import { compareText } from '../../report/index.ts';
import { findProtocol, officialSpec } from '../../study/index.ts';
import { type Comparison, type ComparisonOptions, runComparison } from '../comparison.ts';
import { commandLine, interruptible } from '../interrupt.ts';
import type { OptionValues } from '../options.ts';
import { listOf, settingsOf, shortlistOf, textOf, wholeNumber, workOptionsOf } from '../parse.ts';
import { print } from '../print.ts';
import { terminalOf } from '../terminal.ts';

export async function compare(folders: readonly string[], values: OptionValues): Promise<void> {
  const names = folders.map((folder) => officialSpec(folder)?.name ?? basename(resolve(folder)));
  const titles = folders.map((folder, i) => (folder.startsWith('procedural/') ? folder : names[i]));
  const out = textOf(values, 'out') || join('transferlab-out', names.join('+'));
  await present(
    {
      title: `Which network for ${titles.join(', ')}?`,
      datasets: designed(folders, values),
      models: listOf(values, 'models'),
      settings: settingsOf(values),
      protocol: findProtocol(textOf(values, 'protocol')),
      seeds: wholeNumber(values, 'seeds', 1),
      shortlist: shortlistOf(values),
      splitSeed: wholeNumber(values, 'splitSeed', 0),
      out,
      ...(await workOptionsOf(values)),
      command: commandLine(),
    },
    values,
  );
}

/** Every data set under every design, as `openDataset` takes them. */
function designed(folders: readonly string[], values: OptionValues): readonly string[] {
  const designs = textOf(values, 'design')
    .split(';')
    .map((design) => design.trim());
  const given = designs.filter((design) => design !== '');
  if (given.length === 0) return folders;
  return folders.flatMap((folder) => given.map((design) => `${folder}#${design}`));
}

/** Runs the comparison with progress on standard error, and prints the answer. */
export async function present(options: ComparisonOptions, values: OptionValues): Promise<void> {
  const comparison = await interruptible((display) => runComparison(options, display));
  print(values, comparison.document, () => answerText(comparison));
}

function answerText({ document, reportPath, networks }: Comparison): string {
  const files = [
    `Report:   ${resolve(reportPath)}`,
    ...networks.map(({ dataset, path }) => `Network:  ${path}  (best for ${dataset})`),
    `Try it:   transferlab predict ${networks[0]?.path ?? 'winner.onnx'} photo.jpg`,
  ];
  return `${compareText(document, terminalOf())}\n${files.join('\n')}\n`;
}
