/** Every option of every command, in one typed table that feeds the parser and `--help`. */
import { DEVICES } from '../runtime/device.ts';
import { SCORES } from '../stats/transferability/names.ts';
import { SETTINGS } from '../study/plan.ts';
import { PROTOCOLS } from '../study/protocols.ts';

export interface OptionRow {
  /** As commander reads it, for example `--seeds <n>`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
}

const list = (names: readonly string[]) => names.join(', ');

export const OPTIONS = {
  models: {
    flags: '--models <list>',
    description:
      'comma-separated: file.safetensors, file.pth, file.onnx, architecture=file.pth, timm/NAME or hf:owner/name (downloaded), an architecture name (from scratch only), or demo/NAME',
    default: 'demo/resnet18_025,demo/mobilenet_v1_025,demo/mobilenet_v2_035',
  },
  settings: {
    flags: '--settings <list>',
    description: `comma-separated, of: ${list(SETTINGS)}`,
    default: SETTINGS.join(','),
  },
  protocol: {
    flags: '--protocol <name>',
    description: `how networks are trained and chosen: ${list(PROTOCOLS.map(({ name }) => name))}`,
    default: 'quick',
  },
  seeds: {
    flags: '--seeds <n>',
    description: 'how many times training is repeated with another seed',
    default: '1',
  },
  shortlist: {
    flags: '--shortlist <n>',
    description:
      'train only the n networks per data set whose features suit the training images best, by a score that needs no training',
  },
  shortlistBy: {
    flags: '--shortlist-by <score>',
    description: `the score: ${list(SCORES)}; where an image can have several classes it is always logme`,
    default: 'logme',
  },
  design: {
    flags: '--design <design>',
    description:
      'use only a part of the images or classes, or merge classes: a JSON file, or words such as per-class=10,seed=1; several with ; between them',
  },
  splitSeed: {
    flags: '--split-seed <n>',
    description: 'seed of the split of folders that have no train, validation and test parts',
    default: '0',
  },
  out: { flags: '--out <folder>', description: 'where results, report and networks go' },
  cache: {
    flags: '--cache <folder>',
    description:
      'where downloads, decoded images and measured speeds are kept between runs (default: transferlab in the user cache folder)',
  },
  offline: { flags: '--offline', description: 'download nothing: weights come from the cache folder' },
  threads: { flags: '--threads <n>', description: 'processor threads of the engine (default: all cores)' },
  device: {
    flags: '--device <name>',
    description: `where the engine runs: ${list(DEVICES)}; \`transferlab doctor\` shows which work here`,
    default: 'cpu',
  },
  memory: {
    flags: '--memory <size>',
    description:
      'memory that training may take, such as 4GB: batches that do not fit are divided (default: no limit)',
  },
  batch: { flags: '--batch <n>', description: 'images in a training step', default: '32' },
  tune: {
    flags: '--tune <seconds>',
    description: 'time so long, at the first start, which formulations of convolutions are fastest here',
    default: '0',
  },
  family: { flags: '--family <name>', description: 'only networks of this family, such as ResNet' },
  search: {
    flags: '--search <text>',
    description: 'only networks with this text in name, family or paper',
  },
  data: {
    flags: '--data <folder>',
    description:
      'where a published data set is: a folder or an archive, as `transferlab datasets NAME` describes',
  },
  sheet: { flags: '--sheet <file>', description: 'write sample images of each class into this PNG' },
  against: {
    flags: '--against <folder>',
    description: 'another data set, such as the one that networks were pre-trained on, to look for copies in',
  },
  network: {
    flags: '--network <weights>',
    description: 'a pre-trained network, named as in --models, that is asked where pixels do not decide',
  },
  json: { flags: '--json', description: 'print one JSON document instead of text' },
  top: { flags: '--top <n>', description: 'how many classes to show per image', default: '3' },
} as const satisfies Record<string, OptionRow>;

export type OptionName = keyof typeof OPTIONS;

/** Values as commander hands them over. */
export type OptionValues = Partial<Record<OptionName, string | boolean>>;
