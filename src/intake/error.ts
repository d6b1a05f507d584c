/** What went wrong with an input or a spool as a whole. A bad row is never one of these: it is a reject. */
export type IntakeCode =
  | 'missing' // no such file
  | 'directory' // a directory where a file is wanted
  | 'unreadable' // permission, or an I/O error while reading
  | 'corrupt-gzip' // the .gz is damaged or cut short
  | 'corrupt-zstd' // the .zst is
  | 'format' // a file type that is not read
  | 'no-columns' // no from and to to be found in the first line
  | 'no-space' // the disk is full
  | 'no-memory' // the sort needs a higher memory limit
  | 'rejects-path' // the rejects file cannot be written there
  | 'spool-exists' // the directory holds a committed spool already
  | 'spool-missing' // the directory holds no spool
  | 'spool-damaged' // manifest, index or blocks don't agree
  | 'aborted' // by the caller's signal
  | 'internal'; // the sort failed for another reason

export class IntakeError extends Error {
  override readonly name = 'IntakeError';
  readonly code: IntakeCode;

  constructor(code: IntakeCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The system's codes that have a word of their own here, and what to do about them. */
const SYSTEM: Record<string, { code: IntakeCode; say: (path: string) => string }> = {
  ENOENT: { code: 'missing', say: (path) => `${path}: no such file. Check the path` },
  EISDIR: { code: 'directory', say: (path) => `${path} is a directory. Name a file in it` },
  EACCES: { code: 'unreadable', say: (path) => `${path}: permission denied. Make it readable for this user` },
  EPERM: { code: 'unreadable', say: (path) => `${path}: operation not permitted. Make it readable for this user` },
  EIO: { code: 'unreadable', say: (path) => `${path}: the disk reports a read error` },
};

const DISK_FULL = /no space left|ENOSPC|EDQUOT|disk quota|max_temp_directory_size/i;

/** An error while reading the input at `path`, in the words of this module. */
export function readError(path: string, cause: unknown): IntakeError {
  if (cause instanceof IntakeError) return cause;
  const { code = '', message = String(cause) } = cause as NodeJS.ErrnoException;
  const known = SYSTEM[code];
  if (known) return new IntakeError(known.code, known.say(path), cause);
  if (code.startsWith('Z_')) {
    return new IntakeError('corrupt-gzip', damagedText(path, 'gzip', message), cause);
  }
  return new IntakeError('unreadable', `${path}: cannot be read: ${message}`, cause);
}

export function damagedText(path: string, kind: 'gzip' | 'zstd', message: string): string {
  return `${path}: the ${kind} data is damaged or cut short (${message}). Nothing of it was taken; fetch the file again`;
}

/** An error of the work in `dir` (staging, sorting, writing the spool), in the words of this module. */
export function workError(dir: string, signal: AbortSignal | undefined, cause: unknown): Error {
  if (signal?.aborted) return new IntakeError('aborted', 'intake was interrupted; nothing was accepted', cause);
  if (cause instanceof IntakeError) return cause;
  const { message = String(cause), code = '' } = cause as NodeJS.ErrnoException;
  if (DISK_FULL.test(`${code} ${message}`)) {
    return new IntakeError(
      'no-space',
      `${dir}: the disk is full. Intake needs two to four times the size of the unpacked input there; free some, or choose another home directory`,
      cause,
    );
  }
  if (/out of memory/i.test(message)) {
    return new IntakeError('no-memory', `the sort ran out of its memory limit: raise it. (${message})`, cause);
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new IntakeError('unreadable', `${dir}: cannot be written (${message})`, cause);
  }
  return new IntakeError('internal', `intake failed in ${dir}: ${message}`, cause);
}
