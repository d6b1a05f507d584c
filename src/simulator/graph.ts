/**
 * A friend graph as people make them: most accounts have some dozens of friends, a few have a thousand. Preferential
 * attachment (Barabási and Albert, 1999) gives the long tail, and a few hubs know a quarter of everybody, as in the
 * ego networks of real services. The same arguments give the same graph.
 */
export function* friendGraph(options: {
  accounts: number;
  friendsPerAccount: number;
  random: () => number;
}): Generator<[from: string, to: string]> {
  const { accounts, friendsPerAccount, random } = options;
  const edgesPerNewcomer = Math.max(1, Math.round(friendsPerAccount / 2));
  const hubs = Math.max(1, Math.round(accounts / 1000));
  const name = (n: number): string => `u${n}`;
  /** Every end of every edge: drawing from it prefers accounts with many friends. */
  const ends: number[] = [0];
  for (let newcomer = 1; newcomer < accounts; newcomer += 1) {
    const friends = new Set<number>();
    for (let hub = 0; hub < Math.min(hubs, newcomer); hub += 1) if (random() < 0.25) friends.add(hub);
    const wanted = Math.min(edgesPerNewcomer, newcomer);
    while (friends.size < wanted) {
      // Some friends are met by chance, so that the network has no single core.
      const met =
        random() < 0.3 ? Math.floor(random() * newcomer) : (ends[Math.floor(random() * ends.length)] as number);
      friends.add(met);
    }
    for (const friend of friends) {
      ends.push(friend, newcomer);
      yield [name(newcomer), name(friend)];
      yield [name(friend), name(newcomer)];
    }
  }
}

/** A seeded generator of numbers in [0, 1): mulberry32, public domain, by T. Ettinger. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
