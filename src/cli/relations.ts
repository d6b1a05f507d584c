import type { Option } from 'commander';
import type { Relation } from '../domain/outcome.ts';
import type { Report } from '../results/report.ts';
import { listOption } from './list-option.ts';

type Short<R> = R extends `CheckResult_Type_${infer Name}` ? Name : never;
/** Relations as reports and options have them. */
export type RelationName = Short<Relation>;

/** What each says of a row's from and to, of a check in mode `both`. */
export const RELATIONS: Record<RelationName, string> = {
  BothWay: 'each has the other',
  AWithB: 'from has to',
  BWithA: 'to has from',
  NoRelation: 'no friendship',
};
const NAMES = Object.keys(RELATIONS) as RelationName[];

/** All that a check in mode `single` answers (Chat API 1047/33521). */
const OF_SINGLE: ReadonlySet<RelationName> = new Set(['AWithB', 'NoRelation']);

export const relationOption = (flags: string, about: string): Option => listOption(flags, about, NAMES);

export const relationNameOf = (relation: Relation): RelationName =>
  relation.slice('CheckResult_Type_'.length) as RelationName;

/** What a check in mode `single` is expected to answer, and never will. */
export function neverAnswered(expected: readonly RelationName[], type: 'both' | 'single'): RelationName[] {
  return type === 'single' ? expected.filter((name) => !OF_SINGLE.has(name)) : [];
}

/** Relations of a report that nobody expected. */
export function unexpectedIn(relations: Record<string, number>, expected: readonly RelationName[]): RelationName[] {
  return NAMES.filter((name) => (relations[name] ?? 0) > 0 && !expected.includes(name));
}

/** The report with the rows of unexpected relations counted, where some were expected. */
export function compared(report: Report, expected: readonly RelationName[] | undefined): Report {
  if (expected === undefined) return report;
  const { relations } = report;
  const unexpected = unexpectedIn(relations, expected).reduce((sum, name) => sum + (relations[name] as number), 0);
  return { ...report, unexpected };
}
