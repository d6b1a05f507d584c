// A nightly job checks the friend graph of its own database and tells what is not mutual any more.
// Run it with the settings of the README: node examples/nightly-check.mjs
import { openBefriend } from 'befriend';

/** Stands for a query: any async iterable of rows will do, of any length. */
async function* friendshipsInOurDatabase() {
  for (let n = 0; n < 1000; n += 1) yield { from: `u${n % 50}`, to: `v${n}` };
}

const befriend = await openBefriend();
befriend.work();
try {
  const job = await befriend.submit(
    { kind: 'rows', rows: friendshipsInOurDatabase() },
    // The same night's run started twice is one job.
    { operation: 'check', name: 'nightly check', idempotencyKey: `nightly-${new Date().toISOString().slice(0, 10)}` },
  );
  for await (const { from, to, status, relation } of job.outcomes()) {
    if (status === 'ok' && relation !== 'CheckResult_Type_BothWay') console.log(`${from} ${to} ${relation}`);
  }
  const { state, totals, relations } = await job.done();
  console.error(`${state}: ${totals.accepted} rows, ${relations.BothWay ?? 0} mutual, ${totals.failed} failed`);
} finally {
  await befriend.close();
}
