import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LimiterState } from '../../src/limiter/limiter.ts';
import type { Rate } from '../../src/limiter/rate.ts';
import type { SimulatorSettings } from '../../src/simulator/simulate.ts';
import { until } from '../limiter/support.ts';

const TAKER = fileURLToPath(new URL('./taker.mjs', import.meta.url));
/** Calls of one taker at once: enough that slots are always waited for. */
const HANDS = 8;
const CALL_TIMEOUT_MS = 1500;

export interface TakerOptions extends Pick<SimulatorSettings, 'baseUrl' | 'sdkappid' | 'admin' | 'key'> {
  redisUrl: string;
  rate: Rate;
  hands: number;
  callTimeoutMs: number;
}

export type TakerState = Omit<LimiterState, 'failure'> & { failure: string | null };

/** A process that calls as fast as it may: the limiter and the client as they ship, without a job around them. */
export interface Taker {
  /** What its limiter logged. */
  readonly said: string[];
  /** It calls from now on. */
  go(): void;
  state(): Promise<TakerState>;
  /** Keeps its event loop busy. */
  block(ms: number): void;
  /** SIGSTOP wherever it is, until `thaw`. */
  freeze(): void;
  /** Stopped between check and write of its next call: there only the count of overdue calls can tell. */
  freezeAtWrite(): Promise<void>;
  thaw(): void;
  /** SIGKILL, at a moment when it has slots in hand and calls on their way; what it had. */
  dieInHand(): Promise<TakerState>;
  /** Ends its calls and closes its limiter; how it ended. */
  stop(): Promise<TakerState>;
  /** SIGKILL, also of one that is frozen. */
  kill(): Promise<void>;
}

/** Starts one that is connected to Redis and the service, and makes no call before `go`. */
export async function startTaker(simulator: SimulatorSettings, redisUrl: string, rate: Rate): Promise<Taker> {
  const { baseUrl, sdkappid, admin, key } = simulator;
  const options: TakerOptions = {
    baseUrl,
    sdkappid,
    admin,
    key,
    redisUrl,
    rate,
    hands: HANDS,
    callTimeoutMs: CALL_TIMEOUT_MS,
  };
  const child = fork(TAKER, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const said: string[] = [];
  child.on('message', (message: { log?: string }) => void (message.log !== undefined && said.push(message.log)));

  const heard = <T>(name: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const listen = (message: Record<string, unknown>): void => {
        if (!(name in message)) return;
        child.off('message', listen);
        resolve(message[name] as T);
      };
      child.on('message', listen);
      void exited.then(() => reject(new Error(`a taker ended before it said its ${name}`)));
    });
  const tell = (order: string, more: object = {}): void => void child.send({ order, ...more });
  const ask = (order: string): Promise<TakerState> => {
    const state = heard<TakerState>('state');
    tell(order);
    return state;
  };

  await heard('ready');
  return {
    said,
    go: () => tell('go'),
    state: () => ask('state'),
    block: (ms) => tell('block', { ms }),
    freeze: () => void child.kill('SIGSTOP'),
    async freezeAtWrite() {
      tell('freezeAtWrite');
      await until(() => isStopped(child));
    },
    thaw: () => void child.kill('SIGCONT'),
    async dieInHand() {
      const state = await ask('dieInHand');
      await exited;
      return state;
    },
    async stop() {
      const state = await ask('stop');
      await exited;
      return state;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function isStopped({ pid }: ChildProcess): boolean {
  return spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).stdout.startsWith('T');
}
