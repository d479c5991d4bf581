/** From option texts to checked values; each misuse is one clear message. */
import { DEVICES, type Device, defaultThreads, requireDevice } from '../runtime/index.ts';
import { SCORES, type ScoreName } from '../stats/transferability/names.ts';
import type { Setting } from '../store/index.ts';
import { SETTINGS } from '../study/plan.ts';
import { defaultCacheFolder } from '../util/cache-folder.ts';
import { UserError } from '../util/errors.ts';
import type { WorkOptions } from './inputs.ts';
import { OPTIONS, type OptionName, type OptionValues } from './options.ts';

export function textOf(values: OptionValues, name: OptionName): string {
  return String(values[name] ?? (OPTIONS[name] as { default?: string }).default ?? '');
}

/** A whole number from `low`. @throws UserError OPTION_NUMBER */
export function wholeNumber(values: OptionValues, name: OptionName, low: number): number {
  const text = textOf(values, name);
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= low && text.trim() !== '') return value;
  const flag = OPTIONS[name].flags.split(' ')[0];
  throw new UserError('OPTION_NUMBER', `${flag} was given "${text}".`, `Give a whole number from ${low}.`);
}

/** The parts of a comma-separated list. @throws UserError OPTION_EMPTY */
export function listOf(values: OptionValues, name: OptionName): string[] {
  const parts = textOf(values, name)
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length > 0) return [...new Set(parts)];
  throw new UserError(
    'OPTION_EMPTY',
    `${OPTIONS[name].flags.split(' ')[0]} was given an empty list.`,
    'Name at least one.',
  );
}

/** @throws UserError UNKNOWN_SETTING */
export function settingsOf(values: OptionValues): Setting[] {
  const named = listOf(values, 'settings');
  const unknown = named.find((name) => !SETTINGS.includes(name as Setting));
  if (unknown === undefined) return SETTINGS.filter((setting) => named.includes(setting));
  throw new UserError(
    'UNKNOWN_SETTING',
    `There is no setting "${unknown}".`,
    `Settings are ${SETTINGS.join(', ')}.`,
  );
}

/** How many networks to keep per data set, and by which score. @throws UserError OPTION_NUMBER, UNKNOWN_SCORE */
export function shortlistOf(values: OptionValues): { keep: number; score: ScoreName } | undefined {
  const name = textOf(values, 'shortlistBy');
  const score = SCORES.find((candidate) => candidate === name);
  if (score === undefined) {
    throw new UserError('UNKNOWN_SCORE', `There is no score "${name}".`, `Scores are ${SCORES.join(', ')}.`);
  }
  return values.shortlist === undefined ? undefined : { keep: wholeNumber(values, 'shortlist', 1), score };
}

const UNITS: Readonly<Record<string, number>> = { MB: 2 ** 20, MIB: 2 ** 20, GB: 2 ** 30, GIB: 2 ** 30 };

/** Bytes of `--memory`, such as `4GB` or `800MB`. @throws UserError OPTION_SIZE */
function memoryOf(values: OptionValues): number | undefined {
  if (values.memory === undefined) return undefined;
  const text = textOf(values, 'memory').trim();
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([MG]i?B)$/i.exec(text) ?? [];
  const bytes = Number(number) * UNITS[unit.toUpperCase()];
  if (bytes > 0) return Math.floor(bytes);
  throw new UserError('OPTION_SIZE', `--memory was given "${text}".`, 'Give a size such as 4GB or 800MB.');
}

export function threadsOf(values: OptionValues): number {
  return values.threads === undefined ? defaultThreads() : wholeNumber(values, 'threads', 1);
}

/** @throws UserError UNKNOWN_DEVICE, and DEVICE_MISSING when it does not work on this machine */
export async function deviceOf(values: OptionValues): Promise<Device> {
  const name = textOf(values, 'device');
  const device = DEVICES.find((candidate) => candidate === name);
  if (device === undefined) {
    throw new UserError(
      'UNKNOWN_DEVICE',
      `There is no device "${name}".`,
      `Devices are ${DEVICES.join(', ')}; \`transferlab doctor\` shows which work here.`,
    );
  }
  await requireDevice(device);
  return device;
}

/** Where and how cells are computed, but for the folder of the results and the seed of splits. */
export async function workOptionsOf(values: OptionValues): Promise<Omit<WorkOptions, 'out' | 'splitSeed'>> {
  return {
    cacheFolder: cacheFolderOf(values),
    offline: values.offline === true,
    threads: threadsOf(values),
    device: await deviceOf(values),
    memory: memoryOf(values),
    tuneSeconds: wholeNumber(values, 'tune', 0),
  };
}

/** `--cache`, else the operating system's place for such files. */
export function cacheFolderOf(values: OptionValues): string {
  if (typeof values.cache === 'string') return values.cache;
  return defaultCacheFolder();
}
