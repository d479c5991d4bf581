/**
 * Other names that files have for the variables of our networks. Ours are torchvision's, or timm's where torchvision
 * has no such network; a table is applied when one of its marks is among a file's names.
 */
import type { Model } from '../models/model.ts';
import { tensor } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import type { TensorFile } from './tensor-file.ts';

interface NameTable {
  /** Families of the registry. */
  readonly family: string;
  /** What only such files have among their names. */
  readonly mark: RegExp;
  /** Our name for the file's, which stays where the table says nothing. */
  readonly rename: (name: string) => string;
  /** Our names of linear layers whose weights such files keep as convolutions over the whole map. */
  readonly flattened?: RegExp;
}

/** Blocks of the stages before each stage of MobileNet v2: timm counts by stage, torchvision through. */
const BLOCKS_BEFORE = [0, 1, 3, 6, 10, 13, 16];

/** Layers of a block, in timm's names: the first block expands nothing and has one pair less. */
const FIRST_BLOCK: Readonly<Record<string, string>> = {
  conv_dw: 'conv.0.0',
  bn1: 'conv.0.1',
  conv_pw: 'conv.1',
  bn2: 'conv.2',
};
const OTHER_BLOCKS: Readonly<Record<string, string>> = {
  conv_pw: 'conv.0.0',
  bn1: 'conv.0.1',
  conv_dw: 'conv.1.0',
  bn2: 'conv.1.1',
  conv_pwl: 'conv.2',
  bn3: 'conv.3',
};
const AROUND_BLOCKS: Readonly<Record<string, string>> = {
  conv_stem: 'features.0.0',
  bn1: 'features.0.1',
  conv_head: 'features.18.0',
  bn2: 'features.18.1',
  classifier: 'classifier.1',
};

/** `blocks.2.0.conv_pw.weight` -> `features.4.conv.0.0.weight`. */
function mobilenetName(name: string): string {
  const block = /^blocks\.(\d)\.(\d)\.(\w+)\.(\w+)$/.exec(name);
  if (block) {
    const [, stage, index, layer, variable] = block;
    const ours = (stage === '0' ? FIRST_BLOCK : OTHER_BLOCKS)[layer];
    const before = BLOCKS_BEFORE[Number(stage)];
    return ours && before !== undefined ? `features.${1 + before + Number(index)}.${ours}.${variable}` : name;
  }
  const [layer, variable] = name.split('.');
  return Object.hasOwn(AROUND_BLOCKS, layer) ? `${AROUND_BLOCKS[layer]}.${variable}` : name;
}

const TABLES: readonly NameTable[] = [
  // Torchvision's files of 2017: `denselayer1.norm.1.weight`.
  {
    family: 'DenseNet',
    mark: /\.denselayer\d+\.(norm|conv)\.[12]\./,
    rename: (name) => name.replace(/(\.denselayer\d+\.(?:norm|conv))\.([12])\./, '$1$2.'),
  },
  // timm
  { family: 'MobileNet v2', mark: /^conv_stem\.weight$/, rename: mobilenetName },
  {
    family: 'VGG',
    mark: /^pre_logits\.fc1\.weight$/,
    rename: (name) =>
      name
        .replace(/^pre_logits\.fc1\./, 'classifier.0.')
        .replace(/^pre_logits\.fc2\./, 'classifier.3.')
        .replace(/^head\.fc\./, 'classifier.6.'),
    flattened: /^classifier\.[03]\.weight$/,
  },
  // The collection by Cadene, from which timm took the network.
  {
    family: 'Inception-ResNet v2',
    mark: /^last_linear\.weight$/,
    rename: (name) => name.replace(/^last_linear\./, 'classif.'),
  },
];

/**
 * `file` with the names and shapes that `model` has for its variables.
 * @throws UserError WEIGHTS_NAME_TWICE when two names of the file become one
 */
export function withNamesOf(model: Model, file: TensorFile, source: string): TensorFile {
  const names = [...file.shapes.keys()];
  const table = TABLES.find(
    ({ family, mark }) => family === model.family && names.some((name) => mark.test(name)),
  );
  if (!table) return file;
  const theirs = new Map<string, string>();
  for (const name of names) {
    const ours = table.rename(name);
    if (theirs.has(ours)) {
      throw new UserError(
        'WEIGHTS_NAME_TWICE',
        `${source} has both ${theirs.get(ours)} and ${name}, which are the same variable of ${model.name}.`,
        'A file of weights has one set of names.',
      );
    }
    theirs.set(ours, name);
  }
  const shapeOf = (name: string) => {
    const shape = file.shapes.get(theirs.get(name)!)!;
    return table.flattened?.test(name) && shape.length === 4
      ? [shape[0], shape[1] * shape[2] * shape[3]]
      : shape;
  };
  return {
    metadata: file.metadata,
    shapes: new Map([...theirs.keys()].map((name) => [name, shapeOf(name)])),
    read: async (name) => tensor('float32', shapeOf(name), (await file.read(theirs.get(name)!)).data),
  };
}
