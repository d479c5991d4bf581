/** The files of a copy whose MD5 is known, as downloaded: archives, lists, arrays. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type ProgressListener, silent } from '../../util/progress.ts';
import type { DatasetCheck } from './checks.ts';
import type { OfficialDataset } from './entry.ts';

/** One check for each such file; files that are not there are no deviation, as archives are deleted once unpacked. */
export async function hashChecks(
  { md5 = {} }: Pick<OfficialDataset, 'md5'>,
  path: string,
  onProgress: ProgressListener = silent,
): Promise<DatasetCheck[]> {
  const checks: DatasetCheck[] = [];
  const files = (await filesNear(resolve(path))).filter((file) => Object.hasOwn(md5, basename(file)));
  for (const [done, file] of files.entries()) {
    onProgress({ phase: 'check files', done, total: files.length });
    const name = basename(file);
    const found = await md5OfFile(file);
    checks.push({
      name: `MD5 of ${name}`,
      expected: md5[name],
      found,
      passed: found === md5[name],
      examples: [],
    });
  }
  return checks;
}

/** The file itself, or the files of a folder and of its own folders: deeper down are images. */
async function filesNear(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = (await readdir(path)).sort().map((name) => join(path, name));
  const found: string[] = [];
  for (const entry of entries) {
    const status = await stat(entry).catch(() => null);
    if (status?.isFile()) found.push(entry);
    else if (status?.isDirectory())
      for (const name of (await readdir(entry)).sort()) {
        const inside = join(entry, name);
        if ((await stat(inside).catch(() => null))?.isFile()) found.push(inside);
      }
  }
  return found;
}

async function md5OfFile(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
