import { callsLeft, loadOf, secondsBeside } from '../domain/forecast.ts';
import type { JobStatus } from '../domain/job.ts';
import type { Outlook } from '../jobs/outlook.ts';
import { plural } from './figures.ts';
import { sharingText, slowedText } from './rate-in-force.ts';

/** How a job gets on. */
export interface Pace {
  job: JobStatus;
  /** Its own calls, over the last seconds. */
  callsPerSecond: number;
  /** For all jobs of the command together, in quiet times. */
  limit: number;
  callsLeft: number;
  /** Null where nothing can be said: the job is held, or no call gets through. */
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
/** The service itself gives up after 3 s (Chat API 1047/34620): a longer silence is worth a word. */
const SILENT_MS = 3000;

/**
 * Takes a look at a job every now and then and says how it gets on.
 * @param here whether this process makes the calls
 */
export function openPace(here: boolean): (job: JobStatus, outlook: Outlook, nowMs: number) => Pace {
  const looks: Look[] = [];
  let known = new Map<string, number>();
  let mineAt = 0;
  let anyAt = 0;
  return (job, outlook, nowMs) => {
    const made = new Map(outlook.jobs.map(({ id, made: calls }) => [id, calls]));
    const all = [...made].reduce((sum, [id, calls]) => sum + Math.max(0, calls - (known.get(id) ?? calls)), 0);
    known = made;
    const before = looks.at(-1);
    // A job that is held, or calls that are, is no silence: that begins afterwards.
    const held = before === undefined || outlook.trouble !== null || job.state !== 'running';
    if (held || job.calls.made > before.mine) mineAt = nowMs;
    if (held || all > 0) anyAt = nowMs;
    const silentMs = { mine: nowMs - mineAt, any: nowMs - anyAt };
    // A standstill is no part of a rate: that is taken anew from the last look before calls come again.
    if (all === 0 && (held || silentMs.any >= SILENT_MS || looks.length === 1)) looks.length = 0;
    looks.push({ at: nowMs, mine: job.calls.made, all });
    while (nowMs - looks[0]!.at > FORECAST_WINDOW_MS) looks.shift();
    const left = callsLeft({ ...job.calls, closed: job.closed });
    const others = outlook.jobs.filter(({ id }) => id !== job.id).map(loadOf);
    const got = Math.min(outlook.limit, gotBy(looks) ?? outlook.limit);
    return {
      job,
      // Calls are seen when they are recorded, which may be some at once; they left one by one.
      callsPerSecond: Math.min(ownRate(looks), outlook.ceiling),
      limit: outlook.ceiling,
      callsLeft: left,
      secondsLeft: moves(job, outlook, silentMs.any)
        ? secondsLeft(secondsBeside({ calls: left, priority: job.priority }, others, got), outlook)
        : null,
      others: others.length,
      note: noteOf(job, outlook, { silentMs, here }),
    };
  };
}

/** Whether an end is in sight: chunks are fed, calls are answered, or come back at a known time. */
function moves({ state }: JobStatus, outlook: Outlook, silentMs: number): boolean {
  const { trouble, heldBack, unanswered, lastDelayMs } = outlook;
  if (state !== 'running' || trouble !== null || heldBack !== null) return false;
  return silentMs < SILENT_MS || (unanswered === 0 && lastDelayMs > 0);
}

function ownRate(looks: readonly Look[]): number {
  const last = looks.at(-1)!;
  const first = looks.find(({ at }) => last.at - at <= WINDOW_MS)!;
  return last.at === first.at ? 0 : (1000 * (last.mine - first.mine)) / (last.at - first.at);
}

/** Calls a second that all jobs of the command together got until the last one; null while nothing can be said yet. */
function gotBy(looks: readonly Look[]): number | null {
  const last = looks.findLast(({ all }) => all > 0);
  const spanMs = last === undefined ? 0 : last.at - looks[0]!.at;
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
  /** Since a call was seen, of this job and of any of the command. */
  silentMs: { mine: number; any: number };
  here: boolean;
}

function noteOf({ id, state }: JobStatus, outlook: Outlook, { silentMs, here }: Seen): string | null {
  const { trouble, heldBack, unanswered, lastDelayMs } = outlook;
  if (state === 'completed') return null;
  if (state !== 'running') return `${state}: no new calls`;
  if (trouble !== null) return `calls fail (${trouble}); trying again until they pass`;
  if (heldBack !== null) return `nothing new is fed: ${heldBack}`;
  if (unanswered > 0 && silentMs.any >= SILENT_MS) {
    return `no answer for ${seconds(silentMs.any)}: ${plural(unanswered, 'call')} ${unanswered === 1 ? 'waits' : 'wait'} for one`;
  }
  const slowed = slowedText(outlook);
  if (slowed !== null) return slowed;
  if (silentMs.mine < SILENT_MS) return sharingText(id, outlook);
  const silence = `no call for ${seconds(silentMs.mine)}`;
  if (lastDelayMs > 0) return `${silence}: the rows that are left wait for another try`;
  return here ? silence : `${silence}: is a worker running? (befriend worker)`;
}

const seconds = (ms: number): string => `${Math.floor(ms / 1000)} s`;
