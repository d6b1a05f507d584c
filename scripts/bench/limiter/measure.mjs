// One run of one candidate in one setting: a Redis, a simulator, a network, burners and callers, all processes of their
// own and all new, and what the simulator's meter says afterwards.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../redis.mjs';
import { startSimulator } from '../stage.mjs';
import { useOf } from './use.mjs';

const BURNERS = 2;
const ITEMS = { small: 1, full: 1000 };
const NETWORKS = { plain: null, jitter: [10, 0], blips: [10, 100] };
/** More calls than any candidate starts in a run: twice the limit, and while the run begins. */
const BACKLOG_SECONDS = 5;
const MS = 1000;
/** A candidate that has made no call by then makes none. */
const FIRST_CALL_MS = 30_000;
/** Of an interactive process: the first one waits for what was leased before, and its process is cold. */
const WARM_UP_CALLS = 10;

/**
 * setting: candidate, processes, bodies, load, network, limit, windowMs; interactive: one more process, of that class.
 * Lasts `seconds` from the first call.
 * @returns what `report.mjs` makes a row of
 */
export async function measure(setting, seconds) {
  const { limit, windowMs } = setting;
  const ends = [];
  try {
    const redis = await startRedis(ends);
    const simulator = await startSimulator({ limit, windowMs });
    ends.push(() => simulator.close());
    const network = NETWORKS[setting.network];
    const baseUrl = network
      ? await startNetwork(simulator.settings.baseUrl, network, ends)
      : simulator.settings.baseUrl;
    const callers = await startCallers({
      ends,
      processes: setting.processes,
      interactive: setting.interactive ?? false,
      settings: {
        ...simulator.settings,
        ...setting,
        baseUrl,
        socket: redis.socket,
        items: ITEMS[setting.bodies],
        backlog: Math.ceil((2 * limit * (seconds + BACKLOG_SECONDS) * MS) / windowMs),
      },
    });
    if (setting.load === 'burners') for (let n = 0; n < BURNERS; n += 1) start('burner.mjs', [], ends);

    const before = await redis.costs();
    const called = Promise.race(
      callers.map((caller) => once(caller, 'message', { signal: AbortSignal.timeout(FIRST_CALL_MS) })),
    );
    for (const caller of callers) caller.send('go');
    await called;
    await new Promise((resolve) => setTimeout(resolve, seconds * MS));
    const after = await redis.costs();
    const told = await Promise.all(callers.map(figuresOf));
    return {
      ...(await meterOf(simulator, setting)),
      ...costsOf(before, after, told),
      own: ownOf(told),
      waits: setting.interactive ? waitsOf(told.at(-1)) : null,
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function startNetwork(baseUrl, delays, ends) {
  const network = start('network.mjs', [new URL(baseUrl).port, ...delays], ends);
  const [port] = await once(network, 'message');
  return `http://127.0.0.1:${port}`;
}

/** Resolves when all of them are ready to go. */
async function startCallers({ processes, interactive, settings, ends }) {
  const callers = Array.from({ length: processes + (interactive ? 1 : 0) }, (_, number) =>
    start('caller.mjs', [JSON.stringify({ ...settings, number, interactive: number === processes })], ends),
  );
  await Promise.all(callers.map((caller) => once(caller, 'message')));
  return callers;
}

function start(file, args, ends) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args.map(String));
  child.once('exit', (code) => {
    if (code) throw new Error(`${file} ended with ${code}`);
  });
  ends.push(() => child.kill());
  return child;
}

function figuresOf(caller) {
  const told = new Promise((resolve) => caller.on('message', (said) => said !== 'called' && resolve(said)));
  caller.send('stop');
  return told;
}

async function meterOf({ ask }, { limit, windowMs }) {
  const meter = await ask('meter?command=friend_check');
  const arrivals = await ask('arrivals?command=friend_check');
  const { friend_check: seen } = await ask('ledger');
  return {
    ...meter,
    use: useOf(
      arrivals.map(([, at]) => at),
      { limit, windowMs },
    ),
    codes: seen.codes,
  };
}

function costsOf(before, after, told) {
  const sum = (figure) => told.reduce((all, one) => all + one[figure], 0);
  return {
    commands: sum('commands'),
    allCommands: after.commands - before.commands,
    cpuMs: sum('cpuMs'),
    redisCpuMs: after.cpuMs - before.cpuMs,
  };
}

/** How long the calls of the interactive process waited for their slots, ms; the first ones find a line that is full. */
function waitsOf({ own: { waits } }) {
  const sorted = waits.slice(WARM_UP_CALLS).toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { calls: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) };
}

/** Of several limiters the mean of what is typical, and the most of what is rare. Null: the candidate has none. */
function ownOf(told) {
  const own = told.map((one) => one.own).filter((one) => one !== null);
  if (own.length === 0) return null;
  const all = (read) => own.map(read);
  const mean = (read) => all(read).reduce((sum, value) => sum + value, 0) / own.length;
  const most = (read) => Math.max(...all(read));
  const total = (read) => all(read).reduce((sum, value) => sum + value, 0);
  return {
    lateness: {
      p50: mean(({ lateness }) => lateness.p50),
      p999: most(({ lateness }) => lateness.p999),
      max: most(({ lateness }) => lateness.max),
    },
    answersMs: mean(({ answersMs }) => answersMs),
    predictedUse: mean(({ predictedUse }) => predictedUse),
    tooOld: total(({ tooOld }) => tooOld),
    overdue: total(({ overdue }) => overdue),
  };
}
