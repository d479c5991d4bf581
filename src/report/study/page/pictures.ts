/** The parts of the page that show features as maps and test images as pictures. */
import { countOf, percent } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { type LegendEntry, legend } from '../../page/parts.ts';
import { classMark, drawEmbedding } from '../figures/embedding.ts';
import { drawActivations, drawNeighbours } from '../figures/pictures.ts';
import type { Embedding, Panel as ImagePanel, StudyDocument } from '../schema.ts';
import { column, type Table, tableOf } from '../tables/table.ts';
import { figureCard, type StudyFigure, slug, THIRD } from './figure.ts';
import { named, rowsWith, type TableIndex } from './tables.ts';

/** Pictures as data URIs by name of the data set and id of the image, or key of the picture. */
export type ThumbnailsByDataset = ReadonlyMap<string, ReadonlyMap<string, string>>;

const METHODS: Readonly<Record<Embedding['method'], string>> = { tsne: 't-SNE', umap: 'UMAP' };

export function embeddingPart({ embeddings }: StudyDocument, tables: TableIndex): Markup | null {
  if (embeddings.length === 0) return null;
  return html`<section class="part" id="features"><div class="lead"><h2>What the features look like</h2>
<p>Penultimate features of test images put on a plane so that neighbours stay neighbours. Distances between far groups and the size of groups mean little; whether classes form groups does.</p></div>
${embeddingFigures(embeddings, tables).map(figureCard)}</section>`;
}

/** A figure per data set and method, a panel per network and training. */
function embeddingFigures(embeddings: readonly Embedding[], tables: TableIndex): StudyFigure[] {
  return groupedBy(embeddings, ({ dataset, method }) => [dataset, method]).map((own, i) => {
    const [{ dataset, method, classes }] = own;
    const id = `features-${i + 1}-${slug(dataset)}-${method}`;
    return {
      id,
      title: `${dataset}, ${METHODS[method]}`,
      reading: `${countOf(classes.length, 'class', 'classes')}. Percent: accuracy of nearest neighbours in all dimensions.`,
      key: classLegend(classes),
      panels: own.map((embedding) => ({
        title: `${embedding.model}, ${embedding.setting}${embedding.knn === undefined ? '' : ` · ${percent(embedding.knn, 0)}`}`,
        svg: drawEmbedding(embedding, THIRD),
      })),
      tables: named(tables, 'embeddings').map((table) =>
        rowsWith(table, id, { 'Data set': dataset, Method: method }),
      ),
    };
  });
}

/** Classes beyond this many are read by pointing at them. */
const MOST_CLASSES = 24;

function classLegend(classes: readonly string[]): Markup {
  const entries = classes
    .slice(0, MOST_CLASSES)
    .map((name, i): LegendEntry => ({ name, sample: classSample(i) }));
  const rest = classes.length - MOST_CLASSES;
  return html`${legend(entries)}${rest > 0 ? html`<p class="muted small">and ${countOf(rest, 'more class', 'more classes')}</p>` : null}`;
}

const SHAPES: Readonly<Record<ReturnType<typeof classMark>['symbol'], string>> = {
  circle: 'M9,1 a5,5 0 1,0 0.01,0 Z',
  triangle: 'M9,1 L15,11 L3,11 Z',
  square: 'M4,1 h10 v10 h-10 Z',
  diamond: 'M9,0 L14,6 L9,12 L4,6 Z',
  cross: 'M7,1 h4 v3 h3 v4 h-3 v3 h-4 v-3 h-3 v-4 h3 Z',
  star: 'M9,0 L10.5,4.5 L15,4.5 L11.5,7.3 L12.8,12 L9,9.2 L5.2,12 L6.5,7.3 L3,4.5 L7.5,4.5 Z',
  wye: 'M7.5,12 v-5 l-4,-2.5 l1.5,-2.5 l4,2.4 l4,-2.4 l1.5,2.5 l-4,2.5 v5 Z',
  times: 'M5,0 L9,4 L13,0 L15,2 L11,6 L15,10 L13,12 L9,8 L5,12 L3,10 L7,6 L3,2 Z',
};

function classSample(label: number): Markup {
  const { color, symbol } = classMark(label);
  return html`<path d="${SHAPES[symbol]}" fill="${color}"/>`;
}

export function panelsPart({ panels }: StudyDocument, thumbnails: ThumbnailsByDataset): Markup | null {
  if (panels.length === 0) return null;
  return html`<section class="part" id="pictures"><div class="lead"><h2>What the networks see</h2>
<p>Test images as each network sees them: which other images it finds most alike, and which places made it decide.</p></div>
${panelFigures(panels, thumbnails).map(figureCard)}</section>`;
}

/** A figure per data set and kind, a panel per network and training. */
function panelFigures(panels: readonly ImagePanel[], thumbnails: ThumbnailsByDataset): StudyFigure[] {
  return groupedBy(panels, ({ dataset, kind }) => [dataset, kind]).map((own, i) => {
    const [{ dataset, kind }] = own;
    const pictures = thumbnails.get(dataset);
    const neighbours = kind === 'neighbours';
    const id = `pictures-${i + 1}-${slug(dataset)}-${kind}`;
    return {
      id,
      title: `${dataset}: ${neighbours ? 'nearest neighbours' : 'where the network looks'}`,
      reading: neighbours
        ? 'Left: a test image. Then the images with the most similar features; green edge: the same class, red: another.'
        : 'Left: a test image. Right: activation of the predicted class over it. Below: what was predicted; green: right, red: wrong.',
      panels: own.map((panel) => ({
        title: `${panel.model}, ${panel.setting}`,
        svg:
          panel.kind === 'neighbours'
            ? drawNeighbours(panel, pictures, THIRD)
            : drawActivations(panel, pictures, THIRD),
      })),
      tables: [imageTable(id, own)],
    };
  });
}

function imageTable(name: string, panels: readonly ImagePanel[]): Table {
  return tableOf(name, 'What the pictures show', panels.flatMap(imageRows), [
    column('text', 'Network', ({ of }) => of.model),
    column('text', 'Setting', ({ of }) => of.setting),
    column('text', 'Image', ({ image }) => image),
    column('text', 'Class', ({ of, label }) => of.classes[label] ?? String(label)),
    column('count', 'Rank', ({ rank }) => rank),
    column('text', 'Other image', ({ other }) => other),
    column('text', 'Found class', ({ of, found }) => of.classes[found] ?? String(found)),
    column('number', 'Similarity or probability', ({ value }) => value),
  ]);
}

interface ImageRow {
  readonly of: ImagePanel;
  readonly image: string;
  readonly label: number;
  /** Of a neighbour, from 1. */
  readonly rank: number | null;
  readonly other: string | null;
  /** Class of the neighbour, or the predicted one. */
  readonly found: number;
  /** Cosine similarity, or probability. */
  readonly value: number;
}

function imageRows(of: ImagePanel): ImageRow[] {
  if (of.kind === 'activation') {
    return of.rows.map(({ image, label, predicted, probability }) => ({
      of,
      image,
      label,
      rank: null,
      other: null,
      found: predicted,
      value: probability,
    }));
  }
  return of.rows.flatMap(({ image, label, neighbours }) =>
    neighbours.map((other, i) => ({
      of,
      image,
      label,
      rank: i + 1,
      other: other.image,
      found: other.label,
      value: other.similarity,
    })),
  );
}

function groupedBy<T>(values: readonly T[], key: (value: T) => readonly string[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const name = JSON.stringify(key(value));
    groups.set(name, [...(groups.get(name) ?? []), value]);
  }
  return [...groups.values()];
}
