/** How something is refused: the error that a user reads, or its code. Any other error fails the test. */
import { UserError } from '../src/util/errors.ts';

const ACCEPTED = 'accepted';

function userError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}

/** Null where it is accepted. */
function outcomeOf(act: () => unknown): UserError | null {
  try {
    act();
  } catch (error) {
    return userError(error);
  }
  return null;
}

const settled = (work: Promise<unknown>): Promise<UserError | null> => work.then(() => null, userError);

function required(error: UserError | null): UserError {
  if (error) return error;
  throw new Error('it was accepted');
}

export const refusalBy = (act: () => unknown): UserError => required(outcomeOf(act));
export const refusalOf = async (work: Promise<unknown>): Promise<UserError> => required(await settled(work));

/** The code of the refusal, or "accepted". */
export const codeBy = (act: () => unknown): string => outcomeOf(act)?.code ?? ACCEPTED;
export const codeOf = async (work: Promise<unknown>): Promise<string> =>
  (await settled(work))?.code ?? ACCEPTED;
