/** Framing of the Redis protocol (RESP2 and 3), commands and answers alike: enough to tell one message from the next. */

const SIZED = new Set(['$', '!', '=']);
const AGGREGATES: Record<string, number> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 };

/** Where the message that begins at `start` ends, or -1 when it is not all there. */
export function messageEnd(buffer: Buffer, start: number): number {
  const line = buffer.indexOf('\r\n', start, 'latin1');
  if (line === -1) return -1;
  const kind = String.fromCharCode(buffer[start] as number);
  const body = line + 2;
  const size = (): number => Number(buffer.toString('latin1', start + 1, line));
  if (SIZED.has(kind)) {
    const end = size() < 0 ? body : body + size() + 2;
    return end <= buffer.length ? end : -1;
  }
  const perEntry = AGGREGATES[kind];
  if (perEntry === undefined) return body;
  // An attribute stands before the answer that it is of.
  const parts = Math.max(0, size()) * perEntry + (kind === '|' ? 1 : 0);
  let end = body;
  for (let n = 0; n < parts && end !== -1; n++) end = messageEnd(buffer, end);
  return end;
}

/** Splits a stream into whole messages. */
export class Messages {
  #rest: Buffer = Buffer.alloc(0);

  *add(data: Buffer): Generator<Buffer> {
    let buffer = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    for (let end = endOf(buffer); end !== -1; end = endOf(buffer)) {
      const message = buffer.subarray(0, end);
      buffer = buffer.subarray(end);
      this.#rest = buffer;
      yield message;
    }
    this.#rest = buffer;
  }
}

const endOf = (buffer: Buffer): number => (buffer.length === 0 ? -1 : messageEnd(buffer, 0));

/** The words of a command. */
export function wordsOf(command: Buffer): Buffer[] {
  const words: Buffer[] = [];
  let at = command.indexOf('\r\n') + 2;
  while (at < command.length) {
    const line = command.indexOf('\r\n', at);
    const size = Number(command.toString('latin1', at + 1, line));
    words.push(command.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return words;
}

export const isError = (answer: Buffer): boolean => answer[0] === 0x2d || answer[0] === 0x21;
export const isPush = (answer: Buffer): boolean => answer[0] === 0x3e;
export const isNull = (answer: Buffer): boolean => /^(_|\*-1|\$-1)\r\n$/.test(answer.toString('latin1', 0, 8));
