/**
 * Downloads of large files. What has arrived stays beside the target under another name, so that the next attempt goes
 * on from there; the target appears only when its size and checksum are right.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, UserError } from '../util/errors.ts';
import { sha256 } from '../util/hash.ts';
import { type ProgressListener, silent } from '../util/progress.ts';
import { HttpRefusal, request } from './http.ts';

export interface RemoteFile {
  readonly url: URL;
  readonly size: number;
  /** What its bytes must be: the beginning of their SHA-256, or the hash that git gives them. */
  readonly checksum?: { readonly kind: 'sha256' | 'git'; readonly hex: string };
  /** See `versionOf`. Without it and without a checksum, what has arrived is of no use after an interruption. */
  readonly version?: string;
}

export interface DownloadOptions {
  /** What progress and errors call it. */
  readonly name: string;
  readonly onProgress?: ProgressListener;
  /** Sent to the host of the URL only. */
  readonly authorization?: string;
  /** Milliseconds before the second attempt, twice as many before each further one. */
  readonly pause?: number;
  /** Milliseconds without a byte after which a connection is given up. */
  readonly patience?: number;
}

/** Attempts in a row that bring nothing new. */
const MOST_ATTEMPTS = 5;
/** Milliseconds between reports of progress. */
const REPORT_EVERY = 200;

/**
 * Makes `target` the remote file.
 * @throws UserError DOWNLOAD_CUT when the connection keeps breaking, DOWNLOAD_CHANGED, DOWNLOAD_CHECKSUM, DISK_FULL, and
 *   what `request` throws
 */
export async function download(remote: RemoteFile, target: string, options: DownloadOptions): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const part = partPath(target, remote);
  const handle = await openPart(part);
  try {
    const held = canGoOn(remote) ? Math.min((await handle.stat()).size, remote.size) : 0;
    await requireRoom(remote.size - held, target, options);
    await fill(handle, held, remote, options);
    await handle.truncate(remote.size);
    await handle.sync();
  } catch (error) {
    throw await explained(error, part, target, remote, options);
  } finally {
    await handle.close();
  }
  try {
    await requireChecksum(part, remote, options);
    await rename(part, target);
  } catch (error) {
    // Another process that downloads the same was faster.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !existsSync(target)) throw error;
  }
}

/** The date of a change says which version something is when no other followed in the same moment (RFC 9110, 8.8.2.2). */
const SETTLED = 60_000;

/** What a server calls this version of a file by, strongly enough to go on from a part: RFC 9110, section 8.8. */
export function versionOf(headers: IncomingHttpHeaders): string | undefined {
  const { etag, date, 'last-modified': changed } = headers;
  if (etag?.startsWith('"')) return etag;
  return Date.parse(date ?? '') - Date.parse(changed ?? '') >= SETTLED ? changed : undefined;
}

/** Whether the headers name another version than `version`. */
function contradicts(headers: IncomingHttpHeaders, version: string): boolean {
  return (headers[version.startsWith('"') ? 'etag' : 'last-modified'] ?? version) !== version;
}

/** Named by its content or version, so that another version never goes on from this one's part. */
function partPath(target: string, { checksum, version, size }: RemoteFile): string {
  const mark = checksum?.hex.slice(0, 16) ?? `${size}${version ? `-${sha256(version).slice(0, 16)}` : ''}`;
  return join(dirname(target), `.${basename(target)}.${mark}.part`);
}

const canGoOn = ({ checksum, version }: RemoteFile) => checksum !== undefined || version !== undefined;

/** For writing anywhere; what is there stays. */
async function openPart(path: string): Promise<FileHandle> {
  const handle = await open(path, 'a+');
  await handle.close();
  return open(path, 'r+');
}

/** Requests what is missing until all is there. Writes at positions: two processes at once write the same bytes. */
async function fill(
  handle: FileHandle,
  held: number,
  remote: RemoteFile,
  options: DownloadOptions,
): Promise<void> {
  const progress = new Rate(held, remote.size, options);
  let [position, failures] = [held, 0];
  while (position < remote.size) {
    const before = position;
    try {
      position = await receive(handle, position, remote, options, progress);
    } catch (error) {
      if (error instanceof UserError || isDiskError(error) || isFinal(error)) throw error;
      const rangeRefused = error instanceof HttpRefusal && error.status === 416;
      position = rangeRefused || !canGoOn(remote) ? 0 : progress.position;
      failures = position > before ? 1 : failures + 1;
      if (failures >= MOST_ATTEMPTS) throw error;
      await wait((options.pause ?? 500) * 2 ** (failures - 1));
    }
  }
}

/** Whether asking again gives the same: all refusals but of ranges, of too many requests, and of a server in trouble. */
function isFinal(error: unknown): boolean {
  return error instanceof HttpRefusal && error.status < 500 && ![416, 429].includes(error.status);
}

/** One response, written from `position` on, or from the start when the server sends all of it. */
async function receive(
  handle: FileHandle,
  position: number,
  remote: RemoteFile,
  { name, authorization, patience }: DownloadOptions,
  progress: Rate,
): Promise<number> {
  const { url, size } = remote;
  const version = remote.checksum ? undefined : remote.version;
  const headers: Record<string, string> = {
    ...(position > 0 && { range: `bytes=${position}-` }),
    ...(position > 0 && version && { 'if-range': version }),
  };
  const response = await request(url, { method: 'GET', headers, authorization, patience });
  let [at, total] = rangeOf(response.headers['content-range']);
  const isOther = version !== undefined && contradicts(response.headers, version);
  if (isOther || (total ?? size) !== size) {
    response.body.destroy();
    throw changed(name);
  }
  if (at > position) throw new Error(`bytes from ${at} were sent instead of those from ${position}`);
  progress.moveTo(at);
  for await (const chunk of response.body) {
    if (at + chunk.length > size) throw new Error(`more than the announced ${size} bytes were sent`);
    for (let done = 0; done < chunk.length; ) {
      done += (await handle.write(chunk, done, chunk.length - done, at + done)).bytesWritten;
    }
    at += chunk.length;
    progress.moveTo(at);
  }
  if (at < size) throw new Error('the connection was cut');
  return at;
}

/** First byte and size of the whole of `bytes 100-199/200`; 0 without the header, when all is sent. */
function rangeOf(header: string | undefined): [start: number, total: number | undefined] {
  const [, start = 0, total] = /^bytes (\d+)-\d+(?:\/(\d+))?/.exec(header ?? '') ?? [];
  return [Number(start), total === undefined ? undefined : Number(total)];
}

function changed(name: string): UserError {
  return new UserError(
    'DOWNLOAD_CHANGED',
    `The server has another version of ${name} than at the beginning of the download.`,
    'Run the command again; if it stays so, download the file by other means and open it by its path.',
  );
}

/** Reports progress with rate and time left. */
class Rate {
  readonly #started = performance.now();
  readonly #first: number;
  #reported = 0;

  constructor(
    public position: number,
    private readonly size: number,
    private readonly options: DownloadOptions,
  ) {
    this.#first = position;
  }

  moveTo(position: number): void {
    this.position = position;
    const now = performance.now();
    if (now - this.#reported < REPORT_EVERY && position < this.size) return;
    this.#reported = now;
    const { name, onProgress = silent } = this.options;
    const perSecond = Math.max(position - this.#first, 0) / Math.max((now - this.#started) / 1000, 0.001);
    const left = perSecond > 0 ? `, about ${Math.ceil((this.size - position) / perSecond)} s left` : '';
    const note = `${inMegabytes(position)} of ${inMegabytes(this.size)}, ${inMegabytes(perSecond)}/s${left}`;
    onProgress({ phase: `download ${name}`, done: position, total: this.size, note });
  }
}

const inMegabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

async function requireRoom(missing: number, target: string, options: DownloadOptions): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(target));
  if (bavail * bsize < missing) throw diskFull(target, missing, options);
}

function diskFull(target: string, missing: number, { name }: DownloadOptions): UserError {
  return new UserError(
    'DISK_FULL',
    `There is no room for the ${inMegabytes(missing)} that ${name} still needs in ${dirname(target)}.`,
    'Free space there, or name another cache folder.',
  );
}

const DISK_ERRORS = ['ENOSPC', 'EDQUOT', 'EFBIG'];

function isDiskError(error: unknown): boolean {
  return DISK_ERRORS.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** What a failed download says. A part that no disk holds is removed, any other stays for the next attempt. */
async function explained(
  error: unknown,
  part: string,
  target: string,
  remote: RemoteFile,
  options: DownloadOptions,
): Promise<unknown> {
  if (error instanceof UserError || error instanceof HttpRefusal) return error;
  if (isDiskError(error)) {
    await rm(part, { force: true });
    return diskFull(target, remote.size, options);
  }
  return new UserError(
    'DOWNLOAD_CUT',
    `The download of ${options.name} was interrupted ${MOST_ATTEMPTS} times (${messageOf(error)}).`,
    canGoOn(remote) ? 'Run the command again: it goes on where it stopped.' : 'Run the command again.',
    { cause: error },
  );
}

async function requireChecksum(part: string, remote: RemoteFile, { name }: DownloadOptions): Promise<void> {
  const { checksum, size } = remote;
  if (!checksum) return;
  const hash = createHash(checksum.kind === 'git' ? 'sha1' : 'sha256');
  if (checksum.kind === 'git') hash.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(part)) hash.update(chunk as Buffer);
  const found = hash.digest('hex');
  if (found.startsWith(checksum.hex)) return;
  await rm(part, { force: true });
  throw new UserError(
    'DOWNLOAD_CHECKSUM',
    `What arrived of ${name} has the checksum ${found} instead of ${checksum.hex}; it was deleted.`,
    'Run the command again; if it stays so, something between here and the server changes files.',
  );
}
