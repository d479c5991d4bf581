/**
 * One owner per folder, by a lock file. The embedded database has no lock of its own, and two processes in
 * one folder would silently lose rows.
 *
 * The file names its holder: process, start of that process, machine. It appears whole (written aside, then
 * hard-linked to its name, which fails when the name exists). Its holder removes it; a holder that died
 * leaves it behind, and then it is replaced under a second lock whose name contains the token of the dead
 * one. Whoever holds that second lock and still finds the same token is the only one who may replace it:
 * a slower rival finds another token and starts over. A process that dies while it holds a second lock
 * leaves a stale lock like any other.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../util/errors.ts';
import { flush } from './durable-files.ts';

const RETRY_MILLISECONDS = 20;
const RETRIES = 250;

interface Holder {
  /** A UUID, unique to this taking of the lock. */
  readonly token: string;
  readonly pid: number;
  /** Distinguishes processes that had the same pid one after the other; null where unknown. */
  readonly processStart: string | null;
  readonly host: string;
  /** Processes of another name space cannot be looked up; null where there are none. */
  readonly pidNamespace: string | null;
  /** ISO 8601, UTC. */
  readonly since: string;
}

export interface LockHolder {
  readonly process: number;
  readonly host: string;
  /** On another machine or in another container, so that it cannot be asked whether it still runs. */
  readonly isElsewhere: boolean;
}

export interface Lock {
  /** Gives the lock back; harmless when done already. Also happens by itself when the process exits. */
  release(): void;
}

/**
 * Takes the lock, also from a process that died.
 * @throws UserError STORE_LOCKED when a living process, or one that cannot be judged from here, holds it
 */
export async function takeLock(path: string): Promise<Lock> {
  const mine = describeThisProcess();
  for (let attempt = 0; ; attempt++) {
    if (create(path, mine)) return held(path, mine);
    const found = read(path);
    if (found === null) continue;
    if (found === 'unreadable' || !isDead(found)) throw locked(path, found);
    const replaced = await replaceDead(path, found, mine);
    if (replaced) return held(path, mine);
    if (attempt >= RETRIES) throw locked(path, found);
    await sleep(RETRY_MILLISECONDS);
  }
}

/** The process that holds the lock, as far as can be judged from here; null when it is dead or there is no lock. */
export function holderOf(path: string): LockHolder | null {
  const found = read(path);
  if (found === null || found === 'unreadable' || isDead(found)) return null;
  return { process: found.pid, host: found.host, isElsewhere: isElsewhere(found) };
}

async function replaceDead(path: string, dead: Holder, mine: Holder): Promise<boolean> {
  const guard = await takeLock(`${path}.${dead.token}`).catch((error: unknown) => {
    if (error instanceof UserError) return null;
    throw error;
  });
  if (!guard) return false;
  try {
    const found = read(path);
    if (found === null || found === 'unreadable' || found.token !== dead.token) return false;
    const aside = writeAside(path, mine);
    renameSync(aside, path);
    return true;
  } finally {
    guard.release();
  }
}

function create(path: string, mine: Holder): boolean {
  const aside = writeAside(path, mine);
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error;
    return createWithoutLinks(path, mine);
  } finally {
    unlinkSync(aside);
  }
}

/** Some file systems have no hard links; there a kill in the middle can leave an unreadable lock. */
function createWithoutLinks(path: string, mine: Holder): boolean {
  try {
    writeFileSync(path, JSON.stringify(mine), { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function writeAside(path: string, mine: Holder): string {
  const aside = `${path}.${randomUUID()}.new`;
  writeFileSync(aside, `${JSON.stringify(mine, null, 2)}\n`, { flag: 'wx' });
  flush(aside);
  return aside;
}

function read(path: string): Holder | 'unreadable' | null {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>;
    const whole = /^[0-9a-f-]{36}$/.test(`${found.token}`) && Number.isInteger(found.pid);
    return whole ? (found as Holder) : 'unreadable';
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? null : 'unreadable';
  }
}

function held(path: string, mine: Holder): Lock {
  const release = () => {
    process.off('exit', release);
    const found = read(path);
    if (found !== null && found !== 'unreadable' && found.token === mine.token) unlinkSync(path);
  };
  process.on('exit', release);
  return { release };
}

function describeThisProcess(): Holder {
  return {
    token: randomUUID(),
    pid: process.pid,
    processStart: processStart(process.pid),
    host: hostname(),
    pidNamespace: pidNamespace(),
    since: new Date().toISOString(),
  };
}

/** True only when it is certain that the holder no longer runs. */
function isDead(holder: Holder): boolean {
  if (holder.host !== hostname() || holder.pidNamespace !== pidNamespace()) return false;
  if (holder.processStart !== null) return processStart(holder.pid) !== holder.processStart;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/**
 * On Linux the boot and the clock tick since boot at which a process started; null when it does not run
 * (a zombie does not) and on other systems.
 */
function processStart(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may contain anything, so count from its end:
    // then the first field is the state and the twentieth the start.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : `${boot}:${fields[19]}`;
  } catch {
    return null;
  }
}

function pidNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

function locked(path: string, holder: Holder | 'unreadable'): UserError {
  if (holder === 'unreadable') {
    return new UserError(
      'STORE_LOCKED',
      `The results folder is locked by "${path}", which cannot be read.`,
      'Make sure that no other command uses the folder, then delete that file.',
    );
  }
  const who =
    holder.pid === process.pid && !isElsewhere(holder)
      ? `this process (${holder.pid})`
      : `process ${holder.pid} on ${holder.host}`;
  return new UserError(
    'STORE_LOCKED',
    `The results folder is in use by ${who} since ${holder.since}.`,
    isElsewhere(holder)
      ? `Wait until it ends or use another folder; when it is certain that it no longer runs, delete "${path}".`
      : 'Wait until it ends, stop it, or use another folder.',
  );
}

function isElsewhere(holder: Holder): boolean {
  return holder.host !== hostname() || holder.pidNamespace !== pidNamespace();
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}
