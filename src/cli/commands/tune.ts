/** `transferlab tune`: times the formulations of the convolutions of networks on this machine. */
import { type Convolution, convolutionsOf } from '../../compile/index.ts';
import { transferHead } from '../../models/index.ts';
import {
  type Device,
  formulationsName,
  formulationsOf,
  type TunedTable,
  tunedTablePath,
  tuneInto,
  tuningPlace,
} from '../../runtime/index.ts';
import { stepOutputs } from '../../train/index.ts';
import type { OpenedModel } from '../../weights/index.ts';
import { openShown } from '../inputs.ts';
import type { OptionValues } from '../options.ts';
import { cacheFolderOf, deviceOf, listOf, threadsOf, wholeNumber } from '../parse.ts';
import { print } from '../print.ts';
import { ProgressDisplay } from '../progress.ts';
import { tunedLines } from '../tuned-lines.ts';

/** Version of the JSON document. */
const TUNE_VERSION = 1;

/** Of the head, which has no convolution. */
const CLASSES = 10;

interface Network {
  readonly name: string;
  readonly inputSize: number;
  readonly convolutions: readonly Convolution[];
}

export async function tune(values: OptionValues): Promise<void> {
  const batch = wholeNumber(values, 'batch', 1);
  const engine: { threads: number; device: Device; cacheFolder: string } = {
    threads: threadsOf(values),
    device: await deviceOf(values),
    cacheFolder: cacheFolderOf(values),
  };
  const display = new ProgressDisplay();
  let table: TunedTable;
  let networks: readonly Network[];
  try {
    const opened: OpenedModel[] = [];
    const downloads = { ...engine, offline: values.offline === true };
    for (const spec of listOf(values, 'models')) opened.push(await openShown(spec, downloads, display));
    networks = opened.map((one) => networkOf(one, batch, display));
    const all = convolutionsOf(opened.flatMap((one) => graphsOf(one, batch)));
    table = await tuneInto(all, {
      ...engine,
      onProgress: (convolution, fraction) => display.update(fraction, shown(convolution)),
    });
  } finally {
    display.stop();
  }
  const results = networks.map(({ name, inputSize, convolutions }) => ({
    name,
    inputSize,
    batch,
    ...gainOf(convolutions, table),
  }));
  const document = {
    kind: 'tune',
    version: TUNE_VERSION,
    device: engine.device,
    threads: engine.threads,
    file: tunedTablePath(engine.cacheFolder, tuningPlace(engine)),
    formulations: formulationsName(formulationsOf(table)),
    networks: results,
  };
  print(values, document, () => tunedLines(document).join('\n'));
}

const graphsOf = ({ model }: OpenedModel, batch: number) =>
  stepOutputs((net, images) => transferHead(net, model.backbone(net, images), CLASSES), {
    images: [batch, 3, model.input.size, model.input.size],
  });

function networkOf(opened: OpenedModel, batch: number, display: ProgressDisplay): Network {
  display.prepare(opened.label);
  const convolutions = convolutionsOf(graphsOf(opened, batch));
  return { name: opened.label, inputSize: opened.model.input.size, convolutions };
}

/** Seconds of the convolutions of one step, as usual and as chosen, and which differ. */
function gainOf(convolutions: readonly Convolution[], table: TunedTable) {
  const rows = convolutions.flatMap((convolution) => {
    const tuned = table.get(convolution.key)!;
    const { usual, chosen, seconds } = tuned;
    if (seconds[usual] === undefined) return [];
    const { count } = convolution;
    return [{ convolution, usual, chosen, count, before: seconds[usual], after: seconds[chosen] }];
  });
  const sum = (pick: 'before' | 'after') => rows.reduce((total, row) => total + row.count * row[pick], 0);
  const changed = rows.filter(({ usual, chosen }) => usual !== chosen);
  return {
    convolutions: convolutions.length,
    timed: rows.length,
    seconds: { usual: sum('before'), tuned: sum('after') },
    changed: changed.map(({ convolution, usual, chosen, count, before, after }) => ({
      convolution: shown(convolution),
      ...{ count, usual, chosen, seconds: { usual: before, tuned: after } },
    })),
  };
}

const OP_NAMES: Readonly<Record<Convolution['op'], string>> = {
  conv2d: 'convolution',
  conv2dInputGradient: 'input gradient',
  conv2dWeightGradient: 'weight gradient',
};

/** `input gradient 4x256x56x56 * 512x256x1x1, stride 2`. */
function shown({ op, extents: s }: Convolution): string {
  const details = [
    s.strides.some((stride) => stride > 1) ? `, stride ${s.strides.join('x')}` : '',
    s.dilations.some((dilation) => dilation > 1) ? `, dilation ${s.dilations.join('x')}` : '',
    s.groups > 1 ? `, ${s.groups} groups` : '',
  ];
  return `${OP_NAMES[op]} ${s.n}x${s.c}x${s.h}x${s.w} * ${s.o}x${s.i}x${s.kh}x${s.kw}${details.join('')}`;
}
