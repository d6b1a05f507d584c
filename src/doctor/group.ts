import type { Finding } from '../domain/finding.ts';

/** Whose problem it is, which decides the exit code: settings and credentials, or what cannot be reached. */
export type Cause = 'setting' | 'unreachable';

/** A message of ours as a finding's words: its first sentence says what is wrong, the others what to do. */
export function wordsOf(message: string): { text: string; advice?: string } {
  const [, text, advice] = /^(.*?)\.\s+(?=[A-Z])(.*)$/s.exec(message) ?? [];
  return text === undefined ? { text: message } : { text, advice: advice?.replace(' Nothing was read or sent.', '') };
}

/** Findings that are shown together. */
export interface Group {
  title: string;
  /** Of its problems, when it has any. */
  cause: Cause;
  findings: Finding[];
}

export const problemsOf = (groups: readonly Group[]): Finding[] =>
  groups.flatMap(({ findings }) => findings.filter(({ level }) => level === 'problem'));

/** Settings first: what cannot be reached is often only asked for at the wrong place. Null: no problem. */
export function causeOf(groups: readonly Group[]): Cause | null {
  const causes = groups.filter((group) => problemsOf([group]).length > 0).map(({ cause }) => cause);
  return causes.includes('setting') ? 'setting' : (causes[0] ?? null);
}
