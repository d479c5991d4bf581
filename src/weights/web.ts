/** Weights at an address of the web, such as those of torchvision, whose file names end in a part of their checksum. */
import { existsSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { cacheSubfolder } from '../util/cache-folder.ts';
import { messageOf, UserError } from '../util/errors.ts';
import { sha256 } from '../util/hash.ts';
import { download, versionOf } from './download.ts';
import { request } from './http.ts';
import { type HubOptions, isOffline } from './hub.ts';

const FOLDER = 'downloads';

export interface WebFile {
  /** Path in the cache folder. */
  readonly path: string;
  /** Beginning of its SHA-256, where the name tells it. */
  readonly sha256?: string;
}

/**
 * The file of an address in the cache folder, downloaded if it is not there. `NAME-0123abcd.pth` is checked against that
 * beginning of its SHA-256 when it arrives.
 * @throws UserError DOWNLOAD_ADDRESS, DOWNLOAD_OFFLINE, DOWNLOAD_REFUSED, DOWNLOAD_LENGTH, and what `download` throws
 */
export async function webFile(address: string, options: HubOptions): Promise<WebFile> {
  const url = urlOf(address);
  const path = join(await cacheSubfolder(options.cacheFolder, FOLDER), placeOf(url));
  const hex = /-([0-9a-f]{8,64})\.\w+$/.exec(url.pathname)?.[1];
  const file = { path, ...(hex && { sha256: hex }) };
  if (existsSync(path)) return file;
  if (isOffline(options)) {
    throw new UserError(
      'DOWNLOAD_OFFLINE',
      `${address} is not in the cache folder ${options.cacheFolder}, and downloads are switched off.`,
      'Run once without --offline and without HF_HUB_OFFLINE.',
    );
  }
  const { patience } = options;
  const { headers } = await refusable(address, () => request(url, { method: 'HEAD', patience }));
  const version = versionOf(headers);
  const remote = {
    url,
    size: sizeOf(headers, address),
    ...(hex && { checksum: { kind: 'sha256' as const, hex } }),
    ...(version && { version }),
  };
  await refusable(address, () => download(remote, path, { ...options, name: fileName(url) }));
  return file;
}

function sizeOf({ 'content-length': said }: IncomingHttpHeaders, address: string): number {
  const size = Number(said);
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw new UserError(
    'DOWNLOAD_LENGTH',
    said === undefined
      ? `The server does not say how long ${address} is.`
      : `The server says that ${address} has ${said} bytes.`,
    'Check the address; or download the file by other means and open it by its path.',
  );
}

/** Whether the file of an address is in the cache folder. */
export function isDownloaded(cacheFolder: string, address: string): boolean {
  return existsSync(join(cacheFolder, FOLDER, placeOf(urlOf(address))));
}

/** Files of one name at different addresses are different files. */
function placeOf(url: URL): string {
  return join(sha256(url.href).slice(0, 16), fileName(url));
}

function urlOf(address: string): URL {
  if (URL.canParse(address)) return new URL(address);
  throw new UserError(
    'DOWNLOAD_ADDRESS',
    `${address} is no address of the web.`,
    'Write it as https://host/path/file.pth.',
  );
}

function fileName({ pathname, href }: URL): string {
  const name = pathname.split('/').at(-1) ?? '';
  if (/^[\w][\w.+-]*$/.test(name)) return name;
  throw new UserError(
    'DOWNLOAD_ADDRESS',
    `${href} ends in no file name.`,
    'Give the address of a file of weights.',
  );
}

async function refusable<T>(address: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      'DOWNLOAD_REFUSED',
      `${address} cannot be downloaded (${messageOf(error)}).`,
      'Check the address and the connection.',
      { cause: error },
    );
  }
}
