/**
 * A content-addressed folder: the artifact with SHA-256 `abcd...` is the file `ab/abcd...`. Files appear
 * whole or not at all and are never changed.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant, UserError } from '../util/errors.ts';
import { sha256, sha256OfFile } from '../util/hash.ts';
import { makeFolder, writeWhole } from './durable-files.ts';
import type { ArtifactReference } from './records.ts';

const RESTORE =
  'Restore the file from a backup, or remove the whole results folder and run the command again.';

export class ArtifactFolder {
  readonly #folder: string;
  readonly #incoming: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#incoming = join(folder, 'incoming');
  }

  /** Opens or creates the folder. Only its owner may: leftovers of interrupted writes are removed. */
  static async open(folder: string): Promise<ArtifactFolder> {
    const artifacts = new ArtifactFolder(folder);
    await rm(artifacts.#incoming, { recursive: true, force: true });
    await makeFolder(artifacts.#incoming);
    return artifacts;
  }

  /** Keeps bytes or a copy of the file at a path; see `Store.putArtifact`. */
  async put(source: Uint8Array | string, mediaType: string): Promise<ArtifactReference> {
    const address = typeof source === 'string' ? await sha256OfFile(source) : sha256(source);
    const chunks = typeof source === 'string' ? createReadStream(source) : [source];
    const temporary = join(this.#incoming, randomUUID());
    await makeFolder(join(this.#folder, address.slice(0, 2)));
    let bytes = 0;
    try {
      await writeWhole(this.#pathOf(address), temporary, async (file) => {
        const hash = createHash('sha256');
        for await (const chunk of chunks as AsyncIterable<Uint8Array> | Uint8Array[]) {
          hash.update(chunk);
          bytes += chunk.byteLength;
          await file.writeFile(chunk);
        }
        if (hash.digest('hex') !== address) throw changedMeanwhile(source);
      });
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    return Object.freeze({ sha256: address, bytes, mediaType });
  }

  /** Path of the artifact's file, whose size and SHA-256 are checked. */
  async path(reference: ArtifactReference): Promise<string> {
    const path = await this.requireSize(reference);
    requireHash(reference, path, await sha256OfFile(path));
    return path;
  }

  /** Content of the artifact, whose size and SHA-256 are checked. */
  async read(reference: ArtifactReference): Promise<Uint8Array> {
    const path = await this.requireSize(reference);
    const content = await readFile(path);
    requireHash(reference, path, sha256(content));
    return content;
  }

  /** Path of the artifact's file, of which only presence and size are checked. */
  async requireSize(reference: ArtifactReference): Promise<string> {
    const path = this.#pathOf(reference.sha256);
    const found = await stat(path).catch(() => null);
    if (!found?.isFile()) {
      throw new UserError('ARTIFACT_MISSING', `The stored file "${path}" is missing.`, RESTORE);
    }
    if (found.size !== reference.bytes) {
      throw damaged(path, `it has ${found.size} bytes, not ${reference.bytes}`);
    }
    return path;
  }

  #pathOf(address: string): string {
    invariant(/^[0-9a-f]{64}$/.test(address), `"${address}" is no SHA-256`);
    return join(this.#folder, address.slice(0, 2), address);
  }
}

function requireHash(reference: ArtifactReference, path: string, found: string): void {
  if (found !== reference.sha256) throw damaged(path, `its SHA-256 is ${found}`);
}

function damaged(path: string, how: string): UserError {
  return new UserError('ARTIFACT_DAMAGED', `The stored file "${path}" is damaged: ${how}.`, RESTORE);
}

function changedMeanwhile(source: Uint8Array | string): Error {
  return new Error(
    `internal: ${typeof source === 'string' ? source : 'a buffer'} changed while being stored`,
  );
}
