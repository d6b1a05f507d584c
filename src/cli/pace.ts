import { callsLeft, loadOf, secondsBeside } from '../domain/forecast.ts';
import type { JobStatus } from '../domain/job.ts';
import type { Outlook } from '../jobs/outlook.ts';
import { sharingText, slowedText } from './rate-in-force.ts';

/** How a job gets on. */
export interface Pace {
  job: JobStatus;
  /** Its own calls, over the last seconds. */
  callsPerSecond: number;
  /** For all jobs of the command together, in quiet times. */
  limit: number;
  callsLeft: number;
  /** Null where nothing can be said: no call gets through. */
  secondsLeft: number | null;
  /** Running jobs that share the limit. */
  others: number;
  /** What keeps it back, for a person; null when nothing does. */
  note: string | null;
}

interface Look {
  at: number;
  mine: number;
  /** Calls made since the last look by all jobs of the command. */
  all: number;
}

const WINDOW_MS = 5000;
/** Longer, so that the time left does not jump with every second's luck. */
const FORECAST_WINDOW_MS = 20_000;
/** Before that the limit itself is the best guess of what will be got. */
const FIRST_MS = 3000;
const SILENT_MS = 5000;

/**
 * Takes a look at a job every now and then and says how it gets on.
 * @param here whether this process makes the calls
 */
export function openPace(here: boolean): (job: JobStatus, outlook: Outlook, nowMs: number) => Pace {
  const looks: Look[] = [];
  let known = new Map<string, number>();
  let lastCallAt: number | null = null;
  return (job, outlook, nowMs) => {
    const made = new Map(outlook.jobs.map(({ id, made: calls }) => [id, calls]));
    const all = [...made].reduce((sum, [id, calls]) => sum + Math.max(0, calls - (known.get(id) ?? calls)), 0);
    known = made;
    const before = looks.at(-1);
    if (before === undefined || job.calls.made > before.mine) lastCallAt = nowMs;
    looks.push({ at: nowMs, mine: job.calls.made, all });
    while (nowMs - looks[0]!.at > FORECAST_WINDOW_MS) looks.shift();
    const left = callsLeft({ ...job.calls, closed: job.closed });
    const others = outlook.jobs.filter(({ id }) => id !== job.id).map(loadOf);
    const silentMs = nowMs - (lastCallAt ?? nowMs);
    const got = Math.min(outlook.limit, gotBy(looks) ?? outlook.limit);
    return {
      job,
      // Calls are seen when they are recorded, which may be some at once; they left one by one.
      callsPerSecond: Math.min(ownRate(looks), outlook.ceiling),
      limit: outlook.ceiling,
      callsLeft: left,
      secondsLeft:
        got < 0.1 || outlook.trouble !== null
          ? null
          : secondsLeft(secondsBeside({ calls: left, priority: job.priority }, others, got), outlook),
      others: others.length,
      note: noteOf(job, outlook, { silentMs, here }),
    };
  };
}

function ownRate(looks: readonly Look[]): number {
  const last = looks.at(-1)!;
  const first = looks.find(({ at }) => last.at - at <= WINDOW_MS)!;
  return last.at === first.at ? 0 : (1000 * (last.mine - first.mine)) / (last.at - first.at);
}

/** Calls a second that all jobs of the command together got; null while nothing can be said yet. */
function gotBy(looks: readonly Look[]): number | null {
  const spanMs = looks.at(-1)!.at - looks[0]!.at;
  if (spanMs < FIRST_MS) return null;
  return (1000 * looks.slice(1).reduce((sum, { all }) => sum + all, 0)) / spanMs;
}

/** A chunk that comes back needs a call or two yet. */
const LAST_TRY_SECONDS = 0.5;

/** No job is over before the last chunk that waits has come back. */
function secondsLeft(calling: number, { lastDelayMs }: Outlook): number {
  return Math.max(1, calling, lastDelayMs === 0 ? 0 : lastDelayMs / 1000 + LAST_TRY_SECONDS);
}

interface Seen {
  silentMs: number;
  here: boolean;
}

function noteOf({ id, state, calls }: JobStatus, outlook: Outlook, { silentMs, here }: Seen): string | null {
  const { trouble } = outlook;
  if (state === 'completed') return null;
  if (state !== 'running') return `${state}: no new calls`;
  if (trouble !== null) return `calls fail (${trouble}); trying again until they pass`;
  const slowed = slowedText(outlook);
  if (slowed !== null) return slowed;
  if (silentMs < SILENT_MS) return sharingText(id, outlook);
  const silence = `no call for ${Math.floor(silentMs / 1000)} s`;
  if (here) return `${silence}: the rows that are left wait for another try`;
  return calls.made === 0 ? `${silence}: is a worker running? (befriend worker)` : silence;
}
