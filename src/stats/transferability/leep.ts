/**
 * LEEP: how well the source classes that a network sees in the target's images foretell the target's classes.
 *
 * Purpose: the log-likelihood of the labels under the classifier that replaces the head by counting: the network gives
 * probabilities of its source classes z, and P(y | z) is taken from the same images.
 * Formula: theta(x)_z the network's probability of z for image x; P(y, z) = 1/n sum over images of class y of
 * theta(x)_z; P(y | z) = P(y, z) / sum over y of P(y, z); LEEP = 1/n sum log sum over z of P(y_i | z) theta(x_i)_z.
 * At most 0; larger is better.
 * Reference: C. V. Nguyen, T. Hassner, M. Seeger & C. Archambeau, "LEEP: a new measure to evaluate transferability of
 * learned representations", ICML 2020.
 * Example: two images that the network gives the source classes [0.8, 0.2] and [0.4, 0.6], of labels 0 and 1, have
 * P(0 | z) = 2/3 and 1/4, so LEEP = (log(0.8 2/3 + 0.2 1/4) + log(0.4 1/3 + 0.6 3/4)) / 2 = -0.539.
 */
import { invariant } from '../../util/errors.ts';
import { addTo, type Features, rowsByClass } from './features.ts';

/** @param probabilities [images, source classes], the rows of which sum to 1 */
export function leep(probabilities: Features, labels: ArrayLike<number>): number {
  const { rows, columns, mean } = probabilities;
  invariant(labels.length === rows, `${labels.length} labels of ${rows} images`);
  let sum = 0;
  for (const members of rowsByClass(labels).values()) {
    const joint = new Float64Array(columns);
    for (const row of members) addTo(joint, probabilities.row(row), 1 / rows);
    const conditional = joint.map((value, z) => (value === 0 ? 0 : value / mean[z]));
    for (const row of members) {
      const theta = probabilities.row(row);
      sum += Math.log(conditional.reduce((total, value, z) => total + value * theta[z], 0));
    }
  }
  return sum / rows;
}
