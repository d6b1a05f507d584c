import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { JobDescriptor } from '../../src/domain/job.ts';
import type { Outcome, OutcomeGroup } from '../../src/domain/outcome.ts';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { createLog } from '../../src/log.ts';
import { runRecorder } from '../../src/results/recorder.ts';
import { AT, chunkOf, claimed, fedChunk, KEYS, openJob, recordOf } from '../jobs/support.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type Folder, makeFolder } from './support.ts';

export interface JobInHome {
  job: JobDescriptor;
  folder: Folder;
}

/** Recorders of one home, on the real ledger and a Redis of the test file. */
export interface RecorderBench {
  readonly server: TestRedis;
  readonly ledger: Ledger;
  /** Folders of the jobs that are the home's own. */
  readonly folders: Map<string, Folder>;
  /** Lines of the recorders' log since the test began: warnings and errors. */
  readonly logged: string[];
  /** Starts a recorder; the returned function stops it. */
  start(): Promise<() => Promise<void>>;
  /** A job of this home with open chunks `a<n> → b, c`. */
  jobOf(chunks: number, given?: Partial<JobDescriptor>): Promise<JobInHome>;
  /** Closes a chunk with an outcome for both of its rows. */
  settle(of: JobInHome, chunk: number, group?: Partial<OutcomeGroup>): Promise<void>;
  stateOf(of: JobInHome): Promise<string | undefined>;
  /** Resolves when the job is over and all of it delivered. */
  finished(of: JobInHome): Promise<void>;
}

/** Sets up the bench for the tests of a file; what a test leaves is removed after it. */
export function recorderBench(): RecorderBench {
  let server: TestRedis;
  let ledger: Ledger;
  const folders = new Map<string, Folder>();
  const logged: string[] = [];
  const running = new Set<() => Promise<void>>();
  const home = makeFolder();

  beforeAll(async () => {
    server = await testRedis();
    ledger = createLedger(server.redis, KEYS);
  });
  afterEach(async () => {
    for (const stop of running) await stop();
    for (const folder of folders.values()) folder.remove();
    folders.clear();
    logged.length = 0;
    await server.redis.flushall();
  });
  afterAll(async () => {
    await server.close();
    home.remove();
  });

  const statusOf = ({ job }: JobInHome) => ledger.status(job.id);
  return {
    get server() {
      return server;
    },
    get ledger() {
      return ledger;
    },
    folders,
    logged,

    async start() {
      const abort = new AbortController();
      const blocking = await server.connect();
      const log = createLog({ level: 'warn', destination: { write: (line) => void logged.push(line) } });
      const done = runRecorder(
        {
          blocking,
          redis: server.redis,
          ledger,
          resultsKey: KEYS.results,
          jobKey: KEYS.job,
          home: home.dir,
          whose: { sdkAppId: 1, redis: null },
          folderOf: async (job) => folders.get(job)?.dir ?? null,
          at: () => AT,
          log,
        },
        abort.signal,
      );
      const stop = async (): Promise<void> => {
        running.delete(stop);
        abort.abort();
        blocking.disconnect();
        await done;
      };
      running.add(stop);
      return stop;
    },

    async jobOf(chunks, given = {}) {
      const fed = Array.from({ length: chunks }, (_, n) => fedChunk(chunkOf(`a${n}`, 'b', 'c'), []));
      const job = await openJob(ledger, fed, given);
      const folder = makeFolder();
      folders.set(job.id, folder);
      return { job, folder };
    },

    async settle({ job }, chunk, group = {}) {
      const { epoch } = await claimed(ledger, job.id, chunk);
      const outcomes: OutcomeGroup[] = [{ status: 'ok', code: 0, info: '', attempts: 1, to: ['b', 'c'], ...group }];
      const entry = { from: `a${chunk}`, attempt: 1, at: AT, rows: 2, outcomes };
      expect(await ledger.record(job.id, chunk, recordOf(epoch, { entry }))).toBe(true);
    },

    stateOf: async (of) => (await statusOf(of))?.state,
    finished: (of) => until(async () => (await statusOf(of))?.delivered === true),
  };
}

/** Resolves once `done` holds; the test's own time-out is the limit. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 5));
}

export const outcomesIn = ({ folder }: JobInHome): Outcome[] =>
  folder
    .text()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Outcome);

export const rowsIn = (of: JobInHome): string[] => outcomesIn(of).map(({ from, to }) => `${from}>${to}`);
export const rowsOf = (...chunks: number[]): string[] => chunks.flatMap((n) => [`a${n}>b`, `a${n}>c`]);

/** Resolves when so many rows are in the file. */
export const delivered = (of: JobInHome, rows: number): Promise<void> =>
  until(() => of.folder.boundaries().length > 0 && rowsIn(of).length === rows);

/** Every row of the job's chunks once, in whatever order. */
export function expectWhole(of: JobInHome, chunks: number): void {
  expect(rowsIn(of).toSorted()).toEqual(rowsOf(...Array.from({ length: chunks }, (_, n) => n)).toSorted());
  expect(of.folder.text().endsWith('\n')).toBe(true);
}
