/** Names of data sets and networks as names of files. */

/** Letters, digits and `._@-` stay, in any script; anything else becomes `-`. */
export function fileName(name: string): string {
  return name.replace(/[^\p{L}\p{N}._@-]+/gu, '-');
}

/** The same of several names. Those that would be one file, also where case does not count, are numbered. */
export function fileNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const plain = fileName(name);
    let file = plain;
    for (let number = 2; taken.has(file.toLowerCase()); number++) file = `${plain}-${number}`;
    taken.add(file.toLowerCase());
    return file;
  });
}
