import { codeOf } from '../domain/fault.ts';
import type { Settlement } from '../domain/outcome.ts';
import type { OpenItem } from './open-items.ts';

/** The settlement of an item that is not called again, by what is known of it. */
export function lastWord({ attempts, unanswered, answer, fault }: OpenItem): Settlement {
  if (answer !== null) return unproven(answer, unanswered);
  if (fault === null) {
    return unanswered
      ? { status: 'unknown', code: null, info: '', fault: 'a write was sent, its answer was never recorded' }
      : { status: 'skipped', code: null, info: '', fault: 'never sent: the job was cancelled' };
  }
  const code = codeOf(fault);
  const info = code === null ? '' : fault.info;
  const why = code === null ? { fault: fault.info } : {};
  if (unanswered) return { status: 'unknown', code, info, ...why };
  return attempts === 0
    ? { status: 'skipped', code, info, fault: `never accepted: ${fault.info}` }
    : { status: 'failed', code, info, ...why };
}

/** Codes of an account that is not there: whatever was sent before, nothing of it holds (Chat API 1047/34348). */
const NOTHING_HOLDS: ReadonlySet<number | null> = new Set([30002, 30003]);
const EARLIER = 'an earlier write of it was never answered, and no read told whether that one holds';

/**
 * An answer that no read has proven. A refusal is taken at its word, since that promises nothing; but it speaks of its
 * own write only, and not of one before that was never answered.
 */
function unproven(answer: Settlement, unanswered: boolean): Settlement {
  if (answer.status !== 'failed') {
    return {
      ...answer,
      status: 'unknown',
      fault: `the service answered ${answer.code}; no read told whether it holds`,
    };
  }
  return unanswered && !NOTHING_HOLDS.has(answer.code) ? { ...answer, status: 'unknown', fault: EARLIER } : answer;
}
