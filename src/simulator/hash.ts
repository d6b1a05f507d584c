/**
 * Seeded 32-bit hashing for the fault plan: the same (seed, command, From, To, try) always draws the same number, in
 * whatever order calls arrive, so a run with faults can be repeated. Not for anything that must resist an attacker.
 */

/** Continues a hash with a text (FNV-1a over UTF-16 units, ended so that 'ab'+'c' and 'a'+'bc' differ). */
export function hashText(hash: number, text: string): number {
  let h = hash;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return Math.imul(h ^ 0xffff, 0x01000193);
}

/** Continues a hash with an integer. */
export function hashNumber(hash: number, value: number): number {
  let h = Math.imul(hash ^ (value | 0), 0x01000193);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d);
}

/** The draw that belongs to a hash: evenly spread over [0, 1). */
export function drawOf(hash: number): number {
  let h = hash;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return (h >>> 0) / 0x1_0000_0000;
}

/** The draw for a list of texts and numbers. */
export function draw(...parts: (string | number)[]): number {
  let hash = 0x811c9dc5 | 0;
  for (const part of parts) hash = typeof part === 'number' ? hashNumber(hash, part) : hashText(hash, part);
  return drawOf(hash);
}
