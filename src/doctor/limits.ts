import type { Finding } from '../domain/finding.ts';
import { FRIEND_CALLS_PER_SECOND } from '../domain/frequency.ts';
import type { OperationName } from '../domain/operation.ts';
import { type Allowance, allowedText } from '../jobs/allowance.ts';
import type { Tuning } from '../jobs/roles.ts';

/** Part of the limit at which the vendor's alarm fires (Chat API 1047/60256). */
const ALARM = 0.8;
/** Measuring and recovery leave crumbs. */
const NEARLY_ALL = 0.995;

export function judgeLimit({ callsPerSecond, appCallsPerSecond, windowMs }: Tuning): Finding {
  const area = 'limit';
  const rate = (callsPerSecond * 1000) / windowMs;
  const share = Math.round((100 * rate) / FRIEND_CALLS_PER_SECOND);
  const whole = appCallsPerSecond === null ? '' : `; ${round((appCallsPerSecond * 1000) / windowMs)} of the whole app`;
  const text = `${round(rate)} calls/s of each friend command, ${share} % of the documented ${FRIEND_CALLS_PER_SECOND}${whole}`;
  if (rate > FRIEND_CALLS_PER_SECOND) {
    const advice = 'Above it calls are refused (60007), unless the vendor raised it: lower CHAT_CALLS_PER_SECOND.';
    return { level: 'warning', area, text, advice };
  }
  const alarm = FRIEND_CALLS_PER_SECOND * ALARM;
  const quiet = `the vendor's alarm fires at ${alarm}`;
  return {
    level: 'ok',
    area,
    text: rate < alarm ? `${text}; ${quiet}` : `${text}; ${quiet}, ${alarm - 1} keeps it quiet`,
  };
}

/** What of its ceiling each command may use now, and what of every ceiling the app may. */
export interface Shares {
  app: number;
  commands: Readonly<Record<string, number>>;
}

export function judgeRates({ app, commands }: Shares): Finding {
  const area = 'rate in force';
  const reduced = Object.entries({ 'all commands': app, ...commands }).filter(([, share]) => share < NEARLY_ALL);
  if (reduced.length === 0) return { level: 'ok', area, text: 'the whole limit' };
  const lower =
    app < NEARLY_ALL ? 'CHAT_APP_CALLS_PER_SECOND (the service said 60011: the whole app)' : 'CHAT_CALLS_PER_SECOND';
  return {
    level: 'warning',
    area,
    text: `lowered after throttling: ${reduced.map(([what, share]) => `${what} ${Math.round(share * 100)} %`).join(', ')}`,
    advice: `It recovers by 5 % of the limit a second. If it repeats, somebody else calls: lower ${lower}.`,
  };
}

/** What an operator has set lasts until somebody lifts it: that must not be forgotten. */
export function judgeAllowances(allowances: readonly (readonly [OperationName, Allowance])[]): Finding[] {
  const set = allowances.filter(([, { callsPerSecond, inFlight }]) => callsPerSecond !== null || inFlight !== null);
  return set.map(([operation, allowed]) => ({
    level: 'warning',
    area: 'befriend limit',
    text: `${operation}: ${allowedText(allowed)} allowed`,
    advice: `befriend limit ${operation} full --in-flight any lifts it.`,
  }));
}

const round = (value: number): number => Math.round(value * 10) / 10;
