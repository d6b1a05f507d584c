import { join } from 'node:path';
import type { Prepared } from '../intake/prepare.ts';
import type { Source } from '../intake/source.ts';
import { REJECTS_FILE } from '../jobs/home.ts';
import { openIntakeFolder } from '../jobs/intake-folder.ts';
import { plan, type Submission } from '../jobs/submit.ts';
import { printFile } from './deliver.ts';

type PlanParts = Parameters<typeof plan>[3];

/**
 * Intake as a dry run has it: no job comes of it. The rejects go to the file `rejects`, or for `-` to stdout, from a file
 * in the home: a crash leaves that to the next start, which removes it.
 */
export async function intakeOnly(
  source: Source,
  asked: Submission,
  rejects: string,
  parts: PlanParts,
): Promise<Prepared> {
  if (rejects !== '-') return plan(source, asked, rejects, parts);
  const folder = openIntakeFolder(parts.home, 'rejects', parts.wallClock);
  try {
    const path = join(folder.path, REJECTS_FILE);
    const prepared = await plan(source, asked, path, parts);
    if (prepared.rejects.count > 0) await printFile(path, process.stdout);
    return prepared;
  } finally {
    await folder.remove();
  }
}
