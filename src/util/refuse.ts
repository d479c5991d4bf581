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

/**
 * A value of JSON as it may be shown: texts and numbers themselves, lists of them too, and what is nested deeper by its
 * kind, because it may be so deep that writing it fails.
 */
export function shownValue(value: unknown): string {
  const isList = Array.isArray(value) && value.slice(0, 8).every((item) => typeof item !== 'object');
  if (isList && value.length <= 8) return JSON.stringify(value).slice(0, 60);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : String(value);
}
