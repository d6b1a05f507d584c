// One process that makes calls without end through one candidate, on the way that befriend's callers take
// (src/jobs/send.ts): body, connection, permission, check in the tick of the write, answer read item by item.
//
// An interactive one makes a call now and then instead, as people do.
//
// Forked by measure.mjs with its settings as JSON. Says `ready`; hears `go`; says `called` after its first call; hears
// `stop` and says its figures.
import { setMaxListeners } from 'node:events';
import { Redis } from 'ioredis';
import { dist } from '../stage.mjs';
import { CANDIDATES } from './candidates.mjs';

const { createChatClient } = await import(dist('chat/client.js'));
const { userSigFromKey } = await import(dist('chat/usersig-source.js'));
const { OPERATIONS } = await import(dist('domain/operation.js'));
const { send } = await import(dist('jobs/send.js'));
const { connectRedis } = await import(dist('redis/connection.js'));

/** Chunks that a caller holds at once: the default of BEFRIEND_CONCURRENCY. */
const LANES = 64;
/** The default of BEFRIEND_CALL_TIMEOUT_MS. */
const CALL_TIMEOUT_MS = 10_000;
/** Longer than any run: nobody leaves the line. */
const WAIT_MS = 3_600_000;
/** Mean time between the calls of an interactive process: about 13 a second. */
const PAUSE_MS = 75;

const settings = JSON.parse(process.argv[2]);
const commands = countCommands();
const stop = new AbortController();
setMaxListeners(0, stop.signal);
const call = caller();
const redis = await connectRedis({ socket: settings.socket });
const candidate = await CANDIDATES[settings.candidate]({
  ...settings,
  redis,
  lanes: LANES,
  callTimeoutMs: CALL_TIMEOUT_MS,
  call,
});

let before;
let told = false;
process.on('disconnect', () => process.exit());
process.on('message', (word) => (word === 'go' ? go() : tell()));
process.send('ready');

function go() {
  before = { cpu: process.cpuUsage(), commands: commands.sent };
  if (settings.interactive) void visit();
  else if (candidate.run) void candidate.run();
  else for (let lane = 0; lane < LANES; lane += 1) void walk();
}

async function walk() {
  while (!stop.signal.aborted) await call(candidate);
}

async function visit() {
  while (!stop.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 2 * PAUSE_MS * Math.random()));
    await call(candidate);
  }
}

function tell() {
  const { user, system } = process.cpuUsage(before.cpu);
  const figures = {
    cpuMs: (user + system) / 1000,
    commands: commands.sent - before.commands,
    own: candidate.figures?.() ?? null,
  };
  stop.abort(new Error('the run is over'));
  process.send(figures, () => process.exit());
}

/** Makes the function that makes one call, its body as full as the settings say. */
function caller() {
  const { baseUrl, sdkappid, admin, key, number, items: length } = settings;
  const chat = createChatClient({
    baseUrl,
    sdkappid,
    admin,
    userSig: userSigFromKey({ sdkappid, key, identifier: admin, now: Date.now }),
    timeoutMs: CALL_TIMEOUT_MS,
    maxSockets: LANES,
    random: Math.random,
  });
  const items = Array.from({ length }, (_, n) => ({ to: `friend-${n}`, rows: 'forward' }));
  const next = { step: 'send', operation: OPERATIONS.check, options: {}, from: `user-${number}`, items, carried: [] };
  return async (limiter) => {
    await send(next, {
      chat,
      limiter,
      slot: null,
      mayCall: () => true,
      signal: stop.signal,
      halted: stop.signal,
      waitMs: WAIT_MS,
      now: () => performance.now(),
    });
    if (told) return;
    told = true;
    process.send('called');
  };
}

/** Every command that any client of this process sends, those in a pipeline or a transaction one by one. */
function countCommands() {
  const count = { sent: 0 };
  const { sendCommand } = Redis.prototype;
  Redis.prototype.sendCommand = function sendAndCount(...given) {
    count.sent += 1;
    return sendCommand.apply(this, given);
  };
  return count;
}
