/**
 * Figures of test images: their nearest neighbours in the feature space, and where the network looks. Drawn as SVG
 * by hand, since they are pictures in a grid.
 */
import { isPicture, shortened } from '../../figures/draw.ts';
import { percent } from '../../format.ts';
import { html, type Markup, visible } from '../../markup.ts';
import type { Panel as ImagePanel } from '../schema.ts';

type Thumbnails = ReadonlyMap<string, string> | undefined;
type NeighbourPanel = Extract<ImagePanel, { kind: 'neighbours' }>;
type ActivationPanel = Extract<ImagePanel, { kind: 'activation' }>;

const GAP = 5;
/** Room for a line of text above or below pictures. */
const LINE = 16;

/** A row per image: itself, then its neighbours; green edge: the same class, red: another. */
export function drawNeighbours(panel: NeighbourPanel, thumbnails: Thumbnails, width: number): Markup {
  const most = Math.max(0, ...panel.rows.map(({ neighbours }) => neighbours.length));
  const side = Math.floor((width - 10 - most * GAP) / (most + 1));
  const rowHeight = side + LINE + 8;
  const name = (label: number) => panel.classes[label] ?? `class ${label}`;
  const rows = panel.rows.map(({ image, label, neighbours }, row) => {
    const top = row * rowHeight;
    const own = { x: 0, y: top + LINE, side, uri: thumbnails?.get(image), name: image };
    const right = neighbours.filter((other) => other.label === label).length;
    return html`<text x="0" y="${top + 11}" text-anchor="start" font-size="11" fill="var(--ink)">${shortened(name(label), 30)} · ${right} of ${neighbours.length} alike</text>
${picture(own, 'var(--ink)', `${name(label)}\n${image}`)}
${neighbours.map((other, i) =>
  picture(
    {
      x: 10 + (i + 1) * (side + GAP) - GAP,
      y: top + LINE,
      side,
      uri: thumbnails?.get(other.image),
      name: other.image,
    },
    other.label === label ? 'var(--good)' : 'var(--bad)',
    `${name(other.label)}${other.label === label ? ' (same class)' : ' (another class)'}\ncosine similarity ${other.similarity.toFixed(3)}\n${other.image}`,
  ),
)}`;
  });
  return svg(
    `Nearest neighbours of test images in the features of ${panel.model}`,
    width,
    panel.rows.length * rowHeight,
    rows,
  );
}

/** Pairs of an image and the same with the activation of the predicted class over it, two pairs in a row. */
export function drawActivations(panel: ActivationPanel, thumbnails: Thumbnails, width: number): Markup {
  const side = Math.floor((width - 3 * GAP - 10) / 4);
  const rowHeight = side + LINE + 10;
  const name = (label: number) => panel.classes[label] ?? `class ${label}`;
  const items = panel.rows.map(({ image, label, predicted, probability, seen, overlay }, i) => {
    const x = (i % 2) * (2 * (side + GAP) + 10 - GAP + GAP);
    const y = Math.floor(i / 2) * rowHeight;
    const right = label === predicted;
    const color = right ? 'var(--good)' : 'var(--bad)';
    const caption = `${name(predicted)} ${percent(probability, 0)}`;
    const title = `true: ${name(label)}\npredicted: ${name(predicted)} ${percent(probability)}\n${image}`;
    return html`${picture({ x, y, side, uri: thumbnails?.get(seen), name: image }, 'var(--line)', title)}
${picture({ x: x + side + GAP, y, side, uri: thumbnails?.get(overlay), name: image }, color, title)}
<text x="${x}" y="${y + side + 12}" text-anchor="start" font-size="11" fill="${color}">${shortened(caption, Math.floor((2 * side) / 6))}</text>`;
  });
  const rows = Math.ceil(panel.rows.length / 2) * rowHeight;
  if (panel.missing === null) return svg(`Where ${panel.model} looks`, width, rows, items);
  const none = `None: ${panel.missing}.`;
  return svg(none, width, 2 * LINE, [
    html`<text x="0" y="${LINE}" text-anchor="start" font-size="11">${shortened(none, Math.floor(width / 5.5))}<title>${visible(none)}</title></text>`,
  ]);
}

function svg(description: string, width: number, height: number, content: readonly Markup[]): Markup {
  return html`<svg class="plot" role="img" aria-label="${description}" width="${width}" height="${Math.max(1, height)}" viewBox="0 0 ${width} ${Math.max(1, height)}" font-size="12" fill="currentColor">${content}</svg>`;
}

interface Picture {
  readonly x: number;
  readonly y: number;
  readonly side: number;
  readonly uri: string | undefined;
  readonly name: string;
}

/** An image without a thumbnail shows the end of its name, which tells images of a folder apart. */
function picture({ x, y, side, uri, name }: Picture, edge: string, title: string): Markup {
  const shown = isPicture(uri)
    ? html`<image x="${x}" y="${y}" width="${side}" height="${side}" preserveAspectRatio="xMidYMid slice" href="${uri}"/>`
    : html`<rect x="${x}" y="${y}" width="${side}" height="${side}" fill="var(--wash)"/><text x="${x + side / 2}" y="${y + side / 2}" font-size="8" text-anchor="middle">${shortened(name, Math.max(4, Math.floor(side / 5)))}</text>`;
  return html`<g>${shown}<rect x="${x + 1}" y="${y + 1}" width="${side - 2}" height="${side - 2}" fill="none" stroke="${edge}" stroke-width="2"/><title>${visible(title)}</title></g>`;
}
