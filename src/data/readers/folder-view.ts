/** Folders as readers of class folders look at them: on disk, or in an archive. Hidden entries are passed over. */
import { join } from 'node:path';
import { withFile } from '../containers/byte-sources.ts';
import { folderIdentity, readDiskFolder } from '../containers/disk-folder.ts';
import { type FileTree, wholeOf } from '../containers/file-tree.ts';

export interface FolderView {
  /** Absolute path, for messages. */
  readonly root: string;
  /** Names of folders and of files in a folder, given by its path in parts; sorted. */
  list(below: readonly string[]): Promise<{ folders: readonly string[]; files: readonly string[] }>;
  /** What a folder is called once links are followed: a folder in itself makes a circle. */
  identity(below: readonly string[]): Promise<string>;
  read(path: string): Promise<Uint8Array>;
}

/** Leaves out hidden entries and the folder of resource forks that macOS puts into archives. */
const isVisible = (name: string): boolean => !name.startsWith('.') && name !== '__MACOSX';

export function viewOfDisk(root: string): FolderView {
  return {
    root,
    identity: (below) => folderIdentity(join(root, ...below)),
    read: (path) => withFile(join(root, path), (source) => wholeOf(source, `${root}/${path}`)),
    async list(below) {
      const { folders, files } = await readDiskFolder(join(root, ...below));
      return { folders: folders.filter(isVisible), files: files.filter(isVisible) };
    },
  };
}

export function viewOfTree(tree: FileTree): FolderView {
  const entries = new Map([['', { folders: new Set<string>(), files: [] as string[] }]]);
  for (const path of tree.paths) {
    const parts = path.split('/');
    if (!parts.every(isVisible)) continue;
    for (let depth = 0; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join('/');
      const found = entries.get(folder) ?? { folders: new Set<string>(), files: [] };
      entries.set(folder, found);
      if (depth === parts.length - 1) found.files.push(parts[depth]);
      else found.folders.add(parts[depth]);
    }
  }
  return {
    root: tree.root,
    identity: async (below) => below.join('/'),
    read: (path) => tree.read(path),
    async list(below) {
      const { folders = [], files = [] } = entries.get(below.join('/')) ?? {};
      return { folders: [...folders].sort(), files: [...files].sort() };
    },
  };
}
