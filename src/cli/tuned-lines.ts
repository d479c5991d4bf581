/** What `tune` found, as text. */

interface Seconds {
  readonly usual: number;
  readonly tuned: number;
}

/** The fields of the JSON document that the text shows. */
interface TunedDocument {
  readonly file: string;
  readonly formulations: string;
  readonly networks: readonly {
    readonly name: string;
    readonly inputSize: number;
    readonly batch: number;
    readonly convolutions: number;
    readonly timed: number;
    readonly seconds: Seconds;
    readonly changed: readonly {
      readonly convolution: string;
      readonly count: number;
      readonly usual: string;
      readonly chosen: string;
      readonly seconds: Seconds;
    }[];
  }[];
}

const milliseconds = (seconds: number) => (1000 * seconds).toFixed(seconds < 0.1 ? 2 : 0);

export function tunedLines({ networks, file, formulations }: TunedDocument): string[] {
  const lines = networks.flatMap(({ name, inputSize, batch, seconds: { usual, tuned }, ...network }) => [
    `${name}, ${batch} images of ${inputSize} pixels: ${network.convolutions} different convolutions and gradients, ${network.timed} with a choice`,
    ...network.changed.map(
      ({ convolution, count, usual, chosen, seconds }) =>
        `  ${convolution}${count > 1 ? ` (${count} times)` : ''}: ${chosen} ${milliseconds(seconds.tuned)} ms instead of ${usual} ${milliseconds(seconds.usual)} ms`,
    ),
    network.timed === 0
      ? '  Nothing to choose.'
      : `  In all ${milliseconds(tuned)} ms per step instead of ${milliseconds(usual)} ms, ${(usual / tuned).toFixed(2)} times as fast.`,
    '',
  ]);
  return [...lines, `Remembered in ${file} (${formulations}).`, ''];
}
