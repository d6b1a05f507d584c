import { createConnection, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';
import { doorToSeed, type Route } from './route.ts';

type Place = { host: string; port: number };

/** How long one of those that know is asked. */
const ASK_MS = 1500;
/** Between two rounds of questions, first and most. */
const AGAIN_MS = 50;
const MOST_AGAIN_MS = 1000;
/**
 * A server that answers nothing for so long is left, and the master is looked for anew: a machine that vanished ends no
 * connection. Longer than any command of ours or BullMQ's waits for entries (10 s).
 */
const SILENT_MS = 15_000;

/**
 * Where the master is now that has `key`: all keys of an app lie in one slot, so one connection serves it, on a cluster
 * too. Without a key any master of a cluster.
 * @param mostMs no further seed is asked after this time
 * @throws what the last of the seeds answered, when none knows
 */
export async function findMaster(route: Route, key: string | undefined, mostMs = Infinity): Promise<Place> {
  const began = performance.now();
  let failure = new Error('nobody was asked');
  for (const seed of route.seeds) {
    if (performance.now() - began > mostMs) break;
    try {
      const place = await ask(route, seed, key);
      if (place !== null) return place;
      failure = new Error(`${seed.host}:${seed.port} knows of no master`);
    } catch (error) {
      failure = new Error(`${seed.host}:${seed.port}: ${(error as Error).message}`);
    }
  }
  throw failure;
}

async function ask(route: Route, seed: Place, key: string | undefined): Promise<Place | null> {
  const { host, port, tls, username, password } = doorToSeed(route, seed);
  const redis = new Redis({
    host,
    port,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: isIP(host) === 0 ? { servername: host } : {} }),
    lazyConnect: true,
    connectTimeout: ASK_MS,
    commandTimeout: ASK_MS,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let failure: Error | null = null;
  redis.on('error', (error: Error) => (failure ??= error));
  try {
    await redis.connect();
    return route.kind === 'sentinel' ? await watched(redis, route.master as string) : await owner(redis, key, seed);
  } catch (error) {
    throw failure ?? error;
  } finally {
    redis.disconnect();
  }
}

async function watched(sentinel: Redis, name: string): Promise<Place | null> {
  const place = (await sentinel.call('SENTINEL', 'get-master-addr-by-name', name)) as [string, string] | null;
  return place === null ? null : { host: place[0], port: Number(place[1]) };
}

async function owner(node: Redis, key: string | undefined, seed: Place): Promise<Place | null> {
  const slot = key === undefined ? null : Number(await node.call('CLUSTER', 'KEYSLOT', key));
  const ranges = (await node.call('CLUSTER', 'SLOTS')) as [number, number, [string | null, number]][];
  const range = ranges.find(([from, to]) => slot === null || (from <= slot && slot <= to));
  if (range === undefined) return null;
  const [host, port] = range[2];
  // A node that does not know its own name is where it was asked.
  return { host: host === null || host === '' || host === '?' ? seed.host : host, port: Number(port) };
}

/** Answers of a server that is not, or no longer, the master of the key: it is looked for again, and asked again. */
const NOT_THE_MASTER = /(^|[\s-])(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|MASTERDOWN) /;

/** What makes a connection find the master, at first and whenever the one that it had is lost or is none any more. */
export function following(route: Route, key: string | undefined): RedisOptions {
  class Follower extends AbstractConnector {
    constructor({ disconnectTimeout }: { disconnectTimeout: number }) {
      super(disconnectTimeout);
    }

    /** ioredis tries no connector twice that has failed, so this one goes on until it is not wanted any more. */
    async connect(tell: (type: string, error: Error) => void): ReturnType<AbstractConnector['connect']> {
      this.connecting = true;
      for (let waitMs = AGAIN_MS; ; waitMs = Math.min(2 * waitMs, MOST_AGAIN_MS)) {
        const place = await findMaster(route, key).catch((error: Error) => void tell('error', error));
        if (!this.connecting) throw new Error('Connection is closed.');
        if (place) return (this.stream = this.#open(place));
        await sleep(waitMs);
      }
    }

    #open({ host, port }: Place) {
      const stream = route.tls
        ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) })
        : createConnection({ host, port });
      return stream.once('error', (error: Error) => {
        this.firstError = error;
      });
    }
  }
  return {
    Connector: Follower as unknown as NonNullable<RedisOptions['Connector']>,
    reconnectOnError: ({ message }) => (NOT_THE_MASTER.test(message) ? 2 : false),
    socketTimeout: SILENT_MS,
  };
}
