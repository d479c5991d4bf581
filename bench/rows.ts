/** The table of comparisons. */

/** One of the programs that are compared. */
export interface SideDefinition {
  /** As tables call it: `PyTorch`. */
  readonly name: string;
  /** File below bench/, TypeScript, JavaScript or Python. */
  readonly program: string;
  /** What is needed besides Node: Python packages, or the packages of bench/package.json. */
  readonly needs?: readonly string[] | 'node peers';
  readonly options?: Readonly<Record<string, unknown>>;
  /** A new process for each repetition, where the first run is what counts. */
  readonly fresh?: true;
}

export interface Row {
  readonly name: string;
  /** One sentence: what is measured. */
  readonly about: string;
  readonly unit: 'images/s' | 's' | 'MiB' | '%';
  /** How the ratio is formed, so that it says how many times as fast, or how many times the memory. */
  readonly ratio: 'ours / peer' | 'peer / ours';
  /** What the ratio, or our own value, should at least or at most be. */
  readonly goal?: { readonly of?: 'ours'; readonly least?: number; readonly most?: number };
  readonly ours: SideDefinition;
  /** Of several peers the best counts. */
  readonly peers: readonly SideDefinition[];
  /** Repetitions when no number is asked for. */
  readonly repetitions: number;
  /** Turns that make one repetition, their quantities added up, where a side would otherwise work for many minutes. */
  readonly parts?: number;
  /** Rough seconds of preparation and of one repetition of all sides together, for the estimate of what is left. */
  readonly seconds: readonly [preparation: number, repetition: number];
  /** Options for every side. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Module below bench/ that fills a folder for the sides, which are told of it as `folder`. */
  readonly prepare?: string;
  /** A program that looks at what the sides left in the folder; what it finds joins the details. */
  readonly check?: SideDefinition;
}

const TORCH = ['torch', 'torchvision'];
const MEMORY_FORMATS = ['contiguous', 'channels last'];

/** PyTorch once for each of its forms, as which one is faster depends on network and machine. */
const pytorch = (program: string, forms: readonly string[], more: Partial<SideDefinition> = {}) =>
  forms.map(
    (form): SideDefinition => ({
      name: `PyTorch, ${form}`,
      program,
      needs: TORCH,
      options: { form },
      ...more,
    }),
  );

interface Network {
  readonly row: string;
  readonly model: string;
  readonly batch: number;
  /** Steps of one repetition: about a second's worth, at least one. */
  readonly steps: number;
  readonly passes: number;
  /** Rough seconds of one repetition of both sides, training. */
  readonly seconds: number;
}

const NETWORKS: readonly Network[] = [
  { row: 'resnet18-64', model: 'resnet18@64', batch: 32, steps: 6, passes: 4, seconds: 4 },
  { row: 'resnet50-224-n16', model: 'resnet50', batch: 16, steps: 1, passes: 1, seconds: 16 },
  { row: 'resnet50-224-n4', model: 'resnet50', batch: 4, steps: 2, passes: 2, seconds: 5 },
  { row: 'mobilenet_v2-224', model: 'mobilenet_v2', batch: 16, steps: 2, passes: 2, seconds: 8 },
  { row: 'densenet121-224', model: 'densenet121', batch: 8, steps: 1, passes: 1, seconds: 12 },
  { row: 'vgg16-224', model: 'vgg16', batch: 4, steps: 1, passes: 1, seconds: 16 },
];

const describe = ({ model, batch }: Pick<Network, 'model' | 'batch'>) =>
  `${model.split('@')[0]} on ${batch} images of ${model.split('@')[1] ?? 224} px`;

const training = (network: Network): Row => ({
  name: `train/${network.row}`,
  about: `Training step (forward, backward, Nesterov update with weight decay), ${describe(network)}`,
  unit: 'images/s',
  ratio: 'ours / peer',
  goal: { least: 1 },
  ours: { name: 'transferlab', program: 'ours/train.ts' },
  peers: pytorch('peers/torch_train.py', MEMORY_FORMATS),
  repetitions: 7,
  seconds: [6 * network.seconds, network.seconds],
  options: { model: network.model, batch: network.batch, steps: network.steps },
});

/** `frozen`: against PyTorch's compiled form, with which few extract features, instead of the one that most use. */
const inference = (network: Network, frozen: boolean): Row => ({
  name: `infer${frozen ? '-frozen' : ''}/${network.row}`,
  about: `Feature extraction, ${describe(network)}`,
  unit: 'images/s',
  ratio: 'ours / peer',
  ours: { name: 'transferlab', program: 'ours/infer.ts' },
  peers: pytorch('peers/torch_infer.py', frozen ? ['frozen by torch.jit'] : MEMORY_FORMATS),
  repetitions: 7,
  seconds: [3 * network.seconds, network.seconds / 3],
  options: { model: network.model, batch: network.batch, steps: network.passes },
});

const memory = (network: Network): Row => ({
  name: `memory/${network.row}`,
  about: `Peak resident memory of a process that does five training steps, ${describe(network)}`,
  unit: 'MiB',
  ratio: 'ours / peer',
  goal: { most: 1.2 },
  ours: { name: 'transferlab', program: 'ours/memory.ts', fresh: true },
  peers: pytorch('peers/torch_memory.py', MEMORY_FORMATS, { fresh: true }),
  repetitions: 1,
  seconds: [0, 9 * network.seconds],
  options: { model: network.model, batch: network.batch },
});

const build = (row: string, model: string, batch: number): Row => ({
  name: `build/${row}`,
  about: `From architecture to a training step that can run, ${describe({ model, batch })}`,
  unit: 's',
  ratio: 'peer / ours',
  goal: { of: 'ours', most: 20 },
  ours: { name: 'transferlab', program: 'ours/build.ts', fresh: true },
  peers: [],
  repetitions: 3,
  seconds: [0, 40],
  options: { model, batch },
});

const SMALL_CNN = {
  unit: 'images/s',
  ratio: 'ours / peer',
  goal: { least: 5 },
  ours: { name: 'transferlab', program: 'ours/small-cnn.ts' },
  repetitions: 7,
  options: { batch: 32, size: 32, channels: [16, 32, 64], classes: 10 },
} as const;

const smallCnn = (name: string, title: string, peer: SideDefinition, seconds: number): Row => ({
  ...SMALL_CNN,
  name,
  about: `Training step of a small network (convolutions of 16, 32 and 64 channels) on 32 images of 32 px, ${title}`,
  peers: [peer],
  seconds: [3 * seconds, seconds],
});

/** Of the 45 penalties of a path. */
const PARTS = 9;

const regression = (images: number, columns: number, classes: number, seconds: number): Row => ({
  name: `logreg/${images}x${columns}x${classes}`,
  about: `Logistic regression on ${images.toLocaleString('en')} x ${columns.toLocaleString('en')} features of ${classes} classes: the path of 45 penalties, each from the solution before`,
  unit: 's',
  ratio: 'peer / ours',
  goal: { least: 5 },
  ours: { name: 'transferlab', program: 'ours/logistic-regression.ts' },
  peers: [
    {
      name: 'scikit-learn',
      program: 'peers/sklearn_path.py',
      needs: ['sklearn'],
    },
  ],
  repetitions: 3,
  seconds: [20, seconds],
  parts: PARTS,
  options: { images, columns, classes, parts: PARTS },
  prepare: 'prepare/features.ts',
  check: { name: 'check', program: 'peers/logreg_check.py', needs: ['numpy'] },
});

/** What the data rows differ in. */
interface Loading {
  /** How many files of what size. */
  readonly files: { readonly images: number; readonly width: number; readonly height: number };
  readonly epoch: 'first' | 'later';
  readonly transform: 'train' | 'centre';
  readonly least: number;
}

/** Files as of ImageNet, and as cameras make them. */
const SMALL_FILES = { images: 512, width: 500, height: 375 };
const CAMERA_FILES = { images: 64, width: 4032, height: 3024 };

/** Peers decode the files in every epoch: for random crops with the resize that our first epoch has, or without. */
const loading = (name: string, about: string, { files, epoch, transform, least }: Loading): Row => ({
  name,
  about,
  unit: 'images/s',
  ratio: 'ours / peer',
  goal: { least },
  ours: { name: 'transferlab', program: 'ours/loading.ts', options: { epoch } },
  peers: Object.entries(
    transform === 'train'
      ? { 'torchvision, short side first': true, 'torchvision, crop of the whole file': false }
      : { torchvision: true },
  ).map(([peer, shrink]) => ({
    name: peer,
    options: { shrink },
    program: 'peers/torchvision_loader.py',
    needs: [...TORCH, 'PIL'],
  })),
  repetitions: 5,
  seconds: [40, 15],
  options: { ...files, batch: 32, transform },
  prepare: 'prepare/jpegs.ts',
});

export const ROWS: readonly Row[] = [
  ...NETWORKS.map(training),
  ...NETWORKS.map((network) => inference(network, false)),
  ...NETWORKS.map((network) => inference(network, true)),
  ...NETWORKS.map(memory),
  build('densenet201-224', 'densenet201', 8),
  build('resnet152-224', 'resnet152', 8),
  build('vgg16-224', 'vgg16', 4),
  {
    name: 'peak/resnet50',
    about:
      "ResNet-50 training on 16 images of 224 px as a share of the machine's matrix-product peak in the same runtime, counting three times the forward pass's multiply-adds",
    unit: '%',
    ratio: 'ours / peer',
    goal: { of: 'ours', least: 55 },
    ours: { name: 'transferlab', program: 'ours/peak.ts' },
    peers: pytorch('peers/torch_peak.py', MEMORY_FORMATS),
    repetitions: 5,
    seconds: [120, 20],
    options: { model: 'resnet50', batch: 16, multiplyAdds: 4_087_136_256 },
  },
  smallCnn(
    'tfjs/small-cnn-wasm',
    'TensorFlow.js with its wasm backend',
    {
      name: 'TensorFlow.js wasm',
      program: 'peers/tfjs.mjs',
      needs: 'node peers',
      options: { backend: 'wasm' },
    },
    3,
  ),
  smallCnn(
    'tfjs/small-cnn-cpu',
    'TensorFlow.js with its plain backend',
    {
      name: 'TensorFlow.js cpu',
      program: 'peers/tfjs.mjs',
      needs: 'node peers',
      options: { backend: 'cpu' },
    },
    6,
  ),
  smallCnn(
    'jaxjs/small-cnn',
    'jax-js',
    { name: 'jax-js wasm', program: 'peers/jax.mjs', needs: 'node peers' },
    3,
  ),
  regression(5000, 2048, 100, 900),
  regression(50000, 512, 10, 300),
  loading(
    'data/decode-augment',
    'JPEG files of 500 x 375 px to normalised, randomly cropped and mirrored 224 px batches: the first epoch',
    { files: SMALL_FILES, epoch: 'first', transform: 'train', least: 2 },
  ),
  loading(
    'data/decode-augment-camera',
    'JPEG files of 4,032 x 3,024 px to normalised, randomly cropped and mirrored 224 px batches: the first epoch',
    { files: CAMERA_FILES, epoch: 'first', transform: 'train', least: 2 },
  ),
  loading(
    'data/later-epochs',
    'JPEG files of 500 x 375 px, randomly cropped and mirrored, in later epochs, when we have kept the decoded images and torchvision decodes again',
    { files: SMALL_FILES, epoch: 'later', transform: 'train', least: 2 },
  ),
  loading(
    'data/cached',
    'The same files without augmentation: short side of 256 px and centre crop, from the decoded images that we have kept; torchvision decodes again',
    { files: SMALL_FILES, epoch: 'later', transform: 'centre', least: 10 },
  ),
  {
    name: 'selftest',
    about: 'Not a comparison: shows that the bench itself works',
    unit: 's',
    ratio: 'peer / ours',
    ours: { name: 'transferlab', program: 'ours/selftest.ts' },
    peers: [{ name: 'JavaScript loops', program: 'peers/selftest.mjs' }],
    repetitions: 3,
    seconds: [1, 0.1],
    options: { size: 64 },
  },
];

/** The rows that `pattern` names: one by its name, or all below `train/`. */
export function rowsNamed(pattern: string): readonly Row[] {
  const group = pattern.endsWith('/') ? pattern : `${pattern}/`;
  return ROWS.filter(({ name }) => name === pattern || name.startsWith(group));
}
