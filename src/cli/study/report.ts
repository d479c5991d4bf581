/** The report of a study, made of what its folder has: no data, model or engine is needed. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type StudyDocument,
  studyDocument,
  studyHtml,
  studyTables,
  tableCsv,
  tableLatex,
  tableMarkdown,
} from '../../report/index.ts';
import { openEmbeddedStore, type Store } from '../../store/index.ts';
import { fileNames } from '../file-name.ts';
import type { ProgressDisplay } from '../progress.ts';
import { picturesOf, readFrame, type StudyFrame, studyInputOf } from './frame.ts';

export interface StudyReport {
  readonly document: StudyDocument;
  readonly reportPath: string;
}

/** Writes `report.html` and `study.json` into the study's folder. @throws UserError STUDY_NOT_STARTED */
export async function reportStudy(folder: string, display: ProgressDisplay): Promise<StudyReport> {
  display.prepare('write the report');
  return withStore(folder, async (store, frame) => {
    const document = studyDocument(await studyInputOf(frame, store));
    const thumbnails = await picturesOf(frame, store);
    const reportPath = join(folder, 'report.html');
    await writeFile(join(folder, 'study.json'), `${JSON.stringify(document, null, 2)}\n`);
    await writeFile(reportPath, studyHtml(document, { thumbnails }));
    return { document, reportPath };
  });
}

/**
 * Writes every table and every figure's data as CSV, Markdown and LaTeX into `target`, and for each data set the
 * network that does best. Returns the files' names.
 * @throws UserError STUDY_NOT_STARTED
 */
export async function exportStudy(
  folder: string,
  target: string,
  display: ProgressDisplay,
): Promise<string[]> {
  display.prepare('write tables and networks');
  return withStore(folder, async (store, frame) => {
    const document = studyDocument(await studyInputOf(frame, store));
    const files: string[] = [];
    const write = async (name: string, content: string) => {
      await writeFile(join(target, name), content);
      files.push(name);
    };
    await mkdir(join(target, 'networks'), { recursive: true });
    await write('study.json', `${JSON.stringify(document, null, 2)}\n`);
    for (const table of studyTables(document)) {
      await write(`${table.name}.csv`, tableCsv(table));
      await write(`${table.name}.md`, tableMarkdown(table));
      await write(`${table.name}.tex`, tableLatex(table));
    }
    const names = fileNames(document.rankings.map(({ dataset }) => dataset));
    for (const [i, { candidates }] of document.rankings.entries()) {
      const best = document.cells.find(({ key }) => key === candidates[0]?.keys[0]);
      if (!best) continue;
      const name = join('networks', `${names[i]}.onnx`);
      await copyFile(await store.artifactPath(best.network), join(target, name));
      files.push(name);
    }
    return files;
  });
}

async function withStore<T>(
  folder: string,
  work: (store: Store, frame: StudyFrame) => Promise<T>,
): Promise<T> {
  // Before the store, which would make a folder that is not there.
  const frame = await readFrame(folder);
  const store = await openEmbeddedStore(join(folder, 'store'));
  try {
    return await work(store, frame);
  } finally {
    await store.close();
  }
}
