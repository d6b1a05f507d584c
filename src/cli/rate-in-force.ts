import type { JobStatus } from '../domain/job.ts';
import { sharesOf } from '../domain/shares.ts';
import type { Throttled } from '../limiter/limiter.ts';
import { type Allowance, allowedText } from '../jobs/allowance.ts';
import type { Outlook } from '../jobs/outlook.ts';
import { duration, plural } from './figures.ts';
import { wrapped } from './report-text.ts';

/** The rate at which the calls of a running job go now, as `status --json` prints it. */
export interface RateInForce {
  /** Calls a second of all jobs of the command: as documented or set, and in force. */
  ceiling: number;
  limit: number;
  /** What `befriend limit` has set; null: nothing. */
  allowed: Allowance;
  /** Why the limit is below that and the ceiling: whose calls were too fast, the service's code, how long ago. Null: it is not. */
  throttled: { whose: Throttled; code: number | null; secondsAgo: number } | null;
  /** Which part of the command's calls the job has, 0 to 1, and beside how many other running jobs. */
  share: number;
  beside: number;
  /** Why nothing new is fed, of any command; null when it is. */
  heldBack: string | null;
}

export function rateInForce(job: string, outlook: Outlook): RateInForce {
  const { ceiling, limit, allowed, throttled, tooFast } = outlook;
  const { share, beside } = shareIn(job, outlook);
  return {
    ceiling,
    limit: rounded(limit),
    allowed,
    throttled:
      isThrottled(outlook) && throttled !== null
        ? { whose: throttled, code: tooFast?.code ?? null, secondsAgo: rounded((tooFast?.msAgo ?? 0) / 1000) }
        : null,
    share: rounded(share),
    beside,
    heldBack: outlook.heldBack,
  };
}

const rounded = (n: number): number => Math.round(1000 * n) / 1000;

function shareIn(job: string, { jobs }: Outlook): { share: number; beside: number } {
  const calling = jobs.filter(({ id, callsLeft }) => id === job || callsLeft > 0);
  const mine = calling.findIndex(({ id }) => id === job);
  return { share: sharesOf(calling)[mine] ?? 0, beside: calling.length - (mine === -1 ? 0 : 1) };
}

/** Recovering the last hundredth is nobody's concern. */
const isThrottled = ({ limit, ceiling, allowed }: Outlook): boolean =>
  limit < 0.99 * Math.min(ceiling, allowed.callsPerSecond ?? ceiling);

/** Why less is called than the ceiling allows, for a person. */
function reasonsOf(outlook: Outlook): string[] {
  const set = allowedText(outlook.allowed);
  return [
    ...(isThrottled(outlook) ? [tooFastText(outlook)] : []),
    ...(set === '' ? [] : [`befriend limit allows ${set}`]),
  ];
}

/** Why the calls are fewer than the ceiling allows, with the limit in force, for a person; null where they are not. */
export function slowedText(outlook: Outlook): string | null {
  const reasons = reasonsOf(outlook);
  return reasons.length === 0 ? null : `${limitText(outlook)}: ${reasons.join('; ')}`;
}

function tooFastText({ throttled, tooFast }: Outlook): string {
  const whom = throttled === 'app' ? ' to the whole app' : '';
  const code = tooFast?.code ? ` (${tooFast.code})` : '';
  const ago = tooFast ? ` ${duration(tooFast.msAgo / 1000)} ago` : '';
  return `the service said "too fast"${whom}${code}${ago}, recovering`;
}

export const limitText = ({ limit, ceiling }: Outlook): string =>
  `${limit.toFixed(0)} of ${ceiling.toFixed(0)} calls/s`;

/** That a running job shares the limit, for a person; null where it has all of it. */
export function sharingText(job: string, outlook: Outlook): string | null {
  const { share, beside } = shareIn(job, outlook);
  return beside === 0 || share === 0
    ? null
    : `shares the limit with ${plural(beside, 'running job')}: ${percent(share)} of the calls`;
}

function shareText({ id, fed }: JobStatus, outlook: Outlook): string {
  const { share, beside } = shareIn(id, outlook);
  if (share === 0 && beside > 0 && !fed) return 'none while no worker feeds it';
  if (beside === 0) return "all of its command's calls";
  return `${percent(share)} of its command's calls, beside ${plural(beside, 'running job')}`;
}

export const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** The limit in force with its reason, and the job's share of it: lines of its report while it is not over. */
export function rateLines(job: JobStatus, outlook: Outlook): string[] {
  const { state, priority } = job;
  if (state === 'completed' || state === 'cancelled') return [];
  const reasons = reasonsOf(outlook);
  return [
    ...(outlook.trouble === null ? [] : ['  calls fail', ...wrapped(outlook.trouble)]),
    ...(outlook.heldBack === null ? [] : ['  nothing new is fed', ...wrapped(outlook.heldBack)]),
    `  limit    ${limitText(outlook)}${reasons.length === 0 ? '' : ':'}`,
    ...reasons.flatMap(wrapped),
    `  share    ${state === 'running' ? shareText(job, outlook) : `none while it is ${state}`}; priority ${priority}`,
  ];
}
