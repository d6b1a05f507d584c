// The same calls as people make them without befriend, in one process: forked by peers.mjs with its settings as JSON.
//
// `axios`: a bare loop with default options that knows no limit. `script`: p-limit and a pause that fills up each second.
// `bullmq`: a job a chunk, with its rows, and BullMQ's limiter. Says `ready`; hears `go`; says its figures when it has
// made its calls. Nothing is kept of the answers but their codes.
import axios from 'axios';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import pLimit from 'p-limit';
import { dist } from '../stage.mjs';

const { userSigFromKey } = await import(dist('chat/usersig-source.js'));

const LANES = 16;
/** As befriend's caller has it. */
const BULLMQ_CONCURRENCY = 64;
const SECOND_MS = 1000;

const { kind, calls, items, limit, baseUrl, sdkappid, admin, key, socket } = JSON.parse(process.argv[2]);
const sig = userSigFromKey({ sdkappid, key, identifier: admin, now: Date.now }).current().text;
const url =
  `${baseUrl}/v4/sns/friend_check?sdkappid=${sdkappid}&identifier=${admin}` +
  `&usersig=${encodeURIComponent(sig)}&random=1&contenttype=json`;
const codes = {};

const bodyOf = (call) => ({
  From_Account: `user-${call}`,
  To_Account: Array.from({ length: items }, (_, n) => `f-${call}-${n}`),
  CheckType: 'CheckResult_Type_Single',
});

async function post(body) {
  const { data } = await axios.post(url, body);
  codes[data.ErrorCode] = (codes[data.ErrorCode] ?? 0) + 1;
}

const KINDS = {
  async axios() {
    // The same body each time: the loop does nothing else.
    const body = bodyOf(0);
    let left = calls;
    const lane = async () => {
      while ((left -= 1) >= 0) await post(body);
    };
    return () => Promise.all(Array.from({ length: LANES }, lane));
  },

  async script() {
    const lanes = pLimit(LANES);
    return async () => {
      for (let first = 0; first < calls; first += limit) {
        const begun = performance.now();
        const batch = Array.from({ length: Math.min(limit, calls - first) }, (_, n) => first + n);
        await Promise.all(batch.map((call) => lanes(() => post(bodyOf(call)))));
        const left = SECOND_MS - (performance.now() - begun);
        if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
      }
    };
  },

  async bullmq() {
    const connection = new Redis({ path: socket, maxRetriesPerRequest: null });
    const queue = new Queue('peer', { connection });
    for (let first = 0; first < calls; first += limit) {
      const jobs = Array.from({ length: Math.min(limit, calls - first) }, (_, n) => bodyOf(first + n));
      await queue.addBulk(jobs.map((data) => ({ name: 'chunk', data, opts: { removeOnComplete: true } })));
    }
    return () =>
      new Promise((resolve, reject) => {
        let done = 0;
        const worker = new Worker('peer', ({ data }) => post(data), {
          connection,
          concurrency: BULLMQ_CONCURRENCY,
          limiter: { max: limit, duration: SECOND_MS },
        });
        worker.on('error', reject);
        worker.on('completed', () => (done += 1) === calls && resolve());
      });
  },
};

const run = await KINDS[kind]();
process.on('disconnect', () => process.exit());
process.once('message', async () => {
  const begun = { at: performance.now(), cpu: process.cpuUsage() };
  await run();
  const seconds = (performance.now() - begun.at) / 1000;
  const { user, system } = process.cpuUsage(begun.cpu);
  process.send({ seconds, cores: (user + system) / 1e6 / seconds, codes });
});
process.send('ready');
