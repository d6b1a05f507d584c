const SLOTS = 1 << 18;
const EXAMPLES = 3;

/**
 * Finds ids that differ only in upper and lower case (`Bob`, `bob`). No page says whether the service takes them for one
 * account. In flat memory: a table of fixed size remembers ids with capitals, by hashes, and forgets one when another
 * needs its slot. So in a large input it may miss some, and then finds others: enough for a warning. Rows come sorted
 * by bytes, capitals first; and an input without capitals costs no more than looking for one.
 */
export class Spellings {
  /** Per slot: two hashes of the id in lower case, one of its spelling. Made at the first capital. */
  #seen: Int32Array | null = null;
  readonly #found = new Set<string>();

  id(id: string): void {
    if (this.#found.size === EXAMPLES) return;
    const capitals = hasCapital(id);
    if (capitals) this.#seen ??= new Int32Array(3 * SLOTS);
    if (this.#seen !== null) this.#compare(id, capitals, this.#seen);
  }

  warnings(): string[] {
    if (this.#found.size === 0) return [];
    const examples = [...this.#found].map((id) => JSON.stringify(id)).join(', ');
    return [
      `ids occur in more than one spelling of upper and lower case (e.g. ${examples}). Each spelling is sent as it is: ` +
        'whether the service takes them for one account is not documented',
    ];
  }

  #compare(id: string, capitals: boolean, seen: Int32Array): void {
    let folded = 0x811c9dc5;
    let other = 0x9747b28c;
    let exact = 0;
    for (let i = 0; i < id.length; i++) {
      const unit = id.charCodeAt(i);
      const isCapital = unit >= 65 && unit <= 90;
      const lower = isCapital ? unit | 0x20 : unit;
      folded = Math.imul(folded ^ lower, 0x01000193);
      other = Math.imul(other ^ lower, 0x5bd1e995);
      other ^= other >>> 15;
      exact = (Math.imul(exact, 31) + (isCapital ? 1 : 0)) | 0;
    }
    folded ^= folded >>> 13;
    const at = 3 * (folded & (SLOTS - 1));
    const known = seen[at] === folded && seen[at + 1] === other;
    // A string of its own: a slice would keep its whole block of rows in memory.
    if (known && seen[at + 2] !== exact) this.#found.add(Buffer.from(id).toString());
    if (!capitals) return;
    seen[at] = folded;
    seen[at + 1] = other;
    seen[at + 2] = exact;
  }
}

function hasCapital(id: string): boolean {
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i);
    if (unit <= 90 && unit >= 65) return true;
  }
  return false;
}
