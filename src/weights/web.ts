/** Weights at an address of the web, such as those of torchvision, whose file names end in a part of their checksum. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheSubfolder } from '../util/cache-folder.ts';
import { messageOf, UserError } from '../util/errors.ts';
import { download } from './download.ts';
import { request } from './http.ts';
import { type HubOptions, isOffline } from './hub.ts';

const FOLDER = 'downloads';

/**
 * Path of the file in the cache folder, downloaded if it is not there. `NAME-0123abcd.pth` is checked against that
 * beginning of its SHA-256.
 * @throws UserError DOWNLOAD_ADDRESS, DOWNLOAD_OFFLINE, DOWNLOAD_REFUSED, and what `download` throws
 */
export async function webFile(address: string, options: HubOptions): Promise<string> {
  const url = new URL(address);
  const target = join(await cacheSubfolder(options.cacheFolder, FOLDER), fileName(url));
  if (existsSync(target)) return target;
  if (isOffline(options)) {
    throw new UserError(
      'DOWNLOAD_OFFLINE',
      `${address} is not in the cache folder ${options.cacheFolder}, and downloads are switched off.`,
      'Run once without --offline and without HF_HUB_OFFLINE.',
    );
  }
  const { patience } = options;
  const size = await refusable(address, async () => {
    const { headers } = await request(url, { method: 'HEAD', patience });
    return Number(headers['content-length'] ?? Number.NaN);
  });
  const hex = /-([0-9a-f]{8,64})\.\w+$/.exec(url.pathname)?.[1];
  const remote = { url, size, ...(hex && { checksum: { kind: 'sha256' as const, hex } }) };
  await refusable(address, () => download(remote, target, { ...options, name: fileName(url) }));
  return target;
}

/** Whether the file of an address is in the cache folder. */
export function isDownloaded(cacheFolder: string, address: string): boolean {
  return existsSync(join(cacheFolder, FOLDER, fileName(new URL(address))));
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
