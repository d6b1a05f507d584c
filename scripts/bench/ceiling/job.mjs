// One job of many full calls on a running system: what came of it, and what it took.
import { useOf } from '../limiter/use.mjs';

const SAMPLE_MS = 500;

/** Rows of `calls` chunks of one From_Account and `items` friends each. No edge lies in two of them. */
function* rowsOf(name, calls, items) {
  for (let call = 0; call < calls; call += 1) {
    for (let item = 0; item < items; item += 1) yield { from: `${name}-${call}`, to: `f-${call}-${item}` };
  }
}

/**
 * Submits, and waits until every outcome is in the results file. Time and CPU count from the job's acceptance on: intake
 * is another bench.
 * @returns figures; CPU in cores, memory in MiB, of each worker by its roles
 */
export async function runJob({ redis, simulator, befriend, workers, keys }, { operation, calls, items, limit }) {
  const base = await redis.usedBytes();
  const rows = rowsOf(operation, calls, items);
  const options = operation === 'check' ? { type: 'single' } : {};
  const job = await befriend.submit({ kind: 'rows', rows }, { operation, options, name: `${operation} ${calls}` });
  const start = performance.now();
  const cpu = workers.map((worker) => worker.cpuMs());
  const before = await redis.costs();
  const sampling = sample(redis);
  const report = await job.done();
  const seconds = (performance.now() - start) / 1000;
  const peakBytes = await sampling.stop();
  const after = await redis.costs();
  const command = `friend_${operation}`;
  const { certainMax } = await simulator.ask(`meter?command=${command}`);
  const stamps = (await simulator.ask(`arrivals?command=${command}`)).map(([, at]) => at);
  const results = keys.results(job.id);
  const entries = await redis.redis.xlen(results);
  return {
    operation,
    calls,
    items,
    limit,
    seconds,
    open: report.totals.accepted - report.totals.ok - report.totals.satisfied,
    use: useOf(stamps, { limit, windowMs: 1000 }),
    perSecond: rateOf(stamps),
    makespan: seconds / (calls / limit),
    certainMax,
    workers: workers.map(({ roles, cpuMs, peakMb }, n) => ({
      roles,
      cores: (cpuMs() - cpu[n]) / 1000 / seconds,
      peakMb: peakMb(),
    })),
    redisCores: (after.cpuMs - before.cpuMs) / 1000 / seconds,
    redisPeakMb: (peakBytes - base) / 2 ** 20,
    ledgerBytes: await ledgerBytes(redis.redis, keys, job.id),
    bytesAnOutcome: Number(await redis.redis.call('MEMORY', 'USAGE', results, 'SAMPLES', 0)) / (entries * items),
  };
}

/** Calls a second from a second after the first one until nearly the last: also where there is no limit. */
export function rateOf(stamps) {
  const sorted = Float64Array.from(stamps).toSorted();
  const from = sorted.findIndex((at) => at >= sorted[0] + 1e6);
  const to = Math.floor(sorted.length * 0.95);
  return to > from ? ((to - from) / (sorted[to] - sorted[from])) * 1e6 : null;
}

function sample(redis) {
  let peak = 0;
  const look = async () => {
    peak = Math.max(peak, await redis.usedBytes());
  };
  const timer = setInterval(() => void look(), SAMPLE_MS);
  return {
    async stop() {
      clearInterval(timer);
      await look();
      return peak;
    },
  };
}

/** What a finished job leaves in Redis beside its stream. */
async function ledgerBytes(redis, keys, id) {
  const own = [keys.job, keys.counts, keys.closed, keys.open, keys.bars].map((keyOf) => keyOf(id));
  const sizes = await Promise.all(own.map((key) => redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0)));
  return sizes.reduce((sum, size) => sum + Number(size ?? 0), 0);
}
