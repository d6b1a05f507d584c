// An admin backend adds a handful of friends because somebody pressed a button, ahead of whatever else is running.
// node examples/admin-add.mjs alice bob carol   (alice gets bob and carol)
import { openBefriend } from 'befriend';

const [from, ...friends] = process.argv.slice(2);
if (from === undefined || friends.length === 0) throw new Error('usage: node examples/admin-add.mjs FROM TO…');

const befriend = await openBefriend();
befriend.work();
try {
  const job = await befriend.submit(
    { kind: 'rows', rows: friends.map((to) => ({ from, to, wording: 'from your administrator' })) },
    { operation: 'add', options: { force: true }, priority: 'high', again: true },
  );
  for await (const { to, status, code, info } of job.outcomes()) {
    console.log(status === 'failed' ? `${to}: failed with ${code} ${info}` : `${to}: ${status}`);
  }
  const { rejects } = job.prepared;
  for (const { reason, count } of rejects.byReason) console.log(`${count} not accepted: ${reason}`);
  const { state, reason } = await job.report();
  if (state !== 'completed') throw new Error(`the job is ${state}: ${reason}`);
} finally {
  await befriend.close();
}
