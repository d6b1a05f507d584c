import type { Chunk } from '../domain/chunk.ts';
import type { JobDescriptor } from '../domain/job.ts';
import { OPERATIONS } from '../domain/operation.ts';

/** The accounts whose lists a call of this chunk writes; From_Account first. */
export function writtenLists(job: Pick<JobDescriptor, 'operation' | 'options'>, { from, items }: Chunk): string[] {
  const ofFrom = from === null ? [] : [from];
  switch (OPERATIONS[job.operation].writeSet(job.options)) {
    case 'none':
      return [];
    case 'from':
      return ofFrom;
    case 'from-and-items':
      return [...ofFrom, ...items.map((item) => item.to)];
  }
}
