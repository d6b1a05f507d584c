import { columnNamed } from './columns.ts';
import { IntakeError } from './error.ts';

export type Format = 'csv' | 'tsv' | 'jsonl';

/** What separates the columns of a line; of JSON lines it means nothing. */
export type Delimiter = ',' | '\t' | ';';

const NOT_READ: Record<string, string> = {
  parquet: 'it is no Parquet file, which begins with PAR1',
  xlsx: 'spreadsheets are not read: export it as CSV',
  xls: 'spreadsheets are not read: export it as CSV',
  ods: 'spreadsheets are not read: export it as CSV',
  zip: 'zip archives are not read: unpack it first',
  bz2: 'bzip2 is not read: unpack it first (bunzip2)',
  xz: 'xz is not read: unpack it first (unxz)',
  tar: 'tar archives are not read: unpack it first (tar -xf)',
  tgz: 'tar archives are not read: unpack it first (tar -xzf)',
};

/** How files of those kinds begin, whatever they are called: none of these can be text. */
const MAGIC: readonly { at: number; bytes: Buffer; is: string }[] = [
  {
    at: 0,
    bytes: Buffer.from('PK\x03\x04', 'latin1'),
    is: 'it is a zip archive or a spreadsheet: unpack it, or export it as CSV',
  },
  { at: 0, bytes: Buffer.from('d0cf11e0a1b11ae1', 'hex'), is: 'it is a spreadsheet (.xls): export it as CSV' },
  {
    at: 0,
    bytes: Buffer.from('PAR1', 'latin1'),
    is: 'it is a Parquet file, which is read from a file only: name that',
  },
  { at: 0, bytes: Buffer.from('fd377a585a00', 'hex'), is: 'it is packed with xz: unpack it (unxz)' },
  { at: 0, bytes: Buffer.from('BZh91AY&SY', 'latin1'), is: 'it is packed with bzip2: unpack it (bunzip2)' },
  { at: 257, bytes: Buffer.from('ustar\0', 'latin1'), is: 'it is a tar archive: unpack it first (tar -xf)' },
  { at: 257, bytes: Buffer.from('ustar  \0', 'latin1'), is: 'it is a tar archive: unpack it first (tar -xf)' },
  { at: 0, bytes: Buffer.from([0xff, 0xfe]), is: 'it is UTF-16, and text must be UTF-8: iconv -f UTF-16 -t UTF-8' },
  { at: 0, bytes: Buffer.from([0xfe, 0xff]), is: 'it is UTF-16, and text must be UTF-8: iconv -f UTF-16 -t UTF-8' },
];

/** The first bytes that a guess needs. */
export const HEAD = 4096;

/** What the name says; null when that is nothing. Error: `format` for kinds that are not read. */
export function formatOfName(name: string): Format | null {
  const ending = /\.([a-z0-9]+)$/i.exec(name.replace(/\.(gz|gzip|zst|zstd)$/i, ''))?.[1]?.toLowerCase() ?? '';
  if (Object.hasOwn(NOT_READ, ending)) throw new IntakeError('format', `${name}: ${NOT_READ[ending]}`);
  if (ending === 'csv') return 'csv';
  if (ending === 'tsv' || ending === 'tab') return 'tsv';
  if (ending === 'jsonl' || ending === 'ndjson') return 'jsonl';
  return null;
}

/** Refuses what cannot be text befriend reads, by its first bytes (unpacked). Error: `format`. */
export function refuseBinary(start: Buffer, name: string): void {
  const found = MAGIC.find(({ at, bytes }) => start.subarray(at, at + bytes.length).equals(bytes));
  const what =
    found?.is ?? (isWide(start) ? 'it looks like UTF-16, and text must be UTF-8: iconv -f UTF-16LE -t UTF-8' : null);
  if (what !== null) throw new IntakeError('format', `${name} cannot be read: ${what}`);
}

/** UTF-16 of ASCII without a mark: every other byte is NUL. `from,to` with its line end has 16 bytes. */
function isWide(start: Buffer): boolean {
  if (start.length < 16) return false;
  const nuls = (first: number) => [0, 2, 4, 6, 8, 10, 12, 14].every((at) => start[first + at] === 0);
  return nuls(0) !== nuls(1);
}

/** An object means JSON lines, a tab in the first line TSV, anything else CSV. Error: `format` for other JSON. */
export function formatOfBytes(start: Buffer, name: string): Format {
  const line = firstLine(start);
  if (line.trim() === '{') {
    throw new IntakeError('format', `${name}: JSON over several lines is not read: write one object a line (jq -c .)`);
  }
  if (line.startsWith('{')) return 'jsonl';
  if (line.startsWith('[')) {
    throw new IntakeError('format', `${name}: a JSON array is not read: write one object a line (jq -c '.[]')`);
  }
  return line.includes('\t') ? 'tsv' : 'csv';
}

/**
 * Spreadsheets of half the world write CSV with semicolons. That is believed only where the first line, so split, names
 * a column: without names an id could hold the semicolon.
 */
export function delimiterOf(format: Format, start: Buffer): Delimiter {
  if (format === 'tsv') return '\t';
  const line = firstLine(start);
  if (format === 'jsonl' || !line.includes(';') || line.includes(',')) return ',';
  const kinds = line.split(';').map((cell) => columnNamed(cell.trim().replace(/^"(.*)"$/, '$1'))?.kind);
  return kinds.some((kind) => kind !== undefined) ? ';' : ',';
}

function firstLine(start: Buffer): string {
  const text = start.toString('utf8', 0, HEAD).replace(/^\ufeff/, '');
  return text.trimStart().split(/\r?\n/, 1)[0] ?? '';
}
