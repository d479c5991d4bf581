/** The error of a file whose parts contradict each other. */
import { UserError } from '../util/errors.ts';

/** @param title what contradicts itself, for example `tensor "conv1.weight"` */
export function inconsistent(title: string, problem: string): UserError {
  return new UserError(
    'ONNX_UNREADABLE',
    `The ${title} ${problem}.`,
    'The file is damaged or incomplete: export or download it again.',
  );
}
