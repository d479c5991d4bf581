/** A folder of class folders whose classes are colours, so that a network learns them in a few steps. */
import { Random } from '../src/tensor/random.ts';
import { encoder, folderOf } from './data/pictures.ts';

const COLOURS = { red: [200, 60, 60], green: [60, 190, 60], blue: [60, 60, 210] } as const;

/** One noisy picture of a colour, 24 x 20 pixels, as PNG. */
function picture(colour: keyof typeof COLOURS, seed: number): Promise<Buffer> {
  const random = new Random(seed, colour);
  const pixels = Uint8Array.from(
    { length: 24 * 20 * 3 },
    (_, i) => COLOURS[colour][i % 3] + random.integer(45),
  );
  return encoder({ width: 24, height: 20, pixels }).png().toBuffer();
}

/** The files of `counts` pictures per class, by their paths. */
export async function colourFiles(
  counts: Readonly<Partial<Record<keyof typeof COLOURS, number>>>,
): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const [name, count] of Object.entries(counts)) {
    const colour = name as keyof typeof COLOURS;
    for (let i = 0; i < count; i++) files[`${colour}/${i}.png`] = await picture(colour, i);
  }
  return files;
}

/** A new folder with them; it is removed after the test file. */
export async function colourFolder(counts: Parameters<typeof colourFiles>[0]): Promise<string> {
  return folderOf(await colourFiles(counts));
}
