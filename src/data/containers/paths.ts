/** Paths of files in archives: relative, with `/`, and never out of the archive. */
import { type Refuse, shown } from '../../util/refuse.ts';

const LONGEST_PATH = 4096;

/**
 * The path of an archive's entry without `./` and empty parts; null for the archive's own root.
 * @throws UserError ARCHIVE_PATH when unpacking it would write outside the folder that it is unpacked to
 */
export function safePath(name: string, refuse: Refuse): string | null {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const outside =
    name.startsWith('/') || name.includes('\\') || name.includes('\0') || /^[a-zA-Z]:/.test(name);
  if (outside || parts.includes('..') || name.length > LONGEST_PATH)
    refuse(
      'ARCHIVE_PATH',
      `it has an entry ${shown(name)}`,
      `Paths are relative, with "/", inside the archive and at most ${LONGEST_PATH} characters long; do not trust this archive`,
    );
  return parts.length > 0 ? parts.join('/') : null;
}
