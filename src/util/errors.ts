/**
 * Errors for people. A `UserError` has a stable code and says what was given, what is allowed and what to
 * do next; the command line prints its message alone and exits with 1. Broken invariants of our own are
 * plain `Error`s whose message begins with `internal:` (see `invariant`).
 */
export class UserError extends Error {
  /**
   * @param code stable, SCREAMING_SNAKE_CASE, part of the public interface
   * @param given what was given or found, a full sentence
   * @param remedy what is allowed or what to do next, a full sentence
   */
  constructor(
    readonly code: string,
    readonly given: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${given} ${remedy}`, options);
    this.name = 'UserError';
  }
}

/** Throws `internal: ...` when `condition` is false: a bug of this program, never the user's fault. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`internal: ${message}`);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The names of `candidates` nearest to `name` by edit distance, best first: for "did you mean". */
export function nearestNames(name: string, candidates: readonly string[], most = 3): string[] {
  return [...candidates]
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      current[j] = Math.min(previous[j] + 1, current[j - 1] + 1, substitution);
    }
    previous = current;
  }
  return previous[b.length];
}
