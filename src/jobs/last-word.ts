import { codeOf } from '../domain/fault.ts';
import type { Settlement } from '../domain/outcome.ts';
import type { OpenItem } from './open-items.ts';

/** The settlement of an item that is not called again, by what is known of it. */
export function lastWord({ attempts, unanswered, answer, fault }: OpenItem): Settlement {
  if (answer !== null) return unproven(answer);
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

/** An answer in doubt that no read could settle. A failure is taken at its word: that promises nothing. */
function unproven(answer: Settlement): Settlement {
  if (answer.status === 'failed') return answer;
  return { ...answer, status: 'unknown', fault: `the service answered ${answer.code}; no read told whether it holds` };
}
