import type { OutcomeGroup, ResultEntry } from '../domain/outcome.ts';
import { parsePosition, type Position } from './position.ts';

/** An entry as Redis gives it: fields and values in turn. */
export type StreamEntry = [id: string, fields: string[]];

export interface ParsedEntry {
  position: Position;
  entry: ResultEntry;
  /** Of its outcomes: nearly all of it. */
  bytes: number;
}

export function parseEntry([id, fields]: StreamEntry): ParsedEntry {
  const named = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) named.set(fields[i] as string, fields[i + 1] as string);
  const outcomes = named.get('outcomes') ?? '[]';
  const from = named.get('from') as string;
  return {
    position: parsePosition(id),
    bytes: Buffer.byteLength(outcomes),
    entry: {
      chunk: Number(named.get('chunk')),
      from: from === '' ? null : from,
      attempt: Number(named.get('attempt')),
      at: named.get('at') as string,
      outcomes: JSON.parse(outcomes) as OutcomeGroup[],
    },
  };
}
