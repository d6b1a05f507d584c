import { RedisError } from './connection.ts';
import { ALLOW } from './greet.ts';

/** What an error reply means and what to do, by the word it begins with. */
const MEANINGS: Record<string, { what: string; advice: string }> = {
  OOM: {
    what: 'Redis is full (maxmemory) and refuses to write',
    advice: 'Make room in it or raise maxmemory, and run the same command again: nothing is lost',
  },
  MISCONF: {
    what: 'Redis cannot write its data to disk and refuses commands: its disk is full or broken',
    advice:
      'Free some space there (for the private Redis: where BEFRIEND_HOME is) and run the same command again: nothing is lost',
  },
  READONLY: {
    what: 'this Redis is a read-only replica',
    advice: 'Set REDIS_URL to the master (primary), and run the same command again',
  },
  NOPERM: {
    what: 'the user of REDIS_URL may not do what befriend needs',
    advice: ALLOW,
  },
  NOAUTH: { what: 'Redis wants a password now', advice: 'Write it into REDIS_URL' },
  LOADING: { what: 'Redis is loading its data', advice: 'Run the same command again in a moment' },
  MASTERDOWN: { what: 'this Redis is a replica without its master', advice: 'Set REDIS_URL to the master (primary)' },
  NOREPLICAS: {
    what: 'Redis has too few replicas connected and refuses to write (min-replicas-to-write)',
    advice: 'See to its replicas, and run the same command again',
  },
  MOVED: {
    what: 'this is a node of a Redis Cluster, and the keys of the app are on another',
    advice: 'Write redis+cluster:// instead of redis:// in REDIS_URL, and run the same command again',
  },
  CLUSTERDOWN: { what: 'the Redis Cluster is down', advice: 'See to it, and run the same command again' },
  BUSY: { what: 'Redis is busy with a script of somebody else', advice: 'Run the same command again in a moment' },
};

/** The word of an error reply, also of one that came from inside a script. */
function wordOf({ message }: Error): string {
  if (/can't run this command or subcommand|ACL failure in script|No permissions/.test(message)) return 'NOPERM';
  const word = /^(?:ERR Error running script.*?: )?@?[^A-Z]*([A-Z]+)\b/.exec(message)?.[1] ?? '';
  if (Object.hasOwn(MEANINGS, word)) return word;
  return Object.keys(MEANINGS).find((known) => message.includes(`-${known} `)) ?? '';
}

/** A refusal of Redis in our words. Null when it is none, or one that only a fault of befriend explains. */
export function refusalOf(error: unknown): RedisError | null {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return null;
  const meaning = MEANINGS[wordOf(error)];
  if (!meaning) return null;
  const said = error.message
    .replace(/\s+/g, ' ')
    .replace(/\.?\s*script: [0-9a-f]{40}.*$/, '')
    .slice(0, 160);
  return new RedisError(`${meaning.what} ("${said}"). ${meaning.advice}.`, { cause: error });
}
