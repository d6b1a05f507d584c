/** What may vary, each with its values. */
export type Factors = Record<string, readonly string[]>;
export type Run = Record<string, string>;

/**
 * Runs in which every value of every factor meets every value of every other factor at least once: a covering array of
 * strength two, built greedily (Cohen, Dalal, Fredman, Patton: "The AETG system", 1997). The same factors give the same
 * runs.
 */
export function pairwise(factors: Factors): Run[] {
  const names = Object.keys(factors);
  const open = new Set(names.flatMap((a, i) => names.slice(i + 1).flatMap((b) => pairsOf(factors, a, b))));
  const runs: Run[] = [];
  do {
    const run: Run = {};
    for (const pair of open) {
      const [a, x, b, y] = pair.split('\n') as [string, string, string, string];
      Object.assign(run, { [a]: x, [b]: y });
      break;
    }
    for (const name of names.filter((one) => run[one] === undefined)) run[name] = best(name, factors, run, open);
    for (const [i, a] of names.entries()) for (const b of names.slice(i + 1)) open.delete(keyOf(run, a, b));
    runs.push(run);
  } while (open.size > 0);
  return runs;
}

/** The value of a factor that meets most values of the run for the first time. */
function best(name: string, factors: Factors, run: Run, open: ReadonlySet<string>): string {
  const names = Object.keys(factors);
  const gain = (value: string): number => {
    const withIt = { ...run, [name]: value };
    const others = names.filter((other) => other !== name && run[other] !== undefined);
    return others.filter((other) => {
      const [a, b] = names.indexOf(other) < names.indexOf(name) ? [other, name] : [name, other];
      return open.has(keyOf(withIt, a, b));
    }).length;
  };
  const [first, ...more] = factors[name] as readonly [string, ...string[]];
  return more.reduce((chosen, value) => (gain(value) > gain(chosen) ? value : chosen), first);
}

const keyOf = (run: Run, a: string, b: string): string => [a, run[a], b, run[b]].join('\n');

function pairsOf(factors: Factors, a: string, b: string): string[] {
  return (factors[a] ?? []).flatMap((x) => (factors[b] ?? []).map((y) => [a, x, b, y].join('\n')));
}
