/** Tar archives byte by byte, honest and other. */
export interface TarFile {
  readonly path: string;
  readonly content: Uint8Array | string;
  /** Default: a file. */
  readonly type?: string;
  readonly link?: string;
  /** The size that its header claims instead of the truth. */
  readonly claims?: number;
  /** The path in a PAX record instead of the header. */
  readonly pax?: boolean;
}

export function tar(files: readonly TarFile[]): Buffer {
  return Buffer.concat([...files.flatMap(entry), Buffer.alloc(1024)]);
}

function entry(file: TarFile): Buffer[] {
  const { path, type = '0', link = '', pax = false } = file;
  const content = Buffer.from(file.content as string);
  const extension = pax ? entry({ path: 'pax', type: 'x', content: record('path', path) }) : [];
  const header = Buffer.alloc(512);
  header.write(pax ? 'see-pax' : path, 0, 100);
  header.write('0000644\0', 100);
  writeNumber(header, file.claims ?? content.length);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\u000000', 257);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [...extension, header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

/** Octal, or GNU's binary form where the digits do not suffice. */
function writeNumber(header: Buffer, size: number): void {
  if (size < 8 ** 11) header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
}

function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const length = [1, 2, 3, 4, 5].map((digits) => rest + digits).find((n) => String(n).length === n - rest);
  return `${length} ${key}=${value}\n`;
}
