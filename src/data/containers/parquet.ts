/**
 * Columns of parquet files, one group of rows at a time. The library that decodes pages trusts what they claim, so that
 * the page headers are walked and checked first: sizes against the bytes that are there, counts against the group's
 * rows. Format: Apache Parquet, parquet.thrift.
 */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { decompress as unzstd } from 'fzstd';
import {
  type AsyncBuffer,
  type ColumnMetaData,
  type FileMetaData,
  type PageHeader,
  parquetMetadata,
  parquetRead,
  parquetSchema,
  snappyUncompress,
} from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import type { ByteSource } from '../../util/byte-source.ts';
import { messageOf, UserError } from '../../util/errors.ts';
import { type Refuse, refusing, shown } from '../../util/refuse.ts';

/** The directory of thousands of row groups has a few megabytes. */
const LARGEST_FOOTER = 2 ** 23;
/** A column's part of a group of rows is read at once: some hundred or thousand images. */
const LARGEST_CHUNK = 2 ** 29;
/** A page of equal labels grows without end, so that the rows are what limits it. */
const MOST_GROUP_ROWS = 2 ** 22;
const MOST_ROWS = 2 ** 25;
const GROWTH = 50;
/** Packed groups may end in zeros that are no values. */
const MOST_PADDING = 512;
const ALWAYS_ALLOWED = 2 ** 26;
const MAGIC = 0x31524150;

const DECOMPRESS: Readonly<Record<string, (input: Uint8Array, size: number) => Uint8Array>> = {
  UNCOMPRESSED: (input) => input,
  SNAPPY: (input, size) => {
    const output = new Uint8Array(size);
    snappyUncompress(input, output);
    return output;
  },
  GZIP: (input, size) => gunzipSync(input, { maxOutputLength: Math.max(1, size) }),
  BROTLI: (input, size) => brotliDecompressSync(input, { maxOutputLength: Math.max(1, size) }),
  ZSTD: (input, size) => unzstd(input, new Uint8Array(size)),
};

export interface RowGroup {
  /** Its first row in the file, and how many it has. */
  readonly start: number;
  readonly rows: number;
}

export interface ParquetColumn {
  readonly name: string;
  /** `struct` has the names of its fields. Columns of lists are `other`. */
  readonly kind: 'bytes' | 'text' | 'integer' | 'struct' | 'other';
  readonly fields: readonly string[];
}

/** A parquet file, opened: its directory is read. */
export class ParquetFile {
  readonly columns: readonly ParquetColumn[];
  readonly groups: readonly RowGroup[];
  /** Texts that the writer added, such as `huggingface`. */
  readonly metadata: ReadonlyMap<string, string>;

  private constructor(
    private readonly source: ByteSource,
    private readonly directory: FileMetaData,
    private readonly refuse: Refuse,
  ) {
    this.columns = parquetSchema(directory).children.map(({ element, children, count }) => {
      const isList =
        element.repetition_type === 'REPEATED' ||
        element.converted_type === 'LIST' ||
        element.converted_type === 'MAP';
      const isStruct = !isList && children.length > 0 && children.length === count - 1;
      const isText = element.converted_type === 'UTF8' || element.logical_type?.type === 'STRING';
      const isInteger = element.type === 'INT32' || element.type === 'INT64';
      const flat = isText
        ? 'text'
        : element.type === 'BYTE_ARRAY'
          ? 'bytes'
          : isInteger
            ? 'integer'
            : 'other';
      return {
        name: element.name,
        kind: isStruct ? 'struct' : isList || children.length > 0 ? 'other' : flat,
        fields: children.map((child) => child.element.name),
      };
    });
    this.groups = this.#rowGroups();
    this.metadata = new Map(directory.key_value_metadata?.map(({ key, value }) => [key, value ?? '']));
  }

  /**
   * @param file what errors call the file
   * @throws UserError PARQUET_DAMAGED, PARQUET_SIZE
   */
  static async open(source: ByteSource, file: string): Promise<ParquetFile> {
    const refuse = refusing(file, 'parquet');
    return guarded(refuse, async () => {
      const tail = new DataView(
        (await source.read(Math.max(0, source.size - 8), Math.min(8, source.size))).buffer,
      );
      const footer = source.size >= 12 && tail.getUint32(4, true) === MAGIC ? tail.getUint32(0, true) : -1;
      if (footer < 0 || footer + 12 > source.size)
        refuse('PARQUET_DAMAGED', 'it does not end as one does', DOWNLOAD);
      if (footer > LARGEST_FOOTER)
        refuse('PARQUET_SIZE', `its directory has ${footer} bytes`, `${LARGEST_FOOTER} are allowed`);
      const bytes = await source.read(source.size - footer - 8, footer + 8);
      return new ParquetFile(source, parquetMetadata(bytes, { geoparquet: false }), refuse);
    });
  }

  #rowGroups(): RowGroup[] {
    let start = 0;
    return this.directory.row_groups.map(({ num_rows }) => {
      const rows = Number(num_rows);
      const group = { start, rows };
      start += rows;
      if (!(rows >= 0 && rows <= MOST_GROUP_ROWS && start <= MOST_ROWS))
        this.refuse(
          'PARQUET_SIZE',
          `it claims ${num_rows} rows in a group`,
          `A group may have ${MOST_GROUP_ROWS}, a file ${MOST_ROWS}`,
        );
      return group;
    });
  }

  /**
   * The values of a column in a group of rows: numbers (64-bit integers as bigint), texts, bytes, null, or objects of
   * them by field.
   * @throws UserError PARQUET_DAMAGED, PARQUET_SIZE, PARQUET_FORM
   */
  async readGroup(group: number, column: string): Promise<unknown[]> {
    return guarded(this.refuse, async () => {
      const { start, rows } = this.groups[group];
      const chunks = this.directory.row_groups[group].columns.flatMap(({ meta_data }) =>
        meta_data?.path_in_schema[0] === column ? [meta_data] : [],
      );
      const file = await this.#loaded(chunks, rows);
      return new Promise<unknown[]>((resolve, reject) => {
        const options = {
          file,
          metadata: this.directory,
          columns: [column],
          rowStart: start,
          rowEnd: start + rows,
        };
        parquetRead({
          ...options,
          utf8: false,
          compressors: DECOMPRESS,
          onComplete: (found) => resolve(found.map((row) => row[0])),
        }).catch(reject);
      });
    });
  }

  /** The chunks' bytes, checked, as the only part of the file that can be read. */
  async #loaded(chunks: readonly ColumnMetaData[], rows: number): Promise<AsyncBuffer> {
    const ranges = chunks.map((chunk) => {
      const from = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
      const to = from + Number(chunk.total_compressed_size);
      if (!(from >= 4 && to >= from && to <= this.source.size))
        this.refuse(
          'PARQUET_DAMAGED',
          `a column lies from byte ${from} to ${to} of ${this.source.size}`,
          DOWNLOAD,
        );
      return { chunk, from, to };
    });
    const from = Math.min(...ranges.map((range) => range.from));
    const to = Math.max(...ranges.map((range) => range.to));
    if (!(to - from <= LARGEST_CHUNK))
      this.refuse(
        'PARQUET_SIZE',
        `a group of rows has ${to - from} bytes in a column`,
        `Write it with row groups of less than ${LARGEST_CHUNK} bytes`,
      );
    const { buffer } = await this.source.read(from, to - from);
    for (const range of ranges)
      this.#checkPages(range.chunk, new DataView(buffer, range.from - from, range.to - range.from), rows);
    return {
      byteLength: this.source.size,
      slice: (start, end = this.source.size) =>
        start === from && end === to
          ? buffer
          : buffer.slice(Math.max(0, start - from), Math.max(0, end - from)),
    };
  }

  /** Walks the pages of a column and refuses what the library would believe. */
  #checkPages(chunk: ColumnMetaData, view: DataView, rows: number): void {
    const decompress = DECOMPRESS[chunk.codec];
    if (!decompress)
      this.refuse(
        'PARQUET_FORM',
        `a column is compressed by ${chunk.codec}`,
        'Write it with snappy, zstd or gzip',
      );
    const level = this.#definitionLevel(chunk);
    const reader = { view, offset: 0 };
    let [values, grown] = [0, 0];
    // As the library: a last byte is no page.
    while (reader.offset < view.byteLength - 1) {
      const header = parquetHeader(reader);
      this.#checkHeader(header, view.byteLength - reader.offset);
      grown += header.uncompressed_page_size;
      if (grown > ALWAYS_ALLOWED + GROWTH * view.byteLength)
        this.refuse(
          'PARQUET_SIZE',
          `a column would grow from ${view.byteLength} to more than ${grown} bytes`,
          `Columns may grow ${GROWTH} times`,
        );
      const stored = new Uint8Array(
        view.buffer,
        view.byteOffset + reader.offset,
        header.compressed_page_size,
      );
      const count = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? 0;
      values += count;
      if (values <= rows) this.#checkRuns(header, stored, decompress, level);
      reader.offset += header.compressed_page_size;
    }
    if (values !== rows)
      this.refuse(
        'PARQUET_DAMAGED',
        `${chunk.path_in_schema.map(shown).join('.')} has ${values} values in ${rows} rows`,
        DOWNLOAD,
      );
  }

  /** How many of the column and the structures around it may be null. Lists are refused. */
  #definitionLevel(chunk: ColumnMetaData): number {
    let node = parquetSchema(this.directory);
    let level = 0;
    for (const name of chunk.path_in_schema) {
      const child = node.children.find(({ element }) => element.name === name);
      if (!child || child.element.repetition_type === 'REPEATED' || chunk.type === 'BOOLEAN')
        return this.refuse(
          'PARQUET_FORM',
          `${shown(name)} is a list or a truth value`,
          'Columns hold images, texts or integers',
        );
      if (child.element.repetition_type === 'OPTIONAL') level++;
      node = child;
    }
    return level;
  }

  /** Runs of equal values, which the library makes as long as they claim to be. */
  #checkRuns(
    header: PageHeader,
    stored: Uint8Array,
    decompress: (input: Uint8Array, size: number) => Uint8Array,
    level: number,
  ): void {
    const { data_page_header: data, data_page_header_v2: data2, uncompressed_page_size: size } = header;
    const page = data ?? data2;
    if (!page) return;
    if (!['PLAIN', 'PLAIN_DICTIONARY', 'RLE_DICTIONARY'].includes(page.encoding))
      this.refuse(
        'PARQUET_FORM',
        `a column is encoded as ${page.encoding}`,
        'Write it with plain or dictionary encoding',
      );
    const width = 32 - Math.clz32(level);
    let values: Uint8Array;
    if (data2) {
      const levels = data2.definition_levels_byte_length + data2.repetition_levels_byte_length;
      if (level > 0)
        this.#walkRuns(stored.subarray(data2.repetition_levels_byte_length, levels), width, data2.num_values);
      const rest = stored.subarray(levels);
      values = data2.is_compressed === false ? rest : decompress(rest, size - levels);
    } else {
      values = decompress(stored, size);
      if (level > 0) {
        const length = new DataView(values.buffer, values.byteOffset, values.byteLength).getUint32(0, true);
        this.#walkRuns(values.subarray(4, 4 + length), width, page.num_values);
        values = values.subarray(4 + length);
      }
    }
    if (page.encoding !== 'PLAIN' && values[0] > 0)
      this.#walkRuns(values.subarray(1), values[0], page.num_values);
  }

  /** `count` values in runs: a number, whose lowest bit tells packed groups of eight from repetitions of one value. */
  #walkRuns(bytes: Uint8Array, width: number, count: number): void {
    let at = 0;
    for (let seen = 0; seen < count && at < bytes.length; ) {
      let header = 0;
      for (let shift = 0; at < bytes.length; shift += 7) {
        header += (bytes[at] & 0x7f) * 2 ** shift;
        if (bytes[at++] < 0x80) break;
      }
      const isPacked = header % 2 === 1;
      const run = isPacked ? ((header - 1) / 2) * 8 : header / 2;
      if (run > count - seen + (isPacked ? MOST_PADDING : 0) || run === 0 || width > 32)
        this.refuse(
          'PARQUET_DAMAGED',
          `a page has a run of ${run} values where ${count - seen} are left`,
          DOWNLOAD,
        );
      at += Math.ceil(((isPacked ? run : 1) * width) / 8);
      seen += run;
    }
  }

  #checkHeader(header: PageHeader, left: number): void {
    const {
      compressed_page_size: stored,
      uncompressed_page_size: size,
      dictionary_page_header: dictionary,
    } = header;
    const data = header.data_page_header;
    const data2 = header.data_page_header_v2;
    const levels = [data2?.definition_levels_byte_length ?? 0, data2?.repetition_levels_byte_length ?? 0];
    const counts = [
      stored,
      size,
      data?.num_values ?? 0,
      data2?.num_values ?? 0,
      data2?.num_nulls ?? 0,
      dictionary?.num_values ?? 0,
      ...levels,
    ];
    const legal =
      counts.every((count) => Number.isInteger(count) && count >= 0) &&
      stored <= left &&
      levels[0] + levels[1] <= Math.min(stored, size) &&
      (data2?.num_nulls ?? 0) <= (data2?.num_values ?? 0) &&
      (dictionary?.num_values ?? 0) <= size;
    if (!legal) this.refuse('PARQUET_DAMAGED', 'a page has sizes that cannot be', DOWNLOAD);
    // Each value may repeat most of the one before, so that a small page can grow without end.
    if ((data ?? data2)?.encoding === 'DELTA_BYTE_ARRAY')
      this.refuse(
        'PARQUET_FORM',
        'its texts are written as differences',
        'Write it with plain or dictionary encoding',
      );
  }
}

const DOWNLOAD = 'Download it again';

/** What the library throws about damaged files is a refusal too. */
async function guarded<T>(refuse: Refuse, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) throw error;
    return refuse('PARQUET_DAMAGED', `it cannot be read (${messageOf(error).slice(0, 120)})`, DOWNLOAD);
  }
}
