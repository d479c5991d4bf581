/** Seconds of the path of 45 penalties that fixed features fit, from raw features to the weights of all of them. */
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
}

await serve<Task>(async ({ folder, classes, threads }) => {
  const bytes = async (name: string) => new Uint8Array(await readFile(join(folder, name))).buffer;
  const features = new Float32Array(await bytes('features.f32'));
  const labels = new Int32Array(await bytes('labels.i32'));
  return {
    async measure() {
      const solutions: LogisticSolution[] = [];
      const value = await timed(async () => {
        const objective = await engineObjective({ threads })(prepareProblem({ features, labels }, classes));
        for await (const solution of fitPath(objective, { lambdas: LAMBDA_GRID })) solutions.push(solution);
        await objective.close();
      });
      const parts = solutions.flatMap(({ lambda, weights, bias }) => [[lambda], [...weights], [...bias]]);
      await writeFile(join(folder, 'ours.f64'), Buffer.from(Float64Array.from(parts.flat()).buffer));
      const iterations = solutions.reduce((sum, solution) => sum + solution.iterations, 0);
      return { value, iterations };
    },
  };
});
