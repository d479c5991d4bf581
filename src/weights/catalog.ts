/**
 * Where pre-trained weights of the built-in networks are published, under names that `openModel` takes, with the input
 * that they were published with. Numbers are those of timm's and torchvision's configurations.
 */
import type { InputSpecification } from '../models/model.ts';
import { findModel } from '../models/registry.ts';
import { openFileSource } from '../util/byte-source.ts';
import { demoFile, demoNames } from './demo.ts';
import { isHeld } from './hub.ts';
import { modelOfFile, withStatedInput } from './metadata.ts';
import { openSafetensors } from './safetensors.ts';
import { using } from './tensor-file.ts';
import { isDownloaded } from './web.ts';

/** How published results were evaluated, beside size, mean and deviation. */
export interface PublishedEvaluation {
  /** Side of the central square that is shown, as a share of the short side. */
  readonly crop: number;
  readonly interpolation: string;
}

export interface PublishedWeights {
  /** What `openModel` takes. */
  readonly name: string;
  /** Registry name, with switches where the weights need them. */
  readonly model: string;
  /** With crop and interpolation only where they are published. */
  readonly input: InputSpecification & Partial<PublishedEvaluation>;
  readonly licence: string;
  /** `package`: comes with the program; `cache`: downloaded before; `network`: opening it downloads it. */
  readonly place: 'package' | 'cache' | 'network';
}

interface Row {
  readonly model: string;
  /** Architecture of timm and the tags of its weights, or an address. */
  readonly from: readonly [architecture: string, ...tags: string[]] | string;
  readonly input: Partial<InputSpecification> & PublishedEvaluation;
  readonly licence: string;
}

const BILINEAR: PublishedEvaluation = { crop: 0.875, interpolation: 'bilinear' };
const BICUBIC: PublishedEvaluation = { crop: 0.875, interpolation: 'bicubic' };
const STRIKES_BACK: PublishedEvaluation = { crop: 0.95, interpolation: 'bicubic' };
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const [BSD, APACHE] = ['bsd-3-clause', 'apache-2.0'];

const RESNETS = ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'];
const TORCHVISION = 'https://download.pytorch.org/models';

const ROWS: readonly Row[] = [
  ...RESNETS.flatMap((model): Row[] => [
    { model, from: [model, 'tv_in1k'], input: BILINEAR, licence: BSD },
    { model, from: [model, 'a1_in1k'], input: STRIKES_BACK, licence: APACHE },
  ]),
  ...RESNETS.slice(2).map(
    (model): Row => ({ model, from: [model, 'tv2_in1k'], input: { ...BILINEAR, size: 176 }, licence: BSD }),
  ),
  {
    model: 'resnet50+gn',
    from: ['resnet50_gn', 'a1h_in1k'],
    input: { crop: 0.94, interpolation: 'bicubic' },
    licence: APACHE,
  },
  { model: 'resnext50_32x4d', from: ['resnext50_32x4d', 'tv_in1k'], input: BILINEAR, licence: BSD },
  { model: 'resnext50_32x4d', from: ['resnext50_32x4d', 'a1h_in1k'], input: STRIKES_BACK, licence: APACHE },
  { model: 'resnext101_32x8d', from: ['resnext101_32x8d', 'tv_in1k'], input: BILINEAR, licence: BSD },
  { model: 'densenet121', from: ['densenet121', 'tv_in1k', 'ra_in1k'], input: BICUBIC, licence: APACHE },
  { model: 'densenet169', from: ['densenet169', 'tv_in1k'], input: BICUBIC, licence: APACHE },
  { model: 'densenet201', from: ['densenet201', 'tv_in1k'], input: BICUBIC, licence: APACHE },
  { model: 'mobilenet_v2', from: ['mobilenetv2_100', 'ra_in1k'], input: BICUBIC, licence: APACHE },
  { model: 'mobilenet_v2', from: `${TORCHVISION}/mobilenet_v2-b0353104.pth`, input: BILINEAR, licence: BSD },
  { model: 'mobilenet_v2_140', from: ['mobilenetv2_140', 'ra_in1k'], input: BICUBIC, licence: APACHE },
  { model: 'mobilenet_v2_050', from: ['mobilenetv2_050', 'lamb_in1k'], input: BICUBIC, licence: APACHE },
  { model: 'vgg16', from: ['vgg16', 'tv_in1k'], input: BILINEAR, licence: BSD },
  { model: 'vgg16_bn', from: ['vgg16_bn', 'tv_in1k'], input: BILINEAR, licence: BSD },
  { model: 'googlenet', from: `${TORCHVISION}/googlenet-1378be20.pth`, input: BILINEAR, licence: BSD },
  { model: 'inception_v3', from: ['inception_v3', 'tv_in1k', 'tf_in1k'], input: BICUBIC, licence: APACHE },
  {
    model: 'inception_v3',
    from: ['inception_v3', 'gluon_in1k'],
    input: { ...BICUBIC, ...IMAGENET },
    licence: APACHE,
  },
  { model: 'inception_v4', from: ['inception_v4', 'tf_in1k'], input: BICUBIC, licence: APACHE },
  {
    model: 'inception_resnet_v2',
    from: ['inception_resnet_v2', 'tf_in1k', 'tf_ens_adv_in1k'],
    input: { crop: 0.8975, interpolation: 'bicubic' },
    licence: APACHE,
  },
  {
    model: 'nasnetalarge',
    from: ['nasnetalarge', 'tf_in1k'],
    input: { crop: 0.911, interpolation: 'bicubic' },
    licence: APACHE,
  },
  { model: 'alexnet', from: `${TORCHVISION}/alexnet-owt-7be5be79.pth`, input: BILINEAR, licence: BSD },
  {
    model: 'squeezenet1_0',
    from: `${TORCHVISION}/squeezenet1_0-b66bff10.pth`,
    input: BILINEAR,
    licence: BSD,
  },
  {
    model: 'squeezenet1_1',
    from: `${TORCHVISION}/squeezenet1_1-b8a52dc0.pth`,
    input: BILINEAR,
    licence: BSD,
  },
];

/** Networks of timm whose weights no row lists. */
const OTHER_ARCHITECTURES: Readonly<Record<string, string>> = {
  mobilenetv2_035: 'mobilenet_v2_035',
  mobilenetv2_075: 'mobilenet_v2_075',
};

/** Our name of an architecture of timm; undefined for one that is not built in. */
export function modelOfArchitecture(architecture: string): string | undefined {
  const row = ROWS.find(({ from }) => typeof from !== 'string' && from[0] === architecture);
  return (
    row?.model ??
    (Object.hasOwn(OTHER_ARCHITECTURES, architecture) ? OTHER_ARCHITECTURES[architecture] : undefined)
  );
}

/**
 * All published weights of the built-in networks, or those of one, by its name without size and switches. First those
 * that come with the program.
 */
export async function publishedWeights(cacheFolder: string, model?: string): Promise<PublishedWeights[]> {
  const demo = await Promise.all(demoNames().map(demoWeights));
  const rows = ROWS.flatMap((row) =>
    namesOf(row).map((name) => ({
      name,
      model: row.model,
      input: { ...findModel(row.model).input, ...row.input },
      licence: row.licence,
      place: isHere(cacheFolder, name) ? ('cache' as const) : ('network' as const),
    })),
  );
  return [...demo, ...rows].filter((row) => model === undefined || row.model.split(/[+@-]/)[0] === model);
}

async function demoWeights(name: string): Promise<PublishedWeights> {
  const path = demoFile(name);
  return using(await openFileSource(path), async (source) => {
    const { metadata } = await openSafetensors(source, path);
    const model = withStatedInput(modelOfFile(path, metadata), metadata, path);
    const { licence = 'unknown' } = metadata;
    return { name: `demo/${name}`, model: model.name, input: model.input, licence, place: 'package' };
  });
}

function isHere(cacheFolder: string, name: string): boolean {
  return name.startsWith('https:') ? isDownloaded(cacheFolder, name) : isHeld(cacheFolder, name);
}

function namesOf({ from }: Row): string[] {
  if (typeof from === 'string') return [from];
  const [architecture, ...tags] = from;
  return tags.map((tag) => `timm/${architecture}.${tag}`);
}
