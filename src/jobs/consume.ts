import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { JobDescriptor } from '../domain/job.ts';
import { type Outcome, outcomesOf } from '../domain/outcome.ts';
import { parseEntry } from '../results/entry.ts';
import { unlessAborted, within } from '../redis/in-time.ts';
import { boundariesIn, RESULTS_FILE } from '../results/file.ts';
import { outcomesInLines, shapeOf, wholeLines } from '../results/follow.ts';
import { lineContextOf } from '../results/lines.ts';
import { comparePositions, formatPosition } from '../results/position.ts';
import { type Gap, type Group, GROUP_NAME, type Groups } from './groups.ts';
import { jobFolder } from './home.ts';
import type { Ledger } from './ledger.ts';

export interface ConsumeSettings {
  /** Whose place is kept: consumers of one group share the outcomes. Letters, digits, `_ . -`, 64 at most. */
  group: string;
  /** This consumer's name in the group, no other's at the same time. Default: one of its own. */
  consumer?: string;
  /**
   * Outcomes stay in Redis until the group has acknowledged them, however long it is away; what may wait is bounded, and
   * beyond that nothing new is fed. Otherwise what it has missed comes from the results file. Default false.
   */
  durable?: boolean;
  /** One job; it ends with that. Default: all jobs, those to come included; it goes on until it is stopped. */
  job?: string;
  /** Where to begin in that job: what stands behind this `position`. Default: where the group was. */
  after?: string;
  /** Told of outcomes that only a results file of another home has, in place of the error; it goes on behind them. */
  missed?: (error: FellBehind) => void;
  /** A consumer of the group that has not acknowledged for so long is taken for dead. Default a minute. */
  idleMs?: number;
  /** Ends it, without an error; what was not acknowledged comes again. */
  signal?: AbortSignal;
}

/** Outcomes of one job, in hand until the next are asked for: that acknowledges them. */
export interface Delivery {
  job: string;
  outcomes: Outcome[];
  /** Their end: `<generation>-<sequence>`. In a delivery from a file others of the same end may follow. */
  position: string;
  /** Where they come from. From the file a row may have come before: upsert by (job, from, to). */
  source: 'stream' | 'file';
}

/** A group is behind what Redis has of a job, and the results file with the rest is not in this home. */
export class FellBehind extends Error {
  override name = 'FellBehind';
  readonly job: string;
  /** The end of what the group has had. */
  readonly after: string;
  /** The results file, where it would be in this home. */
  readonly file: string;

  constructor(job: string, { group, after, file }: { group: string; after: string; file: string }) {
    super(
      `Group ${group} fell behind in job ${job}: outcomes after ${after} are in Redis no more. They are in the job's results ` +
        `file, which is not here (${file}): set BEFRIEND_HOME to the job's home, and it goes on from there by itself. With ` +
        '`durable` they would have stayed in Redis.',
    );
    this.job = job;
    this.after = after;
    this.file = file;
  }
}

export interface ConsumeParts {
  home: string;
  ledger: Ledger;
  groups: Groups;
  /** Says of an id that there is no such job. */
  notFound: (job: string) => Promise<Error>;
  random: () => number;
}

/** How often streams without anything new are looked at. */
const LOOK_MS = 200;
const IDLE_MS = 60_000;
/** A Redis that says nothing for so long is not waited for at the end. */
const SILENCE_MS = 2000;

/**
 * Outcomes through a consumer group, at least once: what a consumer has in hand when it dies comes again. Whoever has
 * missed some since the stream was trimmed gets them from the results file, from the place where it was.
 * @throws FellBehind; RangeError when a name cannot be one; JobNotFound
 */
export async function* consume(settings: ConsumeSettings, parts: ConsumeParts): AsyncGenerator<Delivery> {
  try {
    yield* untilStopped(settings, parts);
  } catch (error) {
    if (!settings.signal?.aborted) throw error;
  }
}

async function* untilStopped(settings: ConsumeSettings, parts: ConsumeParts): AsyncGenerator<Delivery> {
  const { job, signal } = settings;
  const reader = readerOf(settings, parts);
  const jobs = job === undefined ? allJobs(reader, settings, parts) : oneJob(job, settings, reader, parts);
  for await (const open of jobs) {
    let idle = true;
    for (const id of open) {
      for await (const delivery of reader.next(id)) {
        if (signal?.aborted) return;
        if (delivery === 'over') open.delete(id);
        else {
          idle = false;
          yield delivery;
        }
      }
    }
    if (idle) await wait(LOOK_MS, undefined, { signal }).catch(() => {});
    if (signal?.aborted) return;
  }
}

/** What Redis answers; it may be silent when the consumer is stopped, or has been before it began. @throws the signal's reason */
async function heardBy<T>(signal: AbortSignal | undefined, asked: Promise<T>): Promise<T> {
  if (!signal?.aborted) return unlessAborted(asked, signal);
  const answer = await within(asked, SILENCE_MS);
  if (answer === null) throw signal.reason as Error;
  return answer.value;
}

/** Jobs to read, one look after the other; whoever reads takes out what is over. */
type Looks = AsyncGenerator<Set<string>>;

async function* oneJob(id: string, { after }: ConsumeSettings, reader: Reader, parts: ConsumeParts): Looks {
  const open = new Set(await reader.join(id));
  if (open.size === 0) throw await parts.notFound(id);
  if (after !== undefined) await parts.groups.moveTo(id, reader.group, after);
  while (open.size > 0) yield open;
}

/** Those that are not over, those that the group has begun with, and every one that comes, however soon it is over. */
async function* allJobs(reader: Reader, { signal }: ConsumeSettings, { ledger }: ConsumeParts): Looks {
  const known = new Set(await heardBy(signal, ledger.list()));
  const open = new Set(await reader.join(null));
  for (;;) {
    yield open;
    for (const id of await heardBy(signal, ledger.list())) {
      if (known.has(id)) continue;
      known.add(id);
      await reader.join(id);
      open.add(id);
    }
  }
}

interface Reader {
  group: Group;
  join(job: string | null): Promise<string[]>;
  /** What there is of a job now; each is acknowledged when the next is asked for. */
  next(job: string): AsyncGenerator<Delivery | 'over'>;
}

function readerOf(settings: ConsumeSettings, { home, ledger, groups, random }: ConsumeParts): Reader {
  const { durable = false, idleMs = IDLE_MS, signal } = settings;
  const consumer = settings.consumer ?? `${process.pid}-${Math.floor(random() * 2 ** 32).toString(16)}`;
  for (const name of [settings.group, consumer]) {
    if (!GROUP_NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} is no name: letters, digits, _ . -`);
  }
  const group = { name: settings.group, durable };
  /** The job that was looked at last. */
  let known: JobDescriptor | null = null;
  const heard = <T>(asked: Promise<T>): Promise<T> => heardBy(signal, asked);
  const joinTo = (job: string | null) => heard(groups.join(group, job));

  return {
    group,
    join: joinTo,
    async *next(id) {
      const taken = await heard(groups.take(id, group, consumer, idleMs));
      if (taken.kind === 'over') yield 'over';
      if (taken.kind === 'gone' && (await joinTo(id)).length === 0) yield 'over';
      if (taken.kind === 'behind') yield* fromFile(id, taken);
      if (taken.kind !== 'entries') return;
      if (known?.id !== id) known = await heard(ledger.descriptor(id));
      const context = lineContextOf(known as JobDescriptor);
      const left = new Set(taken.entries.map(([position]) => position));
      try {
        for (const entry of taken.entries) {
          const [position] = entry;
          yield { job: id, outcomes: [...outcomesOf(context, parseEntry(entry).entry)], position, source: 'stream' };
          await heard(groups.ack(id, group, position));
          left.delete(position);
        }
      } finally {
        // The loop was left: another consumer need not wait until this one is taken for dead.
        if (left.size > 0) {
          await within(
            groups.giveBack(id, group, consumer, [...left], idleMs).catch(() => {}),
            SILENCE_MS,
          );
        }
      }
    },
  };

  /**
   * A durable batch at a time: the group's place moves with each, so that a crash repeats one at most. Ends early where the
   * file is cut back meanwhile: what there is now is asked for anew.
   */
  async function* fromFile(id: string, { after, until }: Gap): AsyncGenerator<Delivery> {
    const folder = jobFolder(home, id);
    const file = join(folder, RESULTS_FILE);
    const shape = await shapeOf(file);
    const all = await boundariesIn(folder);
    let place = formatPosition(after);
    if (all.length === 0) {
      const error = new FellBehind(id, { group: group.name, after: place, file });
      if (settings.missed === undefined) throw error;
      settings.missed(error);
      return heard(groups.caughtUp(id, group, place, formatPosition(until)));
    }
    const before = all.filter(({ position }) => comparePositions(position, after) <= 0);
    let offset = before.at(-1)?.offset ?? 0;
    for (const batch of all.slice(before.length)) {
      const position = formatPosition(batch.position);
      for await (const lines of wholeLines(file, offset, batch.offset)) {
        if ((await shapeOf(file)) !== shape) return;
        yield { job: id, outcomes: outcomesInLines(lines), position, source: 'file' };
      }
      await heard(groups.caughtUp(id, group, place, position));
      if (comparePositions(batch.position, until) >= 0) return;
      place = position;
      ({ offset } = batch);
    }
  }
}
