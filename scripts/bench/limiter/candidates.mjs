// Who lets calls start: befriend's limiter and its peers, each as its documentation has it for N calls in a window over
// several processes that share a Redis.
//
// open(parts) → { take(signal) } where the candidate gives permissions, or { run(signal) } where it makes the calls
// itself; `figures()` where it has some of its own.
// parts: redis, limit, windowMs, processes, number (of this process), lanes, backlog (calls to have ready), callTimeoutMs,
// interactive (no peer knows it), call(limiter): one call through `take` of it.
import Bottleneck from 'bottleneck';
import { Queue, Worker } from 'bullmq';
import pThrottle from 'p-throttle';
import { RateLimiterQueue, RateLimiterRedis } from 'rate-limiter-flexible';
import { dist } from '../stage.mjs';
import { measured } from './lateness.mjs';

const { createLimiter } = await import(dist('limiter/limiter.js'));

/** What the data path asks of a slot, where there is no more to ask: a peer's permission holds for ever. */
const PERMISSION = { id: 0, mayWrite: () => true, giveUp() {}, answered() {}, settled() {}, throttled() {} };

/** Share of the limit that calls without a limiter keep to: with room for the bunches of a busy process. */
const UNDER = 0.8;

export const BEFRIEND = 'befriend';

export const CANDIDATES = {
  [BEFRIEND]: ({ redis, limit, windowMs, callTimeoutMs, interactive }) =>
    measured(
      createLimiter({
        redis,
        app: 1,
        command: 'friend_check',
        rate: { calls: limit, windowMs },
        callTimeoutMs,
        class: interactive ? 'interactive' : 'bulk',
      }),
      windowMs,
    ),

  'bullmq-window': (parts) => bullmq(parts, { max: parts.limit, duration: parts.windowMs }),

  'bullmq-spaced': (parts) => bullmq(parts, { max: 1, duration: parts.windowMs / parts.limit }),

  /** What the queue costs by itself: its calls are kept under the limit by pauses, which cost nothing. */
  'bullmq-no-limiter': (parts) => bullmq({ ...parts, call: paced(parts) }),

  'bottleneck-reservoir': ({ redis, limit, windowMs }) =>
    bottleneck(redis, {
      reservoir: limit,
      reservoirRefreshAmount: limit,
      reservoirRefreshInterval: windowMs,
      // It looks for a refresh only so often: by default every 5 s, and the reservoir stays empty meanwhile.
      heartbeatInterval: windowMs / 4,
    }),

  'bottleneck-min-time': ({ redis, limit, windowMs }) => bottleneck(redis, { minTime: windowMs / limit }),

  'rate-limiter-flexible': ({ redis, limit, windowMs }) => {
    const limiter = new RateLimiterRedis({ storeClient: redis, points: limit, duration: windowMs / 1000 });
    const queue = new RateLimiterQueue(limiter);
    return permits(() => queue.removeTokens(1));
  },

  /** It knows only its own process: each has its share. */
  'p-throttle-strict': ({ limit, windowMs, processes }) =>
    permits(pThrottle({ limit: Math.floor(limit / processes), interval: windowMs, strict: true })(() => {})),

  'lua-bucket': ({ redis, limit, windowMs }) => {
    redis.defineCommand('takeToken', { numberOfKeys: 1, lua: BUCKET });
    const take = async () => {
      for (;;) {
        const waitMs = await redis.takeToken('bucket', limit, windowMs * 1000);
        if (waitMs === 0) return;
        await sleep(waitMs);
      }
    };
    // One at a time asks: else every waiter would poll.
    let line = Promise.resolve();
    return permits(() => (line = line.then(take)));
  },
};

/** Of most textbooks: full at first, refilled evenly, a token a call. Returns 0 or the ms until there is one. */
const BUCKET = `
local capacity = tonumber(ARGV[1])
local window = tonumber(ARGV[2]) -- us
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1]) or capacity
tokens = math.min(capacity, tokens + (now - (tonumber(kept[2]) or now)) * capacity / window)
local wait = 0
if tokens >= 1 then
  tokens = tokens - 1
else
  wait = math.ceil((1 - tokens) * window / capacity / 1000)
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%.0f', now))
return wait`;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A peer whose permission is a promise. Who stops does not wait for it. */
function permits(permit) {
  return {
    take: (signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        permit().then(() => resolve(PERMISSION), reject);
      }),
  };
}

function bottleneck(redis, options) {
  // It waits for its subscriber, a duplicate, to connect by itself.
  const connection = new Bottleneck.IORedisConnection({ client: redis.duplicate({ lazyConnect: false }) });
  const limiter = new Bottleneck({ id: 'bench', connection, ...options });
  return permits(() => limiter.schedule(async () => {}));
}

/** Calls of all lanes and processes evenly, below the limit. */
function paced({ call, lanes, processes, limit, windowMs }) {
  const pauseMs = (lanes * processes * windowMs) / (UNDER * limit);
  let started = 0;
  return async (limiter) => {
    started += 1;
    // The first calls of the lanes are spread over a pause.
    await sleep(started <= lanes ? (pauseMs * started) / lanes : pauseMs);
    await call(limiter);
  };
}

/** A queue's limiter: each job is a call. The first process adds them all before anybody starts. */
async function bullmq({ redis, number, lanes, backlog, call }, limiter) {
  const queue = new Queue('bench', { connection: redis });
  if (number === 0) {
    const jobs = Array.from({ length: backlog }, () => ({ name: 'call', data: {} }));
    for (let first = 0; first < backlog; first += 1000) await queue.addBulk(jobs.slice(first, first + 1000));
  }
  const worker = new Worker('bench', () => call({ take: async () => PERMISSION }), {
    connection: redis,
    autorun: false,
    concurrency: lanes,
    ...(limiter && { limiter }),
    removeOnComplete: { count: 0 },
  });
  worker.on('error', (error) => console.error(error));
  worker.on('failed', (_job, error) => console.error(error));
  return { run: () => worker.run() };
}
