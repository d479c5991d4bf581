/** A WebGPU device for tests: Chromium's Vulkan in software, where it is installed. */
import { existsSync } from 'node:fs';
import { describe } from 'vitest';

const DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const installed = existsSync(DRIVER);

/**
 * `describe` for tests that run graphs on WebGPU; prints why when it skips. The driver is chosen for the whole
 * process, so these tests have files of their own.
 */
export function describeWebgpu(name: string, body: () => void): void {
  if (installed) process.env.VK_ICD_FILENAMES = DRIVER;
  else console.warn(`skipped: "${name}" needs ${DRIVER}, which is absent`);
  describe.skipIf(!installed)(name, body);
}
