import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

export type ScriptArg = string | number | Buffer;

/** A Lua file as a typed function. Answers come as Redis gives them: bulk strings as Buffers. */
export type Script<Keys extends string[], Args extends ScriptArg[], Reply> = (
  redis: Redis,
  keys: Keys,
  args: Args,
) => Promise<Reply>;

/**
 * Loads `file`, a Lua script beside its caller, once. Called by digest; a server that does not know it (restart,
 * fail-over, SCRIPT FLUSH) gets the text.
 */
export function defineScript<Keys extends string[], Args extends ScriptArg[], Reply>(
  caller: string,
  file: string,
): Script<Keys, Args, Reply> {
  const lua = readFileSync(new URL(file, caller), 'utf8');
  const sha = createHash('sha1').update(lua).digest('hex');
  return async (redis, keys, args) => {
    const rest = [keys.length, ...keys, ...args];
    try {
      return (await redis.callBuffer('EVALSHA', sha, ...rest)) as Reply;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return (await redis.callBuffer('EVAL', lua, ...rest)) as Reply;
    }
  };
}
