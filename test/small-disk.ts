/** A small file system of our own, in a name space of our own, needs no rights and leaves no trace. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs a shell script that finds the disk at `$0` and `parameters` from `$1`. */
export function onSmallDisk(megabytes: number, script: string, ...parameters: string[]) {
  const disk = mkdtempSync(join(tmpdir(), 'transferlab-disk-'));
  const run = `mount -t tmpfs -o size=${megabytes}m none "$0" && ${script}`;
  const nameSpace = ['--user', '--map-root-user', '--mount', 'sh', '-c', run, disk, ...parameters];
  const child = spawnSync('/usr/bin/unshare', nameSpace, { encoding: 'utf8', timeout: 200_000 });
  rmdirSync(disk);
  return child;
}

export const canMount = onSmallDisk(1, 'true').status === 0;
export const skippedWithoutMount = canMount ? '' : ' (skipped: unshare and mount are not allowed here)';
