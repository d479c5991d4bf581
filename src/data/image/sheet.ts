/** A picture of cells in rows, white where nothing was put. */
import sharp from 'sharp';
import type { DecodedImage } from '../contract.ts';

export interface SheetOptions {
  readonly columns: number;
  readonly rows: number;
  /** Side of a cell, and white pixels between cells. */
  readonly side: number;
  readonly gap: number;
}

export class Sheet {
  readonly #pixels: Buffer;
  readonly #width: number;
  readonly #height: number;
  readonly #step: number;

  constructor({ columns, rows, side, gap }: SheetOptions) {
    this.#step = side + gap;
    this.#width = columns * this.#step - gap;
    this.#height = rows * this.#step - gap;
    this.#pixels = Buffer.alloc(this.#width * this.#height * 3, 255);
  }

  /** Puts an image that fits a cell into its corner at the top left. */
  put({ width, height, pixels }: DecodedImage, row: number, column: number): void {
    for (let y = 0; y < height; y++) {
      const line = pixels.subarray(y * width * 3, (y + 1) * width * 3);
      this.#pixels.set(line, ((row * this.#step + y) * this.#width + column * this.#step) * 3);
    }
  }

  png(): Promise<Buffer> {
    return sharp(this.#pixels, { raw: { width: this.#width, height: this.#height, channels: 3 } })
      .png()
      .toBuffer();
  }
}

/** At most `most` positions of a list, evenly spaced from its first. */
export function evenlySpaced(length: number, most: number): number[] {
  const shown = Math.min(most, length);
  return Array.from({ length: shown }, (_, i) => Math.floor((i * length) / shown));
}
