// How running jobs share the calls of one command: whole workers, a calls' worth of rows each, on the simulator.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dist, startSimulator } from '../stage.mjs';

const { openBefriend } = await import(dist('index.js'));
const { WEIGHT } = await import(dist('domain/shares.js'));

const LIMIT = 200;
/** Until shares have settled: the ready window, about two seconds, is full of what was there before. */
const SETTLE_MS = 4000;
const SMALL_JOB_CALLS = 400;
const NIGHT_JOB_CALLS = 20_000;

/** Three jobs that want every call: the share that each has, of all that were made in `seconds`. */
export async function measureShares(seconds) {
  return onSite(async (submit) => {
    const jobs = [];
    for (const priority of ['low', 'normal', 'high']) jobs.push(await submit(priority, NIGHT_JOB_CALLS));
    const made = () => Promise.all(jobs.map(async (job) => (await job.status()).calls.made));
    await later(SETTLE_MS);
    const before = await made();
    await later(seconds * 1000);
    const after = await made();
    const own = after.map((count, n) => count - before[n]);
    const all = own.reduce((sum, count) => sum + count, 0);
    const weights = Object.values(WEIGHT).reduce((sum, weight) => sum + weight, 0);
    return ['low', 'normal', 'high'].map((priority, n) => ({
      priority,
      calls: own[n],
      share: own[n] / all,
      due: WEIGHT[priority] / weights,
    }));
  });
}

/**
 * Seconds of an import of 400 calls: alone, and submitted behind a night job of low priority that has filled window and
 * hands. `due`: at its share from its first moment on.
 */
export async function measureBehind() {
  const timed = async (submit) => {
    const start = performance.now();
    const job = await submit('normal', SMALL_JOB_CALLS);
    await job.done();
    return (performance.now() - start) / 1000;
  };
  return onSite(async (submit) => {
    // The first job of a process waits until the limiter grants slots.
    await timed(submit);
    const alone = await timed(submit);
    await submit('low', NIGHT_JOB_CALLS);
    await later(SETTLE_MS);
    const behind = await timed(submit);
    return { alone, behind, due: (alone * (WEIGHT.normal + WEIGHT.low)) / WEIGHT.normal };
  });
}

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function onSite(act) {
  const home = mkdtempSync(join(tmpdir(), 'befriend-bench-'));
  const simulator = await startSimulator({ limit: LIMIT, windowMs: 1000 });
  const { baseUrl, sdkappid, admin, key } = simulator.settings;
  const befriend = await openBefriend({
    env: {
      ...process.env,
      BEFRIEND_HOME: home,
      CHAT_BASE_URL: baseUrl,
      CHAT_SDKAPPID: String(sdkappid),
      CHAT_ADMIN: admin,
      CHAT_SECRET_KEY: key,
    },
  });
  let submitted = 0;
  // A call for each row: no two rows have their From_Account in common.
  const submit = (priority, calls) => {
    const number = (submitted += 1);
    const rows = Array.from({ length: calls }, (_, n) => ({ from: `from-${number}-${n}`, to: 'friend' }));
    return befriend.submit({ kind: 'rows', rows }, { operation: 'check', priority });
  };
  befriend.work();
  try {
    return await act(submit);
  } finally {
    await befriend.close();
    simulator.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  }
}
