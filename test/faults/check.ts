/**
 * Whether a job came out of its faults whole: its input, its results file, its stream, its ledger and what the service
 * itself has are put beside each other. Reads raw lines and raw keys and shares no code with what it judges.
 */
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { TestSimulator } from '../support/simulator.ts';

export interface Evidence {
  job: string;
  /** CSV, the columns from and to. */
  input: string;
  /** JSON lines. */
  results: string;
  redis: Redis;
  simulator: TestSimulator;
  command: string;
  /** Calls of it that left befriend's processes: what may have arrived. Other jobs' too. */
  sent: number;
  rate: { limit: number; windowMs: number };
  /** Callers that were frozen and thawed: each may have sent one call more than its slot allowed (G1, G5). */
  thaws: number;
  /** How it ended. Default: completed. */
  state?: 'completed' | 'cancelled';
  /** Results files of its retries, in turn: what became of its rows in the end. */
  retries?: readonly string[];
}

export interface Verdict {
  rows: number;
  statuses: Record<string, number>;
  calls: number;
  /** Most calls for certain in a window of the service. */
  certainMax: number;
  /** What is wrong, a line each; none: all is accounted for. */
  wrong: string[];
}

interface Line {
  from: string;
  to: string;
  status: string;
}

const SHOWN = 5;
const STATUSES = ['ok', 'satisfied', 'pending', 'failed', 'unknown', 'skipped'];

export async function judge(evidence: Evidence): Promise<Verdict> {
  const { input, results, simulator, command, sent, rate, thaws } = evidence;
  const rows = pairsIn(input);
  const text = readFileSync(results, 'utf8');
  const lines = linesIn(text);
  const inTheEnd = new Map(lines.map((line) => [nameOf(line), line]));
  for (const path of evidence.retries ?? []) {
    for (const line of linesIn(readFileSync(path, 'utf8'))) inTheEnd.set(nameOf(line), line);
  }
  const meter = await simulator.meter(command, { window: rate.windowMs, limit: rate.limit });
  const { mostConcurrent } = await simulator.conflicts();
  const statuses = countBy(lines, ({ status }) => status);
  return {
    rows: rows.length,
    statuses,
    calls: meter.calls,
    certainMax: meter.certainMax,
    wrong: [
      ...(text === '' || text.endsWith('\n') ? [] : ['the file ends within a line']),
      ...judgeFile(rows, lines),
      ...judgeStream(lines, await streamed(evidence)),
      ...(await judgeLedger(evidence, rows.length, statuses)),
      ...(await judgeTruth(simulator, rows, [...inTheEnd.values()])),
      ...(meter.certainMax > rate.limit + thaws
        ? [`limit: a window saw ${meter.certainMax} calls, not ${rate.limit}`]
        : []),
      ...(meter.calls > sent ? [`the service saw ${meter.calls} calls, ${sent} were sent`] : []),
      ...(mostConcurrent > 1 + thaws ? [`${mostConcurrent} writes of one list were in flight at once`] : []),
    ],
  };
}

const linesIn = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

const nameOf = ({ from, to }: { from: string; to: string }): string => `${from}→${to}`;

function pairsIn(csv: string): { from: string; to: string }[] {
  const [, ...rest] = readFileSync(csv, 'utf8').trim().split('\n');
  return rest.map((line) => {
    const [from = '', to = ''] = line.split(',');
    return { from, to };
  });
}

/** One line of findings of a kind, with some examples. */
function found(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${names.length} ${what}: ${names.slice(0, SHOWN).join(', ')}`];
}

function countBy<T>(all: readonly T[], key: (one: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[key(one)] = (counts[key(one)] ?? 0) + 1;
  return counts;
}

/** 0 lost, 0 twice, nothing else. */
function judgeFile(rows: readonly { from: string; to: string }[], lines: readonly Line[]): string[] {
  const wanted = new Set(rows.map(nameOf));
  const times = countBy(lines, nameOf);
  return [
    ...found(
      'lost',
      [...wanted].filter((row) => times[row] === undefined),
    ),
    ...found(
      'twice',
      Object.keys(times).filter((row) => (times[row] as number) > 1),
    ),
    ...found(
      'not asked for',
      Object.keys(times).filter((row) => !wanted.has(row)),
    ),
    ...found('of no known status', lines.filter(({ status }) => !STATUSES.includes(status)).map(nameOf)),
  ];
}

/** What a reader of the stream ends with, by (from, to). */
async function streamed({ redis, job }: Evidence): Promise<Map<string, string>> {
  const last = new Map<string, string>();
  for (const [, fields] of await redis.xrange(await keyOf(redis, `:job:${job}:results`), '-', '+')) {
    const field = (name: string): string => fields[fields.indexOf(name) + 1] as string;
    for (const { status, to, reverse } of JSON.parse(field('outcomes')) as {
      status: string;
      to: string[];
      reverse?: boolean;
    }[]) {
      for (const peer of to) {
        const [a, b] = reverse === true ? [peer, field('from')] : [field('from'), peer];
        last.set(nameOf({ from: a, to: b }), status);
      }
    }
  }
  return last;
}

function judgeStream(lines: readonly Line[], stream: ReadonlyMap<string, string>): string[] {
  const inFile = new Set(lines.map(nameOf));
  return [
    ...found(
      'otherwise in the stream than in the file',
      lines.filter((line) => stream.get(nameOf(line)) !== line.status).map(nameOf),
    ),
    ...found(
      'in the stream alone',
      [...stream.keys()].filter((row) => !inFile.has(row)),
    ),
  ];
}

/** The one key that ends so. */
async function keyOf(redis: Redis, ending: string): Promise<string> {
  const [key] = await redis.keys(`*${ending}`);
  return key ?? `none${ending}`;
}

/** Everything is closed, the totals are the file's, and nothing of the job is left in a queue or under a lock. */
async function judgeLedger(
  { redis, job, sent, state = 'completed' }: Evidence,
  rows: number,
  inFile: Record<string, number>,
): Promise<string[]> {
  const hash = await redis.hgetall(await keyOf(redis, `:job:${job}`));
  const counts = await redis.hgetall(await keyOf(redis, `:counts:${job}`));
  const closed = await redis.bitcount(await keyOf(redis, `:closed:${job}`));
  const { accepted = 0 } = JSON.parse(hash.descriptor ?? '{}') as { accepted?: number };
  const counted = Object.fromEntries(
    Object.entries(counts)
      .filter(([name]) => name.startsWith('status:'))
      .map(([name, count]) => [name.slice('status:'.length), Number(count)]),
  );
  const made = Number(counts['calls:made'] ?? 0);
  const wrong: string[] = [];
  const expectSame = (what: string, is: unknown, should: unknown): void => {
    if (String(is) !== String(should)) wrong.push(`ledger: ${what} is ${String(is)}, not ${String(should)}`);
  };
  expectSame('state', hash.state, state);
  expectSame('delivered', hash.delivered, 1);
  expectSame('accepted', accepted, rows);
  expectSame('closed', hash.closed, hash.chunks);
  expectSame('bits of closed chunks', closed, hash.chunks);
  expectSame('openBytes', hash.openBytes, 0);
  for (const status of STATUSES) expectSame(status, counted[status] ?? 0, inFile[status] ?? 0);
  expectSame(
    'sum of statuses',
    Object.values(counted).reduce((sum, n) => sum + n, 0),
    rows,
  );
  // A call whose record was lost is made again and not counted.
  if (made > sent) wrong.push(`ledger: ${made} calls made, ${sent} were sent`);
  for (const pattern of [`*:chunk:${job}:*`, `*:open:${job}`, `*:${job}.*`, `*:bars:${job}`]) {
    wrong.push(...found('keys left over', await redis.keys(pattern)));
  }
  return wrong;
}

/** 0 untrue, and no list holds what was not asked for. */
async function judgeTruth(
  simulator: TestSimulator,
  rows: readonly { from: string; to: string }[],
  lines: readonly Line[],
): Promise<string[]> {
  const truths = await simulator.relations(lines.map(({ from, to }) => [from, to] as const));
  const untrue = lines.filter(({ status }, n) => {
    const holds = truths[n]?.forward === true;
    if (status === 'ok' || status === 'satisfied') return !holds;
    // What was never answered may hold or not.
    return status === 'unknown' ? false : holds;
  });
  const wanted = new Set(rows.map(nameOf));
  const unasked: string[] = [];
  for (const from of new Set(rows.map((row) => row.from))) {
    const { friends } = await simulator.friends(from);
    unasked.push(...friends.map(({ to }) => nameOf({ from, to })).filter((row) => !wanted.has(row)));
  }
  return [
    ...found(
      'untrue',
      untrue.map((line) => `${nameOf(line)} ${line.status}`),
    ),
    ...found('written that nobody asked for', unasked),
  ];
}
