import type { Redis } from 'ioredis';
import { type Lease, lease, type LeaseRequest, type LimiterKeys } from './bucket.ts';
import type { Timing } from './timing.ts';

/** Where the state lives that the processes share: Redis; in tests also the model, on any clock (`model.ts`). */
export interface Store {
  /** Names it in messages. */
  readonly name: string;
  readonly connected: boolean;
  /** Reports and leases in one step. Rejects when it was refused, or when nobody knows whether it happened. */
  lease(timing: Timing, request: LeaseRequest): Promise<Lease>;
  /** Tells every coming and going until the returned function is called. */
  watch(onReady: () => void, onClose: () => void): () => void;
}

export function redisStore(redis: Redis, keys: LimiterKeys): Store {
  return {
    name: keys[0],
    get connected() {
      return redis.status === 'ready';
    },
    lease: (timing, request) => lease(redis, keys, timing, request),
    watch(onReady, onClose) {
      redis.on('ready', onReady);
      redis.on('close', onClose);
      return () => {
        redis.off('ready', onReady);
        redis.off('close', onClose);
      };
    },
  };
}
