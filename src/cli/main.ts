#!/usr/bin/env node
/** The command line: commands over the option table; users' errors become one message and exit code 1. */
import { Command } from 'commander';
import { messageOf, UserError } from '../util/errors.ts';
import { VERSION } from '../util/version.ts';
import { OPTIONS, type OptionName, type OptionRow, type OptionValues } from './options.ts';

const program = new Command('transferlab')
  .description(
    'Which pre-trained network should I start from; freeze it, fine-tune it, or train from scratch?',
  )
  .version(VERSION)
  // `datasets` and `datasets verify` have options of one name: those behind a command are that command's.
  .enablePositionalOptions()
  .showHelpAfterError('(--help lists the options)');

// Whoever reads the output may stop early, as `head` does; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

function command(
  usage: string,
  description: string,
  options: readonly OptionName[],
  parent: Command = program,
): Command {
  const made = parent.command(usage).description(description);
  for (const name of options) {
    const row: OptionRow = OPTIONS[name];
    const suffix = row.default === undefined ? '' : ` (default: ${row.default})`;
    made.option(row.flags, row.description + suffix);
  }
  return made;
}

// Commands are imported when they run, so that --help and mistakes answer at once.
command('compare <folder...>', 'compare networks and settings on folders of class folders', [
  'models',
  'settings',
  'protocol',
  'seeds',
  'shortlist',
  'shortlistBy',
  'out',
  'design',
  'splitSeed',
  'memory',
  'tune',
  'cache',
  'offline',
  'threads',
  'device',
  'json',
]).action(async (folders: string[], values: OptionValues) => {
  await (await import('./commands/compare.ts')).compare(folders, values);
});

command('demo', 'compare three small networks on three procedural data sets, offline', [
  'out',
  'tune',
  'cache',
  'threads',
  'device',
  'json',
]).action(async (values: OptionValues) => {
  await (await import('./commands/demo.ts')).demo(values);
});

command('predict <model> <image...>', 'classify images with a network that compare exported', [
  'top',
  'threads',
  'device',
  'json',
]).action(async (model: string, images: string[], values: OptionValues) => {
  await (await import('./commands/predict.ts')).predict(model, images, values);
});

command('models [name]', 'list the built-in networks, or show one in detail', [
  'family',
  'search',
  'cache',
  'json',
]).action(async (name: string | undefined, values: OptionValues) => {
  await (await import('./commands/models.ts')).models(name, values);
});

const datasets = command('datasets [name]', 'list the published data sets, or show what is in one', [
  'data',
  'sheet',
  'splitSeed',
  'cache',
  'json',
]).action(async (name: string | undefined, values: OptionValues) => {
  await (await import('./commands/datasets.ts')).datasets(name, values);
});

command(
  'verify <name>',
  'compare a copy of a published data set with what was published: counts, lists, contents',
  ['data', 'splitSeed', 'cache', 'json'],
  datasets,
).action(async (name: string, values: OptionValues) => {
  await (await import('./commands/datasets.ts')).verifyDataset(name, values);
});

command(
  'audit <folder>',
  'find exact and near duplicates within and across train, validation and test, and in another data set',
  ['against', 'network', 'out', 'splitSeed', 'cache', 'offline', 'threads', 'json'],
  datasets,
).action(async (folder: string, values: OptionValues) => {
  await (await import('./commands/datasets-audit.ts')).auditDataset(folder, values);
});

const protocols = program
  .command('protocol')
  .description('how networks are trained and chosen: every number with its source');

command('list', 'list the protocols', ['json'], protocols).action(async (values: OptionValues) => {
  (await import('./commands/protocol.ts')).listProtocols(values);
});

command(
  'show <name>',
  'show every number of a protocol, or of that of a study file, with its source',
  ['json'],
  protocols,
).action(async (name: string, values: OptionValues) => {
  await (await import('./commands/protocol.ts')).showProtocol(name, values);
});

command(
  'diff <a> <b>',
  'show what two protocols, or those of study files, differ in',
  ['json'],
  protocols,
).action(async (a: string, b: string, values: OptionValues) => {
  await (await import('./commands/protocol.ts')).showDifferences(a, b, values);
});

const STUDY_OPTIONS = ['out', 'memory', 'tune', 'cache', 'offline', 'threads', 'device', 'json'] as const;

command(
  'plan <study>',
  'the cells of a study file, what they cost here, and what is done',
  STUDY_OPTIONS,
).action(async (path: string, values: OptionValues) => {
  await (await import('./commands/study.ts')).plan(path, values);
});

command('run <study>', 'compute what a study file declares, and write its report', STUDY_OPTIONS).action(
  async (path: string, values: OptionValues) => {
    await (await import('./commands/study.ts')).run(path, values);
  },
);

command('status <study>', 'how far a study is, also while it runs', ['out', 'json']).action(
  async (path: string, values: OptionValues) => {
    await (await import('./commands/study.ts')).status(path, values);
  },
);

command('report <study>', 'write the report of a study again, of what is done by now', [
  'out',
  'json',
]).action(async (path: string, values: OptionValues) => {
  await (await import('./commands/study.ts')).report(path, values);
});

command('export <study>', 'write tables, figures’ data and the best networks of a study as files', [
  'out',
  'json',
]).action(async (path: string, values: OptionValues) => {
  await (await import('./commands/study.ts')).exportAll(path, values);
});

command(
  'replay <study> <cell>',
  'compute a cell of a study once more and compare every number',
  STUDY_OPTIONS,
).action(async (path: string, cell: string, values: OptionValues) => {
  await (await import('./commands/study.ts')).replay(path, cell, values);
});

command('doctor', 'what this machine offers the engine, how fast it is, and what is in the way', [
  'threads',
  'cache',
  'out',
  'json',
]).action(async (values: OptionValues) => {
  await (await import('./commands/doctor.ts')).doctor(values);
});

command('tune', 'time the ways to compute the convolutions of networks here, and remember the fastest', [
  'models',
  'batch',
  'cache',
  'offline',
  'threads',
  'device',
  'json',
]).action(async (values: OptionValues) => {
  await (await import('./commands/tune.ts')).tune(values);
});

command('pretrain-demo', 'train the networks of the demonstration on the procedural source set again', [
  'out',
  'cache',
  'threads',
  'device',
  'json',
]).action(async (values: OptionValues) => {
  await (await import('./commands/pretrain-demo.ts')).pretrainDemo(values);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof UserError) process.stderr.write(`${messageOf(error)} [${error.code}]\n`);
  else process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
