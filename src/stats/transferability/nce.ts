/**
 * NCE: how much is left to guess of an image's target class when its source class is known.
 *
 * Purpose: the negative conditional entropy of the target's labels given source labels; where images have no source
 * labels, as here, the class that the network takes them for.
 * Formula: NCE = -H(Y | Z) = sum over y, z of P(y, z) log (P(y, z) / P(z)), P being shares of the images. At most 0;
 * larger is better.
 * Reference: A. T. Tran, C. V. Nguyen & T. Hassner, "Transferability and hardness of supervised classification tasks",
 * ICCV 2019; source classes by the network's own prediction as in the comparison of Nguyen et al., ICML 2020.
 * Example: source classes 0, 0, 1, 1 of labels 0, 1, 1, 1 leave log 2 in half of the images: -0.347.
 */
import { invariant } from '../../util/errors.ts';
import { rowsByClass } from './features.ts';

/** Source class and label of every image. */
export function nce(sourceClasses: ArrayLike<number>, labels: ArrayLike<number>): number {
  const images = labels.length;
  invariant(
    sourceClasses.length === images && images > 0,
    `${sourceClasses.length} source classes of ${images} images`,
  );
  let sum = 0;
  for (const ofSource of rowsByClass(sourceClasses).values()) {
    const counts = rowsByClass(ofSource.map((row) => labels[row]));
    for (const { length } of counts.values()) sum += length * Math.log(length / ofSource.length);
  }
  return sum / images;
}
