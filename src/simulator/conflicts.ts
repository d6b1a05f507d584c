import type { Account } from './state.ts';

export interface ConflictCounts {
  /** Most writes at work on one friend list at the same time. 1: no two writes ever overlapped. */
  mostConcurrent: number;
  /** Lists that a write found busy, counted per write and list. */
  overlaps: number;
  /** The first of them, for whoever looks for the reason. */
  examples: { account: string; command: string; from: string; at: number }[];
}

const MAX_EXAMPLES = 20;

/** One write at work. */
export interface Write {
  /** Its From's list was busy: every item answers 30008. */
  fromBusy: boolean;
  /** Peers whose list was busy: their items answer 30008. */
  busyPeers: ReadonlySet<Account>;
  /** The write is over, at `now` (microseconds). */
  end(now: number): void;
}

/**
 * Watches which writes touch the same friend list at the same time (30008). A write is at work from its arrival at the
 * gate until its answer is made; overlap is real overlap on one clock, never chance.
 */
export class Conflicts {
  counts: ConflictCounts = { mostConcurrent: 0, overlaps: 0, examples: [] };

  /** Begins a write that arrived at `at`: it touches the lists of `from` and of every peer. */
  begin(command: string, at: number, from: Account, peers: ReadonlySet<Account>): Write {
    const lists = new Set(peers).add(from);
    const busyPeers = new Set<Account>();
    for (const account of lists) {
      const busy = account.writers > 0 || at < account.writtenUntil;
      account.writers++;
      // A write that began before the last one's end overlapped with it, though that one is gone by now.
      this.counts.mostConcurrent = Math.max(this.counts.mostConcurrent, account.writers, busy ? 2 : 1);
      if (!busy) continue;
      this.counts.overlaps++;
      if (this.counts.examples.length < MAX_EXAMPLES) {
        this.counts.examples.push({ account: account.id, command, from: from.id, at });
      }
      busyPeers.add(account);
    }
    return {
      fromBusy: busyPeers.delete(from),
      busyPeers,
      end(now) {
        for (const account of lists) {
          account.writers--;
          account.writtenUntil = now;
        }
      },
    };
  }
}
