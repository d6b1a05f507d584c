import { hashOf } from './hash.ts';

/** Counters of one row of the sketch: 16 MB, and so many accounts before they share much. */
const SIZE = 2 ** 22;

/**
 * How many rows name an account: exact or too high, in 32 MB for any number of accounts. A count-min sketch (Cormode and
 * Muthukrishnan, Journal of Algorithms 55, 2005) of two rows.
 */
export class Degrees {
  readonly #first = new Uint32Array(SIZE);
  readonly #second = new Uint32Array(SIZE);

  count(account: string): void {
    const hash = hashOf(account);
    this.#first[hash % SIZE]! += 1;
    this.#second[mixed(hash) % SIZE]! += 1;
  }

  of(account: string): number {
    const hash = hashOf(account);
    return Math.min(this.#first[hash % SIZE]!, this.#second[mixed(hash) % SIZE]!);
  }
}

/** The finalizer of MurmurHash3: other low bits than the hash has. */
function mixed(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
