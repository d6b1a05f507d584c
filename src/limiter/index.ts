/**
 * befriend/limiter: part in the limit of a Tencent Chat command, for any program that calls it beside befriend.
 *
 * @example
 * import axios from 'axios';
 * import { connectRedis, createLimiter, limited, rateOf } from 'befriend/limiter';
 *
 * const redis = await connectRedis({ url: process.env.REDIS_URL }); // befriend's
 * const limiter = createLimiter({
 *   redis,
 *   app: 1400000001, // SDKAppID
 *   command: 'friend_get',
 *   rate: rateOf('friend_get', { callsPerSecond: 159, windowMs: 1000 }), // CHAT_CALLS_PER_SECOND of befriend
 *   appCalls: null, // CHAT_APP_CALLS_PER_SECOND of befriend
 *   callTimeoutMs: 10_000,
 * });
 * const chat = limited(axios.create({ baseURL: 'https://console.tim.qq.com/v4/' }), limiter);
 * await chat.post('sns/friend_get', { From_Account: 'ann', StartIndex: 0 }); // waits for its slot
 * await limiter.close();
 * redis.disconnect();
 */
export { type Limits, rateOf } from '../domain/frequency.ts';
export { connectRedis, type RedisAddress, RedisError } from '../redis/connection.ts';
export { chatThrottled, limited, limitedAdapter, type LimitedOptions, type Slots } from './axios-adapter.ts';
export type { LatenessFigures } from './lateness.ts';
export {
  type CallerClass,
  createLimiter,
  type Limiter,
  type LimiterLog,
  type LimiterOptions,
  type LimiterState,
  type Rate,
  type Slot,
  type Throttled,
  type TryOptions,
} from './limiter.ts';
export { sharedOptions, type SharedTuning } from './shared-options.ts';
export type { Tuning } from './timing.ts';
