/**
 * `transferlab protocol list`, `show NAME` and `diff A B`: how networks are trained and chosen, and why so. In place of a
 * name may stand a study file, whose protocol is meant.
 */
import {
  diffProtocols,
  fieldsOf,
  findProtocol,
  PROTOCOLS,
  protocolHash,
  protocolOf,
  readStudy,
} from '../../study/index.ts';
import { COMMON_TO_ALL, sourceOf } from '../../study/protocol-sources.ts';
import { type Protocol, plannedSteps } from '../../transfer/index.ts';
import type { OptionValues } from '../options.ts';
import { print } from '../print.ts';
import { protocolDiffText, protocolListText, protocolText } from '../protocol-text.ts';

/** Version of the JSON documents of protocols. */
const VERSIONED = { version: 1 };

/** Prints the protocols that come with the program. */
export function listProtocols(values: OptionValues): void {
  print(values, { kind: 'protocols', ...VERSIONED, protocols: PROTOCOLS.map(headOf) }, protocolListText);
}

/** Prints every field of a protocol with its value and source. @throws UserError UNKNOWN_PROTOCOL, and those of `readStudy` */
export async function showProtocol(name: string, values: OptionValues): Promise<void> {
  const protocol = await protocolNamed(name);
  const fields = fieldsOf(protocol).map((field) => ({ ...field, ...sourceOf(protocol, field) }));
  print(values, { kind: 'protocol', ...VERSIONED, ...headOf(protocol), fields, common: COMMON_TO_ALL }, () =>
    protocolText(protocol),
  );
}

/** Prints the fields in which two protocols differ. @throws UserError UNKNOWN_PROTOCOL, and those of `readStudy` */
export async function showDifferences(nameA: string, nameB: string, values: OptionValues): Promise<void> {
  const [a, b] = [await protocolNamed(nameA), await protocolNamed(nameB)];
  const differences = diffProtocols(a, b);
  print(values, { kind: 'protocol-diff', ...VERSIONED, a: headOf(a), b: headOf(b), differences }, () =>
    protocolDiffText(a, b),
  );
}

async function protocolNamed(name: string): Promise<Protocol> {
  return /\.ya?ml$/.test(name) ? protocolOf((await readStudy(name)).protocol) : findProtocol(name);
}

function headOf(protocol: Protocol) {
  const { name, description, finetune, scratch } = protocol;
  const steps = { finetune: plannedSteps(finetune), scratch: plannedSteps(scratch) };
  return { name, description, hash: protocolHash(protocol), steps };
}
