/** How much memory this process has held at most. */
import { readFileSync } from 'node:fs';

/**
 * The most bytes of physical memory that this process has held at one time since it began. Linux says so in
 * `VmHWM`; elsewhere it is the operating system's `maxrss`, which under Linux would count the parent's memory
 * from before the program was started.
 */
export function peakResidentBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return highWaterMark(readFileSync('/proc/self/status', 'utf8'));
}

/** The line `VmHWM:   123 kB` of a process's status, in bytes. */
export function highWaterMark(status: string): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kilobytes) * 1024;
}
