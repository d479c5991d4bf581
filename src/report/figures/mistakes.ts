/** Figure: the test images that the best network got wrong with the highest probability, as pictures. */
import type { CellResult, Prediction } from '../../store/records.ts';
import { percent } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { isPicture } from './draw.ts';

/** Misclassified test images, the most confident first; none where an image has no single right answer. */
export function confidentMistakes({ predictions }: CellResult, most = 24): Prediction[] {
  return predictions
    .filter(({ label, predicted, labels }) => !labels && label !== predicted)
    .sort((a, b) => b.probability - a.probability || (a.image < b.image ? -1 : 1))
    .slice(0, most);
}

/** A grid of captioned pictures; an image without a thumbnail shows its name. */
export function drawMistakes(
  mistakes: readonly Prediction[],
  classes: readonly string[],
  thumbnails: ReadonlyMap<string, string> | undefined,
): Markup {
  return html`<ul class="pictures">${mistakes.map(({ image, label, predicted, probability }) => {
    const uri = thumbnails?.get(image);
    const picture = isPicture(uri)
      ? html`<img src="${uri}" alt="${image}" title="${image}">`
      : html`<span class="no-picture">${image}</span>`;
    return html`<li>${picture}<span class="picture-true"><b>${classes[label]}</b></span><span class="picture-predicted">${classes[predicted]}, ${percent(probability, 0)}</span></li>`;
  })}</ul>`;
}
