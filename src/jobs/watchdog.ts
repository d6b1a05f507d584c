import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { JobStatus } from '../domain/job.ts';
import { within } from '../redis/in-time.ts';
import type { Role } from '../domain/role.ts';

/** A running job as it stands at one look, and what could hold it back for good reasons. */
export interface Sight {
  job: Pick<JobStatus, 'id' | 'state' | 'totals' | 'closed' | 'fed' | 'calls'>;
  /** Chunks of its command in the queue: to be taken, in hand, waiting for another try. */
  ready: number;
  inHand: number;
  delayed: number;
  /** Why nobody may or can go on now, as progress and `status` say it already; null when nothing is known. */
  heldBack: string | null;
}

/** A job with a backlog that does not move: whose work does not come, and a sentence for a person. */
export interface Stall {
  job: string;
  role: Role;
  text: string;
}

/** Whose work a running job waits for; null where it waits for something that comes by itself. */
export function awaited({ job, ready, inHand, delayed, heldBack }: Sight): Omit<Stall, 'job'> | null {
  if (job.state !== 'running' || heldBack !== null) return null;
  if (job.totals.open === 0) {
    return {
      role: 'record',
      text: 'every row is settled, and nobody of its home brings the outcomes into the results file',
    };
  }
  if (!job.fed) return NOT_FED;
  if (inHand > 0)
    return { role: 'call', text: `${inHand} chunks of its command are in hand, and no answer is recorded` };
  if (ready > 0) return { role: 'call', text: `${ready} chunks of its command are ready, and nobody takes them` };
  if (delayed > 0) return null;
  return NOT_FED;
}

const NOT_FED = { role: 'feed', text: 'its chunks do not come into the queue: nobody of its home feeds it' } as const;

/** What has changed when a job has moved. */
const standing = ({ job: { state, totals, closed, calls, fed } }: Sight): string =>
  JSON.stringify([state, totals, closed, calls, fed]);

/** A job at the last look: how it stands since when, and whether that was said. */
interface Look {
  standing: string;
  since: number;
  said: boolean;
}

/** Tells jobs that stand still. @param stallMs for so long nothing of a job changes before it is said */
export class Watch {
  readonly #stallMs: number;
  #last: ReadonlyMap<string, Look> = new Map();

  constructor(stallMs: number) {
    this.#stallMs = stallMs;
  }

  /** @returns stalls that begin to be ones now, and jobs that were such and move again or are over */
  look(sights: readonly Sight[], nowMs: number): { stalls: Stall[]; moving: string[] } {
    const next = new Map<string, Look>();
    const stalls: Stall[] = [];
    for (const sight of sights) {
      const { id } = sight.job;
      const before = this.#last.get(id);
      const now = standing(sight);
      const waits = awaited(sight);
      if (before === undefined || before.standing !== now || waits === null) {
        next.set(id, { standing: now, since: nowMs, said: false });
        continue;
      }
      const due = !before.said && nowMs - before.since >= this.#stallMs;
      if (due) stalls.push({ job: id, ...waits });
      next.set(id, { ...before, said: before.said || due });
    }
    const moving = [...this.#last].filter(([id, { said }]) => said && !next.get(id)?.said).map(([id]) => id);
    this.#last = next;
    return { stalls, moving };
  }
}

export interface WatchdogOptions {
  /** The running jobs; asked of Redis. */
  sights: () => Promise<Sight[]>;
  /** What this process does itself. */
  roles: readonly Role[];
  /** Makes the connections of this process to Redis anew. What is under way on them is asked again. */
  reconnect: () => void;
  stallMs: number;
  /** Local monotonic milliseconds. */
  now: () => number;
  log: Logger;
}

const LOOKS_A_STALL = 4;

/**
 * Finds jobs with a backlog and no progress, and says whose work does not come. Where it is this process' own, or Redis
 * does not answer it at all, its connections are made anew. Until stopped.
 */
export async function runWatchdog(options: WatchdogOptions, signal: AbortSignal): Promise<void> {
  const { sights, roles, reconnect, stallMs, now, log } = options;
  const watch = new Watch(stallMs);
  while (!signal.aborted) {
    await sleep(stallMs / LOOKS_A_STALL, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    const found = await within(sights(), stallMs).catch(() => ({ value: [] }));
    if (signal.aborted) return;
    if (found === null) {
      log.warn({ stallMs }, 'watchdog: Redis does not answer; the connections to it are made anew');
      reconnect();
      continue;
    }
    const { stalls, moving } = watch.look(found.value, now());
    for (const job of moving) log.info({ job }, 'watchdog: the job moves again');
    for (const { job, role, text } of stalls) {
      const own = roles.includes(role);
      const does = own ? 'the connections to Redis are made anew' : `is a worker with the role ${role} running?`;
      log.warn({ job, role }, `watchdog: nothing has moved for ${Math.round(stallMs / 1000)} s: ${text}; ${does}`);
    }
    if (stalls.some(({ role }) => roles.includes(role))) reconnect();
  }
}
