/** The content address of an image, and the check that what is read later is still what was opened. */
import { UserError } from '../util/errors.ts';
import { contentHash, sha256 } from '../util/hash.ts';
import type { DecodedImage } from './contract.ts';

/** SHA-256 of a file's bytes, or of size and pixels where an image is no file. */
export function hashOfContent(content: Uint8Array | DecodedImage): string {
  if (content instanceof Uint8Array) return sha256(content);
  const { width, height, pixels } = content;
  return contentHash({ width, height, pixels: sha256(pixels) });
}

/** Whether this is the error of `unchanged`, or of an archive that changed. */
export const isFileChanged = (error: unknown): boolean =>
  error instanceof UserError && error.code === 'FILE_CHANGED';

/**
 * What is read of an image, if it is what was found when the data set was opened. Views are kept by content for all
 * data sets and runs to come, so other pixels under its hash would be wrong for good.
 * @param place where it lies, for the error
 * @throws UserError FILE_CHANGED
 */
export async function unchanged<T extends Uint8Array | DecodedImage>(
  reading: Promise<T>,
  hash: string,
  place: string,
): Promise<T> {
  const content = await reading;
  if (hashOfContent(content) === hash) return content;
  throw new UserError(
    'FILE_CHANGED',
    `The image ${place} changed while the program ran.`,
    'Run the command again when nothing writes to the data set any more.',
  );
}
