/**
 * What every store must do, whatever is behind it. An implementation calls `storeContract` with a way to
 * open an empty store and to close and open it again. Opening is slow, so the tests share one store and
 * each takes cells of its own.
 */

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cell, CellResult, Measurement, Prediction } from '../../src/store/records.ts';
import type { Store } from '../../src/store/store.ts';
import { sha256 } from '../../src/util/hash.ts';
import { sampleCell, sampleMeasurement, storedSample } from './samples.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** Closes the store and opens the same one again. */
  reopen(): Promise<Store>;
  /** Closes and removes everything. */
  remove(): Promise<void>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

let nextSeed = 0;

/** Cells that no test has used. */
function newCells(count: number): Cell[] {
  return Array.from({ length: count }, () => sampleCell(nextSeed++));
}

export function storeContract(name: string, openEmpty: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the store's contract`, () => {
    let under: StoreUnderTest;
    let store: Store;
    beforeAll(async () => {
      under = await openEmpty();
      store = under.store;
    });
    afterAll(() => under.remove());

    planning(() => store);
    finishing(() => store);
    failing(() => store);
    measurements(() => store);
    runRecords(() => store);
    artifacts(() => store);

    test('everything is there after closing and opening again', async () => {
      const cells = newCells(3);
      const result = await storedSample(store);
      await store.plan(cells);
      await store.finish(cells[0], result);
      await store.fail(cells[1], 'no memory');
      const measurement = sampleMeasurement(nextSeed++, result.network);
      await store.keepMeasurement(measurement);
      store = await under.reopen();
      expect((await store.cells()).slice(-3)).toEqual(cells);
      const outcomes = await store.outcomes(cells.map(({ key }) => key));
      expect([...outcomes.values()]).toEqual([
        { cell: cells[0], status: 'done', result },
        { cell: cells[1], status: 'failed', error: 'no memory' },
      ]);
      expect([...(await store.measurements([measurement.key])).values()]).toEqual([measurement]);
      expect(Buffer.from(await store.readArtifact(result.network)).toString()).toBe('a network');
    });

    test('a closed store refuses work, and closing waits for what is under way', async () => {
      const [cell] = newCells(1);
      const result = await storedSample(store);
      const underWay = store.finish(cell, result);
      await store.close();
      expect(await underWay).toBe('stored');
      await store.close();
      await expect(store.plan([])).rejects.toThrow('internal: the store is closed');
      await expect(store.cells()).rejects.toThrow('internal: the store is closed');
      store = await under.reopen();
      expect((await store.outcomes([cell.key])).get(cell.key)?.status).toBe('done');
    });
  });
}

function planning(store: () => Store): void {
  test('plan keeps the order and the first of equal keys', async () => {
    await store().plan([]);
    const [a, b, c] = newCells(3);
    await store().plan([c, b]);
    await store().plan([b, { ...c, model: 'other' }, a]);
    expect((await store().cells()).slice(-3)).toEqual([c, b, a]);
  });

  test('plan and outcomes take more cells than one statement can', async () => {
    const many = newCells(2500);
    await store().plan(many);
    expect((await store().cells()).slice(-2500)).toEqual(many);
    await store().fail(many[2400], 'late');
    await store().fail(many[3], 'early');
    const outcomes = await store().outcomes(many.map(({ key }) => key).reverse());
    expect([...outcomes.values()].map(({ cell }) => cell)).toEqual([many[2400], many[3]]);
  });
}

function finishing(store: () => Store): void {
  test('a result is returned in full and frozen; unknown and planned cells have no outcome', async () => {
    const [cell] = newCells(1);
    const result = await storedSample(store());
    const [planned] = newCells(1);
    await store().plan([cell, planned]);
    expect(await store().finish(cell, result)).toBe('stored');
    const outcomes = await store().outcomes(['unknown', planned.key, cell.key, cell.key]);
    expect([...outcomes.keys()]).toEqual([cell.key]);
    const outcome = outcomes.get(cell.key);
    expect(outcome).toEqual({ cell, status: 'done', result });
    const found = outcome as { cell: object; result: CellResult };
    for (const part of [found, found.cell, found.result, found.result.predictions[0], found.result.trials]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test('the first result stays', async () => {
    const result = await storedSample(store());
    const [cell] = newCells(1);
    expect(await store().finish(cell, result)).toBe('stored');
    const second = { ...result, trainImages: 7, trials: [], predictions: [] };
    expect(await store().finish(cell, second)).toBe('already-finished');
    expect((await store().outcomes([cell.key])).get(cell.key)).toEqual({ cell, status: 'done', result });
  });

  test('of results that arrive together exactly one is stored, whole', async () => {
    const base = await storedSample(store());
    const rivals = Array.from({ length: 8 }, (_, i) => ({
      ...base,
      trainImages: i,
      trials: base.trials.map((trial) => ({ ...trial, steps: i })),
      predictions: base.predictions.map((prediction) => ({ ...prediction, predicted: i })),
    }));
    const [cell] = newCells(1);
    const answers = await Promise.all(rivals.map((rival) => store().finish(cell, rival)));
    expect(answers.filter((answer) => answer === 'stored')).toHaveLength(1);
    const outcome = (await store().outcomes([cell.key])).get(cell.key);
    expect(outcome).toEqual({ cell, status: 'done', result: rivals[answers.indexOf('stored')] });
  });

  test('a result belongs to the store once it is given', async () => {
    const result = structuredClone(await storedSample(store()));
    const given = structuredClone(result) as Mutable<CellResult>;
    const [cell] = newCells(1);
    await store().finish(cell, given);
    given.trainImages = 0;
    (given.predictions[0] as Mutable<Prediction>).label = 99;
    expect((await store().outcomes([cell.key])).get(cell.key)).toEqual({ cell, status: 'done', result });
  });

  test('a result with a number that JSON lacks, or without its network, is refused and leaves nothing', async () => {
    const [cell] = newCells(1);
    const result = await storedSample(store());
    const curve = [{ ...result.curve[0], loss: Number.NaN }];
    await expect(store().finish(cell, { ...result, curve })).rejects.toThrow(
      'internal: result.curve.0.loss is NaN',
    );
    const network = { ...result.network, sha256: sha256('never stored') };
    await expect(store().finish(cell, { ...result, network })).rejects.toMatchObject({
      code: 'ARTIFACT_MISSING',
    });
    expect((await store().outcomes([cell.key])).size).toBe(0);
  });

  test('any text and any finite number comes back exactly', async () => {
    const base = await storedSample(store());
    // PostgreSQL's text has no zero byte, and JSON no negative zero.
    const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !value.includes('\0'));
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
    const numbers = fc.dictionary(text, number, { maxKeys: 3, noNullPrototype: true });
    const whole = fc.nat({ max: 2 ** 31 - 1 });
    const property = fc.asyncProperty(text, number, numbers, whole, async (name, real, table, count) => {
      const cell = { ...newCells(1)[0], dataset: name, determinedBy: { [name]: [real, name, table] } };
      const result: CellResult = {
        ...base,
        classes: [name],
        hyperparameters: table,
        test: { value: real, top1: -real, meanPerClass: real / 3, correct: count, n: count },
        trials: [
          { hyperparameters: table, status: 'stopped', validation: real, steps: count, seconds: real },
        ],
        curve: [{ step: count, loss: real, trainAccuracy: real, learningRate: real }],
        predictions: [{ image: name, label: count, predicted: count, probability: real }],
      };
      await store().finish(cell, result);
      const outcome = (await store().outcomes([cell.key])).get(cell.key);
      expect(outcome).toEqual({
        cell,
        status: 'done',
        result: { ...result, test: noNegativeZero(result.test) },
      });
    });
    await fc.assert(property, { numRuns: 40 });
  });
}

function noNegativeZero<T extends Record<string, number | null>>(numbers: T): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [name, value === null ? null : value + 0]),
  );
}

function failing(store: () => Store): void {
  test('the last failure counts, a later result replaces it, and then it stays finished', async () => {
    const [cell] = newCells(1);
    const outcome = async () => (await store().outcomes([cell.key])).get(cell.key);
    await store().fail(cell, 'first');
    await store().fail(cell, 'second, with \0 in it');
    expect(await outcome()).toEqual({ cell, status: 'failed', error: 'second, with  in it' });
    const result = await storedSample(store());
    expect(await store().finish(cell, result)).toBe('stored');
    expect(await outcome()).toEqual({ cell, status: 'done', result });
    await store().fail(cell, 'third');
    expect(await outcome()).toEqual({ cell, status: 'done', result });
  });

  test('a failure and a result that arrive together leave the result', async () => {
    const result = await storedSample(store());
    const cells = newCells(10);
    await Promise.all(cells.flatMap((cell) => [store().fail(cell, 'lost'), store().finish(cell, result)]));
    const outcomes = await store().outcomes(cells.map(({ key }) => key));
    expect([...outcomes.values()]).toEqual(cells.map((cell) => ({ cell, status: 'done', result })));
  });
}

function measurements(store: () => Store): void {
  test('a measurement is returned in full and frozen, in the order asked for; the first of a key stays', async () => {
    const artifact = await store().putArtifact(Buffer.from('weights'), 'application/octet-stream');
    const [a, b] = [sampleMeasurement(nextSeed++, artifact), sampleMeasurement(nextSeed++)];
    expect(await store().keepMeasurement(a)).toBe('stored');
    expect(await store().keepMeasurement(b)).toBe('stored');
    expect(await store().keepMeasurement({ ...a, value: { other: 1 }, artifact: null })).toBe('already-kept');
    const found = await store().measurements(['unknown', b.key, a.key, b.key]);
    expect([...found]).toEqual([
      [b.key, b],
      [a.key, a],
    ]);
    const { value, artifact: kept } = found.get(a.key)!;
    for (const part of [found.get(a.key), value, value.nothing, kept])
      expect(Object.isFrozen(part)).toBe(true);
  });

  test('of measurements that arrive together exactly one is kept, whole', async () => {
    const seed = nextSeed++;
    const rivals = Array.from({ length: 8 }, (_, i) => ({
      ...sampleMeasurement(seed),
      value: { rival: i },
      seconds: i,
    }));
    const answers = await Promise.all(rivals.map((rival) => store().keepMeasurement(rival)));
    expect(answers.filter((answer) => answer === 'stored')).toHaveLength(1);
    const { key } = rivals[0];
    expect((await store().measurements([key])).get(key)).toEqual(rivals[answers.indexOf('stored')]);
  });

  test('a measurement belongs to the store once it is given', async () => {
    const measurement = sampleMeasurement(nextSeed++);
    const given = structuredClone(measurement) as Mutable<Measurement>;
    await store().keepMeasurement(given);
    given.seconds = 99;
    (given.value as { nothing: unknown }).nothing = 7;
    expect((await store().measurements([given.key])).get(given.key)).toEqual(measurement);
  });

  test('a measurement with a number that JSON lacks, or without its artifact, is refused', async () => {
    const measurement = sampleMeasurement(nextSeed++);
    const value = { curve: [{ loss: Number.POSITIVE_INFINITY }] };
    await expect(store().keepMeasurement({ ...measurement, value })).rejects.toThrow(
      'internal: measurement.value.curve.0.loss is Infinity',
    );
    const artifact = { sha256: sha256('never stored'), bytes: 1, mediaType: 'text/plain' };
    await expect(store().keepMeasurement({ ...measurement, artifact })).rejects.toMatchObject({
      code: 'ARTIFACT_MISSING',
    });
    expect((await store().measurements([measurement.key])).size).toBe(0);
  });

  test('any JSON object comes back exactly', async () => {
    const property = fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (drawn) => {
      // JSON has no negative zero.
      const value = JSON.parse(JSON.stringify(drawn)) as Measurement['value'];
      const measurement = { ...sampleMeasurement(nextSeed++), value };
      await store().keepMeasurement(measurement);
      const kept = (await store().measurements([measurement.key])).get(measurement.key);
      expect(JSON.stringify(kept?.value)).toBe(JSON.stringify(value));
    });
    await fc.assert(property, { numRuns: 40 });
  });
}

function runRecords(store: () => Store): void {
  test('runs are numbered and listed in order', async () => {
    const first = {
      startedAt: '2026-01-01T00:00:00.001Z',
      command: 'study',
      arguments: { seeds: [0, 1], out: 'x', nothing: null },
      environment: { node: 'v20', threads: 2 },
    };
    const second = { ...first, command: 'report', startedAt: '2025-01-01T00:00:00.000Z' };
    const a = await store().recordRun(first);
    const b = await store().recordRun(second);
    expect(b).toBeGreaterThan(a);
    expect(await store().runs()).toEqual([
      { id: a, ...first },
      { id: b, ...second },
    ]);
  });
}

function artifacts(store: () => Store): void {
  test('bytes and files are kept under their content', async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251);
    const folder = mkdtempSync(join(tmpdir(), 'transferlab-artifact-'));
    writeFileSync(join(folder, 'source'), bytes);
    const fromFile = await store().putArtifact(join(folder, 'source'), 'application/octet-stream');
    rmSync(folder, { recursive: true });
    expect(fromFile).toEqual({
      sha256: sha256(bytes),
      bytes: 300_000,
      mediaType: 'application/octet-stream',
    });
    expect(readFileSync(await store().artifactPath(fromFile)).equals(bytes)).toBe(true);

    const given = bytes.slice(0, 1000);
    const fromBytes = await store().putArtifact(given, 'text/plain');
    given.fill(0);
    expect(Buffer.from(await store().readArtifact(fromBytes)).equals(bytes.subarray(0, 1000))).toBe(true);
    expect(await store().putArtifact(bytes.subarray(0, 1000), 'text/plain')).toEqual(fromBytes);

    const nothing = await store().putArtifact(new Uint8Array(), 'text/plain');
    expect(await store().readArtifact(nothing)).toHaveLength(0);
  });

  test('equal content may be put many times at once', async () => {
    const puts = Array.from({ length: 10 }, () => store().putArtifact(Buffer.from('same'), 'text/plain'));
    const [reference] = await Promise.all(puts);
    expect(Buffer.from(await store().readArtifact(reference)).toString()).toBe('same');
  });

  test('a missing source, a missing artifact and a damaged one are told apart', async () => {
    await expect(store().putArtifact('/no/such/file', 'text/plain')).rejects.toThrow('ENOENT');
    const absent = { sha256: sha256('absent'), bytes: 6, mediaType: 'text/plain' };
    await expect(store().readArtifact(absent)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    const outside = { ...absent, sha256: '../../etc/passwd' };
    await expect(store().artifactPath(outside)).rejects.toThrow('internal: "../../etc/passwd" is no SHA-256');

    const reference = await store().putArtifact(Buffer.from('precious'), 'text/plain');
    const path = await store().artifactPath(reference);
    writeFileSync(path, 'precioux');
    await expect(store().readArtifact(reference)).rejects.toMatchObject({ code: 'ARTIFACT_DAMAGED' });
    await expect(store().artifactPath(reference)).rejects.toMatchObject({ code: 'ARTIFACT_DAMAGED' });
    truncateSync(path, 3);
    await expect(store().readArtifact(reference)).rejects.toThrow('it has 3 bytes, not 8');
    await store().putArtifact(Buffer.from('precious'), 'text/plain');
    expect(Buffer.from(await store().readArtifact(reference)).toString()).toBe('precious');
  });
}
