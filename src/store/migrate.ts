/**
 * Brings a database to the schema of this version: the numbered migrations that it lacks, in one
 * transaction. Safe to race: the first to come migrates, the others wait and find nothing to do.
 */

import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { bigint, type PgDatabase, type PgQueryResultHKT, pgTable, text } from 'drizzle-orm/pg-core';
import { UserError } from '../util/errors.ts';

export type Database = PgDatabase<PgQueryResultHKT>;

/** Any fixed number: it names the lock that migrating processes share on a server. */
const MIGRATION_LOCK = 7_226_501;

/** Which migrations were applied; created before any of them, so it is not part of the schema. */
const applied = pgTable('applied_migrations', {
  /** `when` of the migration in `meta/_journal.json`. */
  version: bigint('version', { mode: 'number' }).primaryKey(),
  hash: text('hash').notNull(),
});

/**
 * @param label how to name the database in an error
 * @throws UserError STORE_NEWER when a newer version of the program has migrated the database
 */
export async function migrate(database: Database, label: string): Promise<void> {
  const known = readMigrationFiles({
    migrationsFolder: fileURLToPath(new URL('./migrations', import.meta.url)),
  });
  await database.transaction(async (transaction) => {
    await transaction.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    await transaction.execute(
      sql`create table if not exists ${applied} (version bigint primary key, hash text not null)`,
    );
    const present = new Set((await transaction.select().from(applied)).map(({ version }) => version));
    for (const version of present) {
      if (!known.some(({ folderMillis }) => folderMillis === version)) throw newer(label);
    }
    for (const { folderMillis, hash, sql: statements } of known) {
      if (present.has(folderMillis)) continue;
      for (const statement of statements) await transaction.execute(sql.raw(statement));
      await transaction.insert(applied).values({ version: folderMillis, hash });
    }
  });
}

function newer(label: string): UserError {
  return new UserError(
    'STORE_NEWER',
    `${label} was written by a newer version of transferlab than this one.`,
    'Update transferlab, or use another folder.',
  );
}
