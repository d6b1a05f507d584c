/** Of `names` the one that `given` was probably meant to be: at most two letters off, underscores aside; or undefined. */
export function similarName(given: string, names: readonly string[]): string | undefined {
  const bare = (name: string): string => name.replaceAll('_', '').toUpperCase();
  const ranked = names.map((name) => ({ name, off: distance(bare(given), bare(name)) }));
  return ranked.filter(({ off }) => off <= 2).toSorted((a, b) => a.off - b.off)[0]?.name;
}

/** Least number of letters added, left out or exchanged (Levenshtein 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, exchanged));
    }
    row = next;
  }
  return row[b.length]!;
}
