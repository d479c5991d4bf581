/** Names of data sets and networks as names of files. */

/** Letters, digits and `._@-` stay, in any script; anything else becomes `-`. */
export function fileName(name: string): string {
  return name.replace(/[^\p{L}\p{N}._@-]+/gu, '-');
}
