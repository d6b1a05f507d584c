// A migration imports an export of the legacy system and stops for a person when rows were lost on the way.
// node examples/migrate-file.mjs friends.csv
import { openBefriend } from 'befriend';

const path = process.argv[2];
if (path === undefined) throw new Error('usage: node examples/migrate-file.mjs FILE');

const befriend = await openBefriend();
befriend.work();
try {
  // Started again after a crash, it goes on where it was: same file, same job.
  const job = await befriend.submit({ kind: 'file', path }, { operation: 'import', name: `migration of ${path}` });
  const { rows, invalid, duplicate } = (await job.status()).totals;
  console.log(`${job.kind} ${job.id}: ${rows} rows, ${invalid} invalid, ${duplicate} duplicate`);
  const report = await job.done();
  console.log(`${report.state}: ${JSON.stringify(report.totals)}`);
  const { rejects, results } = await job.files();
  if (rejects !== null) console.log(`not accepted: ${rejects}`);
  if (results !== null) console.log(`outcomes: ${results}`);
  const { failed, unknown } = report.totals;
  if (report.state !== 'completed' || invalid + failed + unknown > 0) process.exitCode = 1;
} finally {
  await befriend.close();
}
