import { join } from 'node:path';
import type { JobStatus } from '../domain/job.ts';
import type { Outcome } from '../domain/outcome.ts';
import { RESULTS_FILE } from '../results/file.ts';
import { followLines } from '../results/follow.ts';
import { jobFolder } from './home.ts';
import type { Ledger } from './ledger.ts';
import { damagedResults, mustBeHere, retriesNamed, takesRow } from './retry.ts';

export interface WithRetriesParts {
  ledger: Ledger;
  home: string;
  /** Whether nothing more comes to this job's file. */
  over: (job: string) => Promise<boolean>;
}

/**
 * Results files of a job and of all its retries as one: every accepted row once, as it ended in the last job that ran it.
 * Rows of a retry that runs come as it settles them. Each file is read through once, whatever its size.
 * @throws JobElsewhere when a file is in another home; IntakeError when one was changed
 */
export async function* linesWithRetries(job: JobStatus, parts: WithRetriesParts): AsyncGenerator<Buffer> {
  const { ledger, home, over } = parts;
  await mustBeHere(home, job.id, 'the view of rows with their retries');
  const path = join(jobFolder(home, job.id), RESULTS_FILE);
  const { retries, rows } = await retriesNamed(job, ledger);
  if (rows === null) return yield* followLines(path, () => over(job.id));
  let taken = 0;
  const stays = (line: string): boolean => {
    if (line === '') return false;
    const again = takesRow(rows, JSON.parse(line) as Outcome);
    if (again) taken += 1;
    return !again;
  };
  for await (const lines of followLines(path, async () => true)) {
    const kept = lines.toString().split('\n').filter(stays);
    if (kept.length > 0) yield Buffer.from(`${kept.join('\n')}\n`);
  }
  const inRetries = retries.reduce((sum, { accepted }) => sum + accepted, 0);
  if (taken !== inRetries)
    throw damagedResults(path, `its retries have ${inRetries} of its rows, and it has ${taken} of them`);
  for (const retry of retries) yield* linesWithRetries(retry, parts);
}
