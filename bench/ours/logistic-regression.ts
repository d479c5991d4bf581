/**
 * Seconds of the path of 45 penalties that fixed features fit, from raw features to the weights of all of them; a
 * turn fits the next part of the path.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { engineObjective } from '../../src/transfer/engine-objective.ts';
import { prepareProblem } from '../../src/transfer/logistic-problem.ts';
import { fitPath, LAMBDA_GRID, type LogisticSolution } from '../../src/transfer/logistic-regression.ts';
import { serve, timed } from '../child.ts';

interface Task {
  readonly folder: string;
  readonly columns: number;
  readonly classes: number;
  readonly threads: number;
  /** Turns that make one path. */
  readonly parts: number;
}

await serve<Task>(async ({ folder, classes, threads, parts }) => {
  const bytes = async (name: string) => new Uint8Array(await readFile(join(folder, name))).buffer;
  const features = new Float32Array(await bytes('features.f32'));
  const labels = new Int32Array(await bytes('labels.i32'));
  const perPart = LAMBDA_GRID.length / parts;

  async function* wholePath(): AsyncGenerator<LogisticSolution> {
    const objective = await engineObjective({ threads })(prepareProblem({ features, labels }, classes));
    yield* fitPath(objective, { lambdas: LAMBDA_GRID });
    await objective.close();
  }

  let path = wholePath();
  let solutions: LogisticSolution[] = [];
  return {
    async measure() {
      if (solutions.length === LAMBDA_GRID.length) [path, solutions] = [wholePath(), []];
      const fitted: LogisticSolution[] = [];
      const value = await timed(async () => {
        while (fitted.length < perPart) fitted.push((await path.next()).value);
      });
      solutions.push(...fitted);
      const rows = solutions.map(({ lambda, weights, bias }) => [lambda, ...weights, ...bias]);
      await writeFile(join(folder, 'ours.f64'), Buffer.from(Float64Array.from(rows.flat()).buffer));
      return { value, iterations: fitted.reduce((sum, { iterations }) => sum + iterations, 0) };
    },
  };
});
