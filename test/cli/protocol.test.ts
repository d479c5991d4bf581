/** `transferlab protocol`: the list, every number of a protocol with its source, and what two protocols differ in. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROTOCOLS, protocolHash } from '../../src/study/index.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { messagesOf, runCli } from './run.ts';

const COLUMNS = 80;

async function output(code: number, ...args: string[]): Promise<string> {
  const result = await runCli('protocol', ...args);
  expect([result.code, messagesOf(result)]).toEqual([code, []]);
  expect(Math.max(...result.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(COLUMNS);
  return result.stdout;
}

describe('protocol', () => {
  it('list has every protocol with its hash, and what a cell takes', async () => {
    const text = await output(0, 'list');
    for (const protocol of PROTOCOLS) {
      expect(text).toContain(`${protocol.name.padEnd(20)}${protocolHash(protocol).slice(0, 12)}`);
    }
    // 56 points and the final fit, of 20,000 steps of 256 images.
    expect(text).toContain(
      `56 points x 20,000 steps x 256 images: ${(57 * 20_000 * 256).toLocaleString('en')}`,
    );
  });

  it('show names each field with its value and where it is from', async () => {
    const text = await output(0, 'show', 'kornblith-2019');
    for (const { finetune, fixed } of PROTOCOLS) {
      for (const field of [...Object.keys(finetune), ...Object.keys(fixed)]) {
        expect(text).toMatch(new RegExp(`^  ${field} .*\\n +\\[(verified|memory|ours)\\] \\w`, 'm'));
      }
    }
    expect(text).toMatch(/^scratch\n {2}steps +40000\n +\[memory\] Chen et al\. 2020/m);
  });

  it('show as JSON has the same, for programs', async () => {
    const { stdout } = await runCli('protocol', 'show', 'mini', '--json');
    const { kind, version, hash, fields } = JSON.parse(stdout);
    const mini = PROTOCOLS.find(({ name }) => name === 'mini')!;
    expect([kind, version, hash]).toEqual(['protocol', 1, protocolHash(mini)]);
    expect(fields).toHaveLength(
      Object.keys(mini.fixed).length + Object.keys(mini.finetune).length + Object.keys(mini.scratch).length,
    );
    for (const { certainty, source } of fields) {
      expect(['verified', 'memory', 'ours']).toContain(certainty);
      expect(source).not.toBe('');
    }
  });

  it('diff has both values of what differs, and nothing else', async () => {
    expect(await output(0, 'diff', 'kornblith-2019', 'simclr-2020')).toBe(
      [
        'fixed.view',
        '- kornblith-2019    central-square, filter bicubic',
        '+ simclr-2020       short-side, filter bicubic',
        '',
      ].join('\n'),
    );
    expect(await output(0, 'diff', 'quick', 'quick')).toBe('quick and quick have networks do the same.\n');
    const { stdout } = await runCli('protocol', 'diff', 'quick', 'smoke', '--json');
    expect(JSON.parse(stdout).differences).toContainEqual({ part: 'finetune', field: 'steps', a: 60, b: 6 });
  });

  it('takes the protocol of a study file, and says what it changes', async () => {
    const path = join(await temporaryFolder(), 'study.yaml');
    const text =
      'title: t\nmodels: [resnet18]\ndatasets: [d]\nprotocol: { base: quick, finetune: { steps: 100 } }\n';
    await writeFile(path, text);
    const shown = await output(0, 'show', path);
    expect(shown).toMatch(/^quick\* /);
    expect(shown).toMatch(/^finetune\n {2}steps +100\n +\[ours\] changed from quick$/m);
    expect(shown).toMatch(/^scratch\n {2}steps +120\n +\[ours\] longer than fine-tuning/m);
    expect(await output(0, 'diff', 'quick', path)).toMatch(
      /^finetune\.steps\n- quick +60\n\+ quick\* +100\n$/,
    );
  });

  it('of an unknown name says the nearest', async () => {
    const result = await runCli('protocol', 'show', 'kornblith');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('There is no protocol "kornblith". Nearest: kornblith-2019');
  });
});
