// A light caller for tests of the limit: the limiter and the chat client as they ship, a read of one item a call, and
// nothing else. Options as JSON in the first argument (TakerOptions of takers.ts). It connects, says `ready`, calls
// from `go` on, does as its messages say, and never outlives its parent.
import { createChatClient } from '../../dist/src/chat/client.js';
import { userSigFromKey } from '../../dist/src/chat/usersig-source.js';
import { OPERATIONS } from '../../dist/src/domain/operation.js';
import { createLimiter } from '../../dist/src/limiter/limiter.js';
import { connectRedis } from '../../dist/src/redis/connection.js';

const { baseUrl, sdkappid, admin, key, redisUrl, rate, hands, callTimeoutMs } = JSON.parse(process.argv[2]);

const redis = await connectRedis({ url: redisUrl });
const chat = createChatClient({
  baseUrl,
  sdkappid,
  admin,
  userSig: userSigFromKey({ sdkappid, key, identifier: admin, now: Date.now }),
  timeoutMs: callTimeoutMs,
  maxSockets: hands,
  random: Math.random,
});
const call = chat.prepare(OPERATIONS.check, `from${process.pid}`, [{ to: 'to' }], {});
const tell = (details, message) => process.connected && process.send({ log: message });

let limiter;
const stop = new AbortController();
/** Set: stopped by itself between check and write of its next call, where no check can see it. */
let freezeAtWrite = false;
let working = null;

async function callOn() {
  while (!stop.signal.aborted) {
    const connection = await chat.ready(stop.signal);
    try {
      const slot = await limiter.take(stop.signal);
      const answer = await chat.send(call, { beforeWrite: () => mayWrite(slot), connection });
      if (answer.kind === 'not-sent') slot.giveUp();
      else slot.settled(answer.kind === 'response');
    } finally {
      connection.release();
    }
  }
}

function mayWrite(slot) {
  const may = slot.mayWrite();
  if (may && freezeAtWrite) {
    freezeAtWrite = false;
    process.kill(process.pid, 'SIGSTOP');
  }
  return may;
}

function stateNow() {
  const { failure, ...state } = limiter.state;
  return { ...state, failure: failure?.message ?? null };
}

/** Ends as by `kill -9`, at a moment when it has slots in hand and calls on their way. */
function dieInHand() {
  const state = stateNow();
  if (state.leased === 0 || state.unanswered === 0) return void setImmediate(dieInHand);
  process.send({ state }, () => process.kill(process.pid, 'SIGKILL'));
}

function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const ORDERS = {
  go() {
    limiter = createLimiter({
      redis,
      app: sdkappid,
      command: 'friend_check',
      rate,
      callTimeoutMs,
      log: { info: tell, warn: tell, error: tell },
    });
    working = Promise.allSettled(Array.from({ length: hands }, callOn));
  },
  state: () => process.send({ state: stateNow() }),
  block: ({ ms }) => block(ms),
  freezeAtWrite: () => void (freezeAtWrite = true),
  dieInHand,
  async stop() {
    stop.abort();
    await working;
    await limiter.close();
    process.send({ state: stateNow() }, () => process.exit());
  },
};

process.on('message', (message) => ORDERS[message.order](message));
process.on('disconnect', () => process.exit());
// Connected to the service before the first slot.
(await chat.ready()).release();
process.send({ ready: true });
