/** Where worker threads find their module: `.ts` in the source tree, `.js` in the built package. */
import { fileURLToPath } from 'node:url';

/** The URL of `name` (no ending) in the folder of the importing module, with that module's own ending. */
export function moduleBeside(importMetaUrl: string, name: string): URL {
  const ending = fileURLToPath(importMetaUrl).endsWith('.ts') ? '.ts' : '.js';
  return new URL(`./${name}${ending}`, importMetaUrl);
}

/** Arguments for Node so that a worker can run `url`: TypeScript needs its loader, JavaScript nothing. */
export function workerExecArgv(url: URL): string[] {
  return url.pathname.endsWith('.ts') ? ['--import', 'tsx'] : [];
}
