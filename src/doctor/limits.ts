import type { Finding } from '../domain/finding.ts';
import { FRIEND_CALLS_PER_SECOND } from '../jobs/rate.ts';
import type { Tuning } from '../jobs/roles.ts';

/** Part of the limit at which the vendor's alarm fires (Chat API 1047/60256). */
const ALARM = 0.8;
/** Measuring and recovery leave crumbs. */
const NEARLY_ALL = 0.995;

export function judgeLimit({ callsPerSecond, windowMs }: Tuning): Finding {
  const area = 'limit';
  const rate = (callsPerSecond * 1000) / windowMs;
  const text = `${round(rate)} calls/s of each friend command, ${Math.round((100 * rate) / FRIEND_CALLS_PER_SECOND)} % of the documented ${FRIEND_CALLS_PER_SECOND}`;
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

/** `shares`: what of its ceiling each command may use now. */
export function judgeRates(shares: Readonly<Record<string, number>>): Finding {
  const area = 'rate in force';
  const reduced = Object.entries(shares).filter(([, share]) => share < NEARLY_ALL);
  if (reduced.length === 0) return { level: 'ok', area, text: 'the whole limit' };
  return {
    level: 'warning',
    area,
    text: `lowered after throttling: ${reduced.map(([command, share]) => `${command} ${Math.round(share * 100)} %`).join(', ')}`,
    advice:
      'It recovers by 5 % of the limit a second. If it repeats, somebody else calls: lower CHAT_CALLS_PER_SECOND.',
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;
