import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Who talks to Redis: the submitting and steering commands, the roles of workers, and a command that does all by itself. */
export type Party = 'command' | 'feed' | 'call' | 'record' | 'alone';
export const APART: readonly Party[] = ['command', 'feed', 'call', 'record'];
export const PARTIES: readonly Party[] = [...APART, 'alone'];

/** `before`: not sent. `lost`: applied, and the answer lost. `after`: the answer came. */
export type Phase = 'before' | 'lost' | 'after';
export const PHASES: readonly Phase[] = ['before', 'lost', 'after'];

/** A place where a process can die: what it asked of Redis, and how far that got. */
export interface Point {
  party: Party;
  /** A script of ours by its file, `queue.<script>` of BullMQ, or a read that something durable follows from. */
  name: string;
  phase: Phase;
}

/**
 * Everything of ours, and of BullMQ for us, that changes Redis, by who asks it; and the recorder's read, between which
 * and the end of the stream the file is written. A name that comes by and is not here fails the suite, and so does one
 * that is here and never comes by.
 */
const NAMES_APART = {
  command: ['submit', 'steer', 'prioritize'],
  feed: ['feed', 'backlog', 'queue.addPrioritizedJob'],
  call: [
    'claim',
    'record',
    'lease',
    'agree',
    'steer',
    'queue.moveToActive',
    'queue.moveToFinished',
    'queue.moveToDelayed',
    'queue.changePriority',
    'queue.extendLocks',
    'queue.moveStalledJobsToWait',
  ],
  record: ['finish', 'read-results'],
} as const;
export const NAMES: Record<Party, readonly string[]> = {
  ...NAMES_APART,
  alone: [...new Set(Object.values(NAMES_APART).flat())],
};

/** Scripts that no job of the suite comes by, and their tests: consumers die and leave there, and prunes are killed. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  join: 'test/jobs/consume.test.ts',
  take: 'test/jobs/consume.test.ts',
  'caught-up': 'test/jobs/consume.test.ts',
  'give-back': 'test/jobs/consume.test.ts',
  leave: 'test/consume.test.ts',
  horizon: 'test/jobs/backlog.test.ts',
  release: 'test/jobs/backlog.test.ts',
  forget: 'test/jobs/prune.test.ts',
  withdraw: 'test/jobs/prune.test.ts',
  offer: 'test/jobs/handover.test.ts',
  'hand-over': 'test/jobs/handover.test.ts',
  adopt: 'test/jobs/handover.test.ts',
  draw: 'test/jobs/handover.test.ts',
  answer: 'test/jobs/handover.test.ts',
  abandon: 'test/jobs/handover.test.ts',
};

export const POINTS: readonly Point[] = APART.flatMap((party) =>
  NAMES[party].flatMap((name) => PHASES.map((phase) => ({ party, name, phase }))),
);

/** What no job that only runs comes by for certain. */
const NOT_ALONE = new Set(['steer', 'prioritize', 'queue.changePriority']);
/** Where a command that does all by itself dies. */
export const ALONE_POINTS: readonly Point[] = NAMES.alone
  .filter((name) => !NOT_ALONE.has(name))
  .flatMap((name) => PHASES.map((phase): Point => ({ party: 'alone', name, phase })));

/** Steering commands, and the scripts by which they change something. */
export const STEERING: readonly { command: 'pause' | 'resume' | 'cancel' | 'priority' | 'retry'; script: string }[] = [
  { command: 'pause', script: 'steer' },
  { command: 'resume', script: 'steer' },
  { command: 'cancel', script: 'steer' },
  { command: 'priority', script: 'prioritize' },
  { command: 'retry', script: 'submit' },
];

export const textOf = ({ party, name, phase }: Point): string => `${party} ${name} ${phase}`;

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** Our scripts: name → text. */
export const OUR_SCRIPTS: ReadonlyMap<string, string> = new Map(
  (readdirSync(SRC, { recursive: true }) as string[])
    .filter((path) => path.endsWith('.lua'))
    .map((path) => [basename(path, '.lua'), readFileSync(join(SRC, path), 'utf8')]),
);

interface QueueScript {
  name: string;
  content: string;
}

function queueScripts(): QueueScript[] {
  const require = createRequire(import.meta.url);
  const scripts = require(join(dirname(require.resolve('bullmq')), 'scripts', 'index.js')) as Record<
    string,
    Partial<QueueScript>
  >;
  return Object.values(scripts).filter((script): script is QueueScript => typeof script.content === 'string');
}

const digestOf = (text: string | Buffer): string => createHash('sha1').update(text).digest('hex');

const NAME_OF = new Map<string, string>([
  ...[...OUR_SCRIPTS].map(([name, text]) => [digestOf(text), name] as const),
  ...queueScripts().map(({ name, content }) => [digestOf(content), `queue.${name}`] as const),
]);

/** The command whose queue is watched: a worker looks after the empty queues of all others as well. */
export const WATCHED = 'friend_import';

/** Scripts that change nothing: there is nothing between before and after. */
const READS = new Set(['queue.getCounts']);

/** The name of what a command asks for, or null where it is none of the points'. */
export function nameOf(words: readonly Buffer[]): string | null {
  const command = String(words[0]).toUpperCase();
  if (command === 'XREAD') return String(words.slice(1)).includes(':results') ? 'read-results' : null;
  if (command !== 'EVAL' && command !== 'EVALSHA') return null;
  const text = words[1] as Buffer;
  const name = NAME_OF.get(command === 'EVAL' ? digestOf(text) : String(text)) ?? null;
  if (name === null || READS.has(name)) return null;
  if (!name.startsWith('queue.')) return name;
  const keys = words.slice(3, 3 + Number(words[2]));
  return keys.some((key) => String(key).includes(`:${WATCHED}:`)) ? name : null;
}
