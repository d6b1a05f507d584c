/** A place in a job's results stream: entry ids are `<generation>-<sequence>`; the sequence has no gaps. */
export interface Position {
  generation: number;
  sequence: number;
}

export const START: Position = { generation: 0, sequence: 0 };

export function parsePosition(id: string): Position {
  const [generation, sequence] = id.split('-').map(Number);
  if (!Number.isSafeInteger(generation) || !Number.isSafeInteger(sequence)) throw new Error(`not an entry id: ${id}`);
  return { generation: generation as number, sequence: sequence as number };
}

export const formatPosition = ({ generation, sequence }: Position): string => `${generation}-${sequence}`;

export function comparePositions(a: Position, b: Position): number {
  return a.generation - b.generation || a.sequence - b.sequence;
}
