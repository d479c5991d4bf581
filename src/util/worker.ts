/** Where worker threads find their module: `.ts` in the source tree, `.js` in the built package. */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The URL of `name` (no ending) in the folder of the importing module, with that module's own ending. */
export function moduleBeside(importMetaUrl: string, name: string): URL {
  const ending = fileURLToPath(importMetaUrl).endsWith('.ts') ? '.ts' : '.js';
  return new URL(`./${name}${ending}`, importMetaUrl);
}

/**
 * Arguments for Node so that a worker can run `url`: TypeScript needs its loader, JavaScript nothing. The loader
 * is registered by hand, because `--import tsx` has no effect inside a worker thread.
 */
export function workerExecArgv(url: URL): string[] {
  if (!url.pathname.endsWith('.ts')) return [];
  // Found from here because the data URL has no folder to look from; its CommonJS twin cannot register in a worker.
  const api = pathToFileURL(
    createRequire(import.meta.url)
      .resolve('tsx/esm/api')
      .replace(/cjs$/, 'mjs'),
  );
  const code = `import { register } from '${api}'; register();`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}
