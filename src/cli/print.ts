/** The answer of a command on standard output. */
import type { OptionValues } from './options.ts';

/** The document where `--json` asks for it, else the text, which is not made otherwise. */
export function print(values: OptionValues, document: object, text: () => string): void {
  process.stdout.write(values.json === true ? `${JSON.stringify(document, null, 2)}\n` : text());
}
