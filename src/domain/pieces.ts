/** A file that is handed over: its name in the spool's folder, and its size. */
export interface PartFile {
  name: string;
  bytes: number;
}

/** Where a piece lies: bytes of one file. */
export interface Piece {
  /** Which of the files. */
  file: number;
  offset: number;
  length: number;
}

/** Pieces are this long, but for the last of each file. Bytes. */
export const PIECE_BYTES = 1024 * 1024;

const piecesOf = ({ bytes }: PartFile, pieceBytes: number): number => Math.ceil(bytes / pieceBytes);

/** How many pieces the files are cut into. */
export function countPieces(files: readonly PartFile[], pieceBytes: number): number {
  return files.reduce((sum, file) => sum + piecesOf(file, pieceBytes), 0);
}

/** The n-th piece, from 0: both sides know where it belongs by its number alone. @throws RangeError beyond the last */
export function pieceAt(files: readonly PartFile[], n: number, pieceBytes: number): Piece {
  let before = 0;
  for (const [file, part] of files.entries()) {
    const count = piecesOf(part, pieceBytes);
    if (n < before + count) {
      const offset = (n - before) * pieceBytes;
      return { file, offset, length: Math.min(pieceBytes, part.bytes - offset) };
    }
    before += count;
  }
  throw new RangeError(`there is no piece ${n} of ${before}`);
}
