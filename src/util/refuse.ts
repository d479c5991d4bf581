/** How readers refuse a file: with its name, what was found in it and what is allowed. */
import { UserError } from './errors.ts';

/** The refusal of one file: a stable code, half a sentence on what was found, a sentence without its full stop. */
export type Refuse = (code: string, found: string, allowed: string) => never;

export function refusing(file: string, kind: string): Refuse {
  return (code, found, allowed) => {
    throw new UserError(code, `${file} is not a usable ${kind} file: ${found}.`, `${allowed}.`);
  };
}

/** A name from a file as it may be shown: quoted, with control characters escaped, not too long. */
export function shown(name: string): string {
  return JSON.stringify(name.slice(0, 120));
}
