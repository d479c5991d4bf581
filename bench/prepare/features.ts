/**
 * The data of the logistic-regression rows: features as networks give them behind a ReLU and a mean, never negative,
 * correlated, with a spectrum that decays. Latent directions have falling strengths; classes are means in the
 * latent space. Written as raw float32 (images x columns) and int32 (labels), little-endian.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '../../src/tensor/index.ts';

interface Task {
  readonly images: number;
  readonly columns: number;
  readonly classes: number;
}

const LATENT = 128;
/** Length of class means in units of the spread within a class, chosen so that classes overlap. */
const SEPARATION = 0.35;

/** Writes `folder`/features.f32 and `folder`/labels.i32. */
export async function prepare(folder: string, { images, columns, classes }: Task): Promise<void> {
  const random = new Random(4, 'bench', images, columns, classes);
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const strengths = Float32Array.from({ length: LATENT }, (_, i) => (i + 1) ** -0.5);
  const mixing = normals(LATENT * columns).map((value, i) => value * strengths[Math.floor(i / columns)]);
  const offsets = normals(columns).map((value) => 0.5 * value - 0.5);
  const means = normals(classes * LATENT).map((value) => value * SEPARATION);
  const labels = Int32Array.from({ length: images }, (_, i) => i % classes);
  const features = new Float32Array(images * columns);
  const row = new Float64Array(columns);
  for (let image = 0; image < images; image++) {
    row.set(offsets);
    for (let i = 0; i < LATENT; i++) {
      const strength = random.normal() + means[labels[image] * LATENT + i];
      const from = i * columns;
      for (let j = 0; j < columns; j++) row[j] += strength * mixing[from + j];
    }
    for (let j = 0; j < columns; j++) {
      features[image * columns + j] = Math.max(0, row[j] + 0.3 * random.normal());
    }
  }
  await writeFile(join(folder, 'features.f32'), Buffer.from(features.buffer));
  await writeFile(join(folder, 'labels.i32'), Buffer.from(labels.buffer));
}
