import type { Redis } from 'ioredis';
import type { Finding } from '../domain/finding.ts';
import { connectRedis, isFollowing, unusable } from './connection.ts';
import { type EmbeddedOptions, connectEmbeddedRedis } from './embedded.ts';
import { inTime } from './in-time.ts';
import { factsIn, judgeStated, readInfo } from './inspect.ts';
import { refusalOf } from './refusal.ts';
import { checkWrite, mayPass } from './write-check.ts';

/** Where Redis is: at a URL, or, without one, in the home. */
export interface RedisPlace {
  url: string | null;
  home: string;
  /** A key of the app's own that may be written and expires. */
  writeCheckKey: string;
}

/** Without these nothing works; every other finding is a warning. */
const INDISPENSABLE = new Set(['redis version', 'redis role']);

/**
 * A connected Redis that befriend can use, and sentences about what may be lost or must wait with it.
 * @throws RedisError with the reason and what to do when it cannot be used, also when it falls silent meanwhile
 */
export async function openRedis(
  { url, home, writeCheckKey }: RedisPlace,
  options: EmbeddedOptions,
): Promise<{ redis: Redis; warnings: string[] }> {
  const redis =
    url === null ? await connectEmbeddedRedis(home, options) : await connectRedis({ url, key: writeCheckKey });
  const address = url === null ? { socket: home } : { url };
  try {
    const info = factsIn(await inTime(redis.info(), { redis, address }));
    const found = judgeStated(readInfo(info, new Map(), isFollowing(redis))).filter(({ level }) => level !== 'ok');
    const obstacle = found.find(({ level, area }) => level === 'problem' && INDISPENSABLE.has(area));
    if (obstacle) throw unusable(address, obstacle.text, obstacle.advice ?? '');
    const refused = await inTime(checkWrite(redis, writeCheckKey), { redis, address }).then(() => null, whileFull);
    return { redis, warnings: refused === null ? found.map(sentenceOf) : [refused] };
  } catch (error) {
    redis.disconnect();
    throw refusalOf(error) ?? error;
  }
}

function sentenceOf({ text, advice = '' }: Finding): string {
  return `Redis: ${text}. ${advice}`.trimEnd();
}

/** The refusal's words where it may pass. @throws it otherwise */
function whileFull(refusal: Error): string {
  if (!mayPass(refusal)) throw refusal;
  return refusal.message;
}
