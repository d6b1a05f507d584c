import type { Option } from 'commander';
import type { OperationOptions } from '../domain/operation.ts';
import type { Relation } from '../domain/outcome.ts';
import type { Report } from '../results/report.ts';
import { listOption } from './list-option.ts';

type Short<R> = R extends `CheckResult_Type_${infer Name}` ? Name : never;
type CheckType = OperationOptions['type'];
/** Relations as reports and options have them. */
export type RelationName = Short<Relation>;

type Meanings = Partial<Record<RelationName, string>>;

/** What each says of a row's from and to (Chat API 1047/33521). */
const OF_BOTH = {
  BothWay: 'each has the other',
  AWithB: 'from has to, and to has not from',
  BWithA: 'to has from, and from has not to',
  NoRelation: 'neither has the other',
} satisfies Meanings;
const NAMES = Object.keys(OF_BOTH) as RelationName[];

/** A check in mode `single` answers no others, and says nothing of the list of to. */
const OF_SINGLE: Meanings = { AWithB: 'from has to', NoRelation: 'from has not to' };

const meaningsOf = (type: CheckType = 'both'): Meanings => (type === 'single' ? OF_SINGLE : OF_BOTH);

/** What a relation says that a check of this type answered. */
export const meaningOf = (relation: RelationName, type?: CheckType): string => meaningsOf(type)[relation] ?? '';

export const relationOption = (flags: string, about: string): Option => listOption(flags, about, NAMES);

export const relationNameOf = (relation: Relation): RelationName =>
  relation.slice('CheckResult_Type_'.length) as RelationName;

/** What a check of this type is expected to answer, and never will. */
export function neverAnswered(expected: readonly RelationName[], type?: CheckType): RelationName[] {
  return expected.filter((name) => !(name in meaningsOf(type)));
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
