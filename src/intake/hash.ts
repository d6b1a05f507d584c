const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** FNV-1a (Fowler, Noll and Vo) of the UTF-8 of a text, 32 bits. */
export function hashOf(text: string): number {
  let hash = BASIS;
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n);
    if (unit > 0x7f) {
      const bytes = Buffer.from(text);
      return hashOfBytes(bytes, 0, bytes.length);
    }
    hash = Math.imul(hash ^ unit, PRIME);
  }
  return hash >>> 0;
}

/** The same of `bytes[start, end)`. */
export function hashOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = BASIS;
  for (let n = start; n < end; n++) hash = Math.imul(hash ^ (bytes[n] as number), PRIME);
  return hash >>> 0;
}
