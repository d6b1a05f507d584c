/**
 * Why a call or an item did not succeed, as a closed union. What follows from a fault is decided in
 * `jobs/settle.ts`; which code is which fault stands in `chat/codes.ts`.
 */
export type Fault =
  /** May pass if tried again. `answered: false`: no usable answer came, so a write may hold all the same. */
  | { kind: 'transient'; curve: Curve; code: number | null; info: string; answered: boolean; maxAttempts?: number }
  /** Too fast: the shared rate goes down, the same request goes again, no attempt is spent. */
  | { kind: 'throttled'; code: number; info: string }
  /** Key, UserSig, permission, plan or region: the job stops with its state kept. `waitMs`: first nobody calls for so long. */
  | { kind: 'credentials'; code: number; info: string; renewable: boolean; waitMs?: number }
  /** The request itself is wrong: never sent again. */
  | { kind: 'malformed'; code: number; info: string }
  /** This account fails for good: recorded, the others go on. */
  | { kind: 'account'; code: number; info: string }
  /** An answer came that cannot be read, or that lacks this item. The outcome of a write is not known. */
  | { kind: 'unreadable'; info: string }
  /** The service lists the item as failed and gives no code: tried a bounded number of times, then final. */
  | { kind: 'unexplained'; info: string; maxAttempts: number }
  /** A code no page lists: tried a bounded number of times, then `account` (item) or `credentials` (call). */
  | { kind: 'unknown-code'; code: number; info: string; maxAttempts: number };

/**
 * Which backoff curve a transient fault follows. `security`: a policy of the service holds one account back for minutes
 * (30540, 31707).
 */
export type Curve = 'internal' | 'conflict' | 'network' | 'security';

/** The service's code behind a fault; null where no answer came. */
export function codeOf(fault: Fault): number | null {
  return fault.kind === 'unreadable' || fault.kind === 'unexplained' ? null : fault.code;
}

/** True when the service may have applied a write although the fault was seen. */
export function mayHold(fault: Fault): boolean {
  return fault.kind === 'unreadable' || (fault.kind === 'transient' && !fault.answered);
}
