/**
 * The limiter alone: processes take slots without end and write a line in each; a receiver in a process of its own
 * stamps arrivals. All processes of a machine share one monotonic clock, so a call arrived between its two stamps.
 *
 *   npx tsc --noEmit false --outDir build/bench && cp src/limiter/*.lua build/bench/src/limiter/
 *   BEFRIEND_REDIS_SERVER=$(command -v redis-server) node build/bench/scripts/bench/limiter-smoke.js \
 *     [processes] [seconds] [calls] [windowMs] ['{"marginMs":4}'] [jitterMs] [blipMs]
 *
 * Jitter delays every call and every answer by up to so much; a blip holds all calls of two seconds' first milliseconds.
 * Expect: certain max ≤ calls, use ≥ 0.99 on an idle machine.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createLimiter } from '../../src/limiter/limiter.ts';
import type { Tuning } from '../../src/limiter/timing.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { testRedis } from '../../test/support/redis.ts';

interface Arrival {
  /** Monotonic, ms: before the write, and when the receiver saw it. */
  sent: number;
  seen: number;
}

const TAKERS = 40;
const SERVICE_MS = 5;
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const [role, ...args] = process.argv.slice(2);

if (role === 'receiver') receive(args.map(Number));
else if (role === 'caller') await call(args);
else await measure(process.argv.slice(2));

/** The way to the service and back, and the service. A call arrives at the end of its way. */
function receive([jitterMs, blipMs]: number[]): void {
  const arrivals: Arrival[] = [];
  const jitter = (): number => Math.random() * (jitterMs ?? 0);
  const way = (): number => Math.max(jitter(), (blipMs ?? 0) - (now() % 2000));
  const server = createServer({ noDelay: true }, (socket) => {
    const arrive = (line: string, sent: number): void => {
      arrivals.push({ sent, seen: now() });
      setTimeout(() => socket.write(`${line}\n`), SERVICE_MS + jitter());
    };
    createInterface(socket).on('line', (line) => {
      const delay = way();
      if (delay === 0) arrive(line, Number(line));
      else setTimeout(() => arrive(line, now()), delay);
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.on('message', () => process.send?.(arrivals, () => process.exit()));
}

async function call([socket, port, calls, windowMs, tuning]: string[]): Promise<void> {
  const redis = await connectRedis({ socket: socket as string });
  const out = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
  await once(out, 'connect');
  const limiter = createLimiter({
    redis,
    app: 1400000000,
    command: 'friend_check',
    rate: { calls: Number(calls), windowMs: Number(windowMs) },
    ...(JSON.parse(tuning ?? '{}') as Partial<Tuning>),
    callTimeoutMs: 5000,
  });
  const answers = new Map<string, () => void>();
  createInterface(out).on('line', (line) => answers.get(line)?.());
  const stop = new AbortController();
  const takers = Array.from({ length: TAKERS }, () => take(limiter, out, answers, stop.signal));
  process.on('message', async () => {
    stop.abort();
    await Promise.allSettled(takers);
    process.send?.({ cpu: process.cpuUsage(), state: limiter.state });
    await limiter.close();
    process.exit();
  });
}

async function take(
  limiter: ReturnType<typeof createLimiter>,
  out: Socket,
  answers: Map<string, () => void>,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    const slot = await limiter.take(stop);
    if (!slot.mayWrite()) continue;
    const line = String(now());
    out.write(`${line}\n`);
    await new Promise<void>((resolve) => answers.set(line, resolve));
    answers.delete(line);
    slot.settled();
  }
}

async function measure([
  processes = '1',
  seconds = '10',
  calls = '200',
  windowMs = '1000',
  tuning = '{}',
  jitterMs = '0',
  blipMs = '0',
]: string[]): Promise<void> {
  const redis = await testRedis();
  if (!('socket' in redis.address)) throw new Error('unreachable');
  const self = fileURLToPath(import.meta.url);
  const receiver = fork(self, ['receiver', jitterMs, blipMs]);
  const [port] = (await once(receiver, 'message')) as [number];
  const settings = [redis.address.socket, String(port), calls, windowMs, tuning];
  const callers = Array.from({ length: Number(processes) }, () => fork(self, ['caller', ...settings]));
  await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
  const states = await Promise.all(callers.map(ask));
  const [arrivals] = (await ask(receiver)) as [Arrival[]];
  const commands = await redis.redis.info('commandstats');
  const cpu = await redis.redis.info('cpu');
  await redis.close();
  report({ arrivals, calls: Number(calls), windowMs: Number(windowMs), states, commands, cpu });
}

async function ask(child: ChildProcess): Promise<unknown[]> {
  const answer = once(child, 'message');
  child.send('stop');
  return answer;
}

function report(run: {
  arrivals: Arrival[];
  calls: number;
  windowMs: number;
  states: unknown[];
  commands: string;
  cpu: string;
}): void {
  const { arrivals, calls, windowMs } = run;
  const sorted = arrivals.toSorted((a, b) => a.seen - b.seen);
  const first = sorted[0]?.seen ?? 0;
  const span = (sorted.at(-1)?.seen ?? 0) - first;
  let most = 0;
  let certain = 0;
  for (const start of sorted) {
    most = Math.max(most, sorted.filter((a) => a.seen >= start.seen && a.seen < start.seen + windowMs).length);
    certain = Math.max(certain, sorted.filter((a) => a.sent >= start.sent && a.seen < start.sent + windowMs).length);
  }
  const stat = (name: string): number =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(run.commands)?.[1] ?? 0);
  const inner = [...run.commands.matchAll(/cmdstat_[^:]+:calls=(\d+)/g)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
  console.log(`cores ${cpus().length}, arrivals ${arrivals.length}, limit ${calls} per ${windowMs} ms`);
  console.log(
    `use ${(((arrivals.length - 1) / span) * (windowMs / calls)).toFixed(4)}, most ${most}, certain max ${certain}`,
  );
  console.log(
    `round trips a call ${((stat('evalsha') + stat('eval')) / arrivals.length).toFixed(3)}, with commands inside scripts ${(inner / arrivals.length).toFixed(2)}`,
  );
  console.log(/used_cpu_user:.*/.exec(run.cpu)?.[0], /used_cpu_sys:.*/.exec(run.cpu)?.[0]);
  for (const state of run.states) console.log(JSON.stringify(state));
}
