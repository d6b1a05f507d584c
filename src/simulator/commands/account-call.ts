import type { Context } from '../context.ts';
import { count } from '../ledger.ts';
import { Refusal } from '../refusal.ts';
import { textOf } from '../texts.ts';

const MAX_ACCOUNTS = 100;

/** An element of an account command's array. */
export interface AccountElement extends Record<string, unknown> {
  UserID: string;
}

/** Reads the 1 to 100 elements of an account command. */
export function readAccounts(
  command: string,
  body: Record<string, unknown>,
  field: string,
  context: Context,
): AccountElement[] {
  const elements: unknown = body[field];
  if (!Array.isArray(elements) || elements.length === 0) throw new Refusal(70402, `${field} is illegal`);
  if (elements.length > MAX_ACCOUNTS && context.switches['batch-above-limit'] === '30001') {
    throw new Refusal(70206, `${field} has ${elements.length} items, at most ${MAX_ACCOUNTS} are allowed`);
  }
  const accounts = elements.slice(0, MAX_ACCOUNTS);
  if (!accounts.every(isAccountElement)) throw new Refusal(60015, 'UserID is not a string');
  context.sent?.add(
    command,
    '',
    accounts.map(({ UserID }) => UserID),
  );
  return accounts;
}

function isAccountElement(element: unknown): element is AccountElement {
  return typeof (element as AccountElement | null)?.UserID === 'string';
}

/** What the fault plan has for one account of a call. `applied`: a write happens all the same. */
export interface AccountFault {
  code: number;
  info: string;
  applied: boolean;
}

/** The faults of a call's accounts: they have no From. Counts each that shows. */
export function accountFaults(command: string, context: Context): (id: string) => AccountFault | null {
  const { dice, ledger, world } = context;
  const faultOf = dice.items(command, '');
  return (id) => {
    const key = world.keyOf(id);
    const fault = faultOf?.(key);
    if (!fault || !dice.shows(command, '', key, fault)) return null;
    count(ledger.of(command).faults, fault.kind);
    const { code, info = textOf(command, code) } = fault;
    return { code, info, applied: fault.kind === 'transient' && fault.applied };
  };
}

/** ResultCode → items. */
export function countCodes(codes: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}
