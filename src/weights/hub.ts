/**
 * Weights from the Hugging Face hub, or a server that speaks its protocol: `HEAD owner/name/resolve/REVISION/FILE` tells
 * commit, size and checksum, `GET` of the same sends the bytes, by ranges if asked. What is once in the cache folder is
 * used as it is, without asking again.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { dirname, join } from 'node:path';
import { cacheSubfolder } from '../util/cache-folder.ts';
import { messageOf, UserError } from '../util/errors.ts';
import type { ProgressListener } from '../util/progress.ts';
import { type DownloadOptions, download, type RemoteFile, versionOf } from './download.ts';
import { HttpRefusal, request } from './http.ts';
import type { HubName } from './hub-name.ts';

export interface HubOptions {
  /** Holds the sub-folder `hub`. */
  readonly cacheFolder: string;
  /** Nothing is asked of the network. `HF_HUB_OFFLINE=1` says the same. */
  readonly offline?: boolean;
  readonly onProgress?: ProgressListener;
  /** See `DownloadOptions`. */
  readonly pause?: number;
  readonly patience?: number;
}

export interface HubFiles {
  readonly commit: string;
  /** Path of the weights in the cache folder. */
  readonly weights: string;
  /** SHA-256 that the hub gave for them. */
  readonly sha256?: string;
  /** The repository's config.json, where it has one. */
  readonly config?: unknown;
}

/** Files of weights, best first. */
const WEIGHT_FILES = ['model.safetensors', 'pytorch_model.bin'];
const CONFIG = 'config.json';
/** A description of a network is not larger. */
const LARGEST_CONFIG = 2 ** 20;

/**
 * Weights and description of a repository, from the cache folder or else the network.
 * @throws UserError HUB_OFFLINE, HUB_MISSING (no such repository, revision or file, or not public), HUB_GATED,
 *   HUB_UNREACHABLE, HUB_ENDPOINT, HUB_PROTOCOL, and what `download` throws
 */
export async function hubFiles(name: HubName, options: HubOptions): Promise<HubFiles> {
  const folder = repositoryFolder(await cacheSubfolder(options.cacheFolder, 'hub'), name.repository);
  const held = heldFile(folder, name);
  if (held) return describe(folder, held, name);
  if (isOffline(options)) throw offline(name, options.cacheFolder);
  const found = await fetchFiles(folder, name, options);
  if (!isCommit(name.revision)) {
    await mkdir(join(folder, 'refs'), { recursive: true });
    await writeFile(join(folder, 'refs', name.revision), found.commit);
  }
  return describe(folder, found, name);
}

/** Whether the weights of a repository's main branch are in the cache folder. */
export function isHeld(cacheFolder: string, repository: string): boolean {
  const folder = repositoryFolder(join(cacheFolder, 'hub'), repository);
  return heldFile(folder, { repository, revision: 'main' }) !== undefined;
}

function repositoryFolder(hub: string, repository: string): string {
  return join(hub, repository.replace('/', '--'));
}

/** By option or by environment. */
export function isOffline({ offline = false }: HubOptions): boolean {
  return offline || /^(1|true|yes|on)$/i.test(process.env.HF_HUB_OFFLINE ?? '');
}

interface Held {
  readonly commit: string;
  readonly file: string;
}

/** The weights that are there; they come last, so that what belongs to them is there too. */
function heldFile(folder: string, { revision, file }: HubName): Held | undefined {
  const reference = join(folder, 'refs', revision);
  const commit = isCommit(revision) || !existsSync(reference) ? revision : readFileSync(reference, 'utf8');
  const candidates = file === undefined ? WEIGHT_FILES : [file];
  const found = candidates.find((candidate) => existsSync(join(folder, commit, candidate)));
  return isCommit(commit) && found !== undefined ? { commit, file: found } : undefined;
}

async function describe(folder: string, { commit, file }: Held, name: HubName): Promise<HubFiles> {
  const at = (other: string) => join(folder, commit, other);
  const sha256 = existsSync(at(`${file}.sha256`)) ? await readFile(at(`${file}.sha256`), 'utf8') : undefined;
  const config = existsSync(at(CONFIG)) ? readConfig(await readFile(at(CONFIG), 'utf8'), name) : undefined;
  return { commit, weights: at(file), sha256, config };
}

const isCommit = (text: string) => /^[0-9a-f]{40}$/.test(text);

function readConfig(text: string, { repository }: HubName): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError(
      'HUB_PROTOCOL',
      `The ${CONFIG} of ${repository} is no JSON.`,
      'Name the architecture: registryName=hf:owner/name/file.',
    );
  }
}

/** Downloads weights and description. */
async function fetchFiles(folder: string, name: HubName, options: HubOptions): Promise<Held> {
  const weights = await firstRemote(name, name.file ? [name.file] : WEIGHT_FILES, options);
  // By the commit, so that both files are of one, even when the branch moves in between.
  const pinned = { ...name, revision: weights.commit };
  const config = await remoteFile(pinned, CONFIG, options);
  const into = (file: string) => join(folder, weights.commit, file);
  const settings = (file: string): DownloadOptions => ({
    ...options,
    name: `${name.repository}/${file}`,
    authorization: authorization(),
  });
  if (config && config.remote.size <= LARGEST_CONFIG) {
    await perform(name, () => download(config.remote, into(CONFIG), settings(CONFIG)));
  }
  const { file, remote, commit } = weights;
  if (remote.checksum?.kind === 'sha256') {
    await mkdir(dirname(into(file)), { recursive: true });
    await writeFile(into(`${file}.sha256`), remote.checksum.hex);
  }
  await perform(name, () => download(remote, into(file), settings(file)));
  return { commit, file };
}

interface Resolved {
  readonly file: string;
  readonly commit: string;
  readonly remote: RemoteFile;
}

async function firstRemote(name: HubName, files: readonly string[], options: HubOptions): Promise<Resolved> {
  for (const file of files) {
    const found = await remoteFile(name, file, options);
    if (found) return found;
  }
  throw new UserError(
    'HUB_MISSING',
    `${name.repository} at ${name.revision} has no ${files.join(' and no ')}.`,
    'Name its file of weights: hf:owner/name/file.safetensors.',
  );
}

/** What the hub says of a file; undefined when the repository has none of that name. */
async function remoteFile(
  name: HubName,
  file: string,
  { patience }: HubOptions,
): Promise<Resolved | undefined> {
  const { repository, revision } = name;
  const url = new URL(`${endpoint()}/${repository}/resolve/${revision}/${encodeURI(file)}`);
  const response = await perform(name, async () => {
    try {
      const settings = { authorization: authorization(), patience, enough: 'x-linked-etag' };
      return await request(url, { method: 'HEAD', ...settings });
    } catch (error) {
      const absent = error instanceof HttpRefusal && error.headers['x-error-code'] === 'EntryNotFound';
      if (absent) return undefined;
      throw error;
    }
  });
  return response && { file, ...described(response.headers, name, url) };
}

/** Commit, size and checksum. Files in git's large file storage have theirs in headers of their own. */
function described(headers: IncomingHttpHeaders, { repository }: HubName, url: URL): Omit<Resolved, 'file'> {
  const text = (key: string) => String(headers[key] ?? '');
  const commit = text('x-repo-commit');
  const size = Number(text('x-linked-size') || text('content-length') || Number.NaN);
  if (!isCommit(commit) || !Number.isSafeInteger(size) || size <= 0) {
    throw new UserError(
      'HUB_PROTOCOL',
      `${url.host} does not say commit and size of ${repository}, as the Hugging Face hub does.`,
      'Check HF_ENDPOINT.',
    );
  }
  const hex = (text('x-linked-etag') || text('etag')).replace(/^W\//, '').replaceAll('"', '');
  const kind = /^[0-9a-f]{64}$/.test(hex) ? 'sha256' : /^[0-9a-f]{40}$/.test(hex) ? 'git' : undefined;
  // A redirect that is answer enough speaks of itself, not of the server that sends the bytes.
  const version = text('x-linked-etag') ? undefined : versionOf(headers);
  return {
    commit,
    remote: { url, size, ...(kind && { checksum: { kind, hex } }), ...(version && { version }) },
  };
}

/** `HF_ENDPOINT`, else the hub. */
function endpoint(): string {
  const address = process.env.HF_ENDPOINT || 'https://huggingface.co';
  if (/^https?:\/\//.test(address) && URL.canParse(address)) return address.replace(/\/+$/, '');
  throw new UserError(
    'HUB_ENDPOINT',
    `HF_ENDPOINT is ${JSON.stringify(address)}, which is no address.`,
    'Write it with its scheme, for example https://huggingface.co, or unset it.',
  );
}

function authorization(): string | undefined {
  const token = process.env.HF_TOKEN;
  return token ? `Bearer ${token}` : undefined;
}

/** Runs a request and says what its failure means for the user. */
async function perform<T>(name: HubName, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw error instanceof HttpRefusal ? refused(error, name) : unreachable(error, name);
  }
}

function refused(error: HttpRefusal, { repository, revision }: HubName): UserError {
  const code = error.headers['x-error-code'];
  if (code === 'GatedRepo' || error.status === 403) {
    return new UserError(
      'HUB_GATED',
      `${repository} is open only to those who accepted its conditions.`,
      `Accept them at https://huggingface.co/${repository} and set HF_TOKEN to a token of yours that may read it.`,
      { cause: error },
    );
  }
  if (error.status === 401 || error.status === 404) {
    const what = code === 'RevisionNotFound' ? `${repository} has no revision ${revision}` : undefined;
    return new UserError(
      'HUB_MISSING',
      `${what ?? `There is no repository ${repository} on ${error.url.host}, or it is not public`}.`,
      '`transferlab models NAME` lists names that fit; for private repositories set HF_TOKEN.',
      { cause: error },
    );
  }
  return new UserError(
    'HUB_UNREACHABLE',
    `${error.url.host} answers ${error.status} when asked for ${repository}.`,
    'Try again later; what has arrived is kept.',
    { cause: error },
  );
}

function unreachable(error: unknown, { repository }: HubName): UserError {
  return new UserError(
    'HUB_UNREACHABLE',
    `${new URL(endpoint()).host} cannot be reached for ${repository} (${messageOf(error)}).`,
    'Check the connection; HF_ENDPOINT names another server, and a file on disk can be opened by its path.',
    { cause: error },
  );
}

function offline({ repository, revision }: HubName, cacheFolder: string): UserError {
  return new UserError(
    'HUB_OFFLINE',
    `${repository} at ${revision} is not in the cache folder ${cacheFolder}, and downloads are switched off.`,
    'Run once without --offline and without HF_HUB_OFFLINE, or copy the cache folder of a machine that has it.',
  );
}
