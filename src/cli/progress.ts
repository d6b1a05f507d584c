import { styleText } from 'node:util';
import { bytes, count, duration } from './figures.ts';
import type { Pace } from './pace.ts';

/** Some words of a progress line. Colour is for terminals, and not with NO_COLOR. */
export type Part = string | { text: string; style: 'green' | 'yellow' | 'red' | 'dim' };

/** What is going on now: a few lines redrawn in place on a terminal, one line every few seconds otherwise. On stderr. */
export interface Progress {
  /** Lines of parts, the most important first: what does not fit the terminal's width is left out. */
  show(...lines: Part[][]): void;
  /** Leaves the terminal at the start of a clean line. */
  end(): void;
}

const PLAIN_EVERY_MS = 5000;
/** What is over sooner needs no line. */
const PLAIN_AFTER_MS = 2000;
const CLEAR_DOWN = '\r\u001b[0J';
const up = (lines: number): string => (lines > 0 ? `\u001b[${lines}A` : '');

/** @param now monotonic milliseconds */
export function openProgress(stream: NodeJS.WriteStream, now: () => number): Progress {
  let nextAt: number | null = null;
  let drawn = 0;
  return {
    show(...lines) {
      if (stream.isTTY) {
        const text = lines.map((parts) => fitting(parts, stream.columns || 80, stream)).join('\n');
        stream.write(`${drawn > 0 ? up(drawn - 1) : ''}${CLEAR_DOWN}${text}`);
        drawn = lines.length;
        return;
      }
      nextAt ??= now() + PLAIN_AFTER_MS;
      if (now() >= nextAt) {
        nextAt = now() + PLAIN_EVERY_MS;
        const shown = lines
          .flat()
          .map(textOf)
          .filter((text) => text.trim() !== '');
        stream.write(`${shown.join(' · ')}\n`);
      }
    },
    end() {
      if (drawn > 0) stream.write(`${up(drawn - 1)}${CLEAR_DOWN}`);
      drawn = 0;
      nextAt = null;
    },
  };
}

const GAP = '  ';
const textOf = (part: Part): string => (typeof part === 'string' ? part : part.text);

/** One line that does not wrap: a wrapped one could not be redrawn in place. */
function fitting(parts: readonly Part[], columns: number, stream: NodeJS.WriteStream): string {
  let left = columns - 1;
  let line = '';
  for (const part of parts) {
    const gap = line === '' ? '' : GAP;
    const text = line === '' ? textOf(part).slice(0, left) : textOf(part);
    left -= gap.length + text.length;
    if (left < 0) break;
    line += gap + (typeof part === 'string' ? text : styleText(part.style, text, { stream }));
  }
  return line;
}

/** Intake: `total` is the size of the input in bytes, null where it has none (a pipe). */
export function readingLine({ rows, bytes: taken }: { rows: number; bytes: number }, total: number | null): Part[] {
  const read = `${count(rows)} rows`;
  if (total === null) return ['reading', read, bytes(taken)];
  // Of a large input that takes longer than to read it, and nothing tells how far it is: no bar that stands at its end.
  if (taken >= total) return ['sorting', read];
  const percent = Math.floor((100 * taken) / total);
  return ['reading', `${bar(percent)} ${percent} %`, read, `${bytes(taken)} of ${bytes(total)}`];
}

/** A running job: rows and time left, then calls, then rows that did not pass and what keeps it back, if there are. */
export function jobLines(command: string, pace: Pace): Part[][] {
  const { totals, calls } = pace.job;
  const done = totals.accepted - totals.open;
  const percent = totals.accepted === 0 ? 100 : Math.floor((100 * done) / totals.accepted);
  const first: Part[] = [
    command,
    { text: bar(percent), style: 'green' },
    `${percent} %`,
    `${count(done)}/${count(totals.accepted)} rows`,
    ...(pace.secondsLeft === null ? [] : [`${duration(pace.secondsLeft)} left`]),
  ];
  const allCalls = calls.made + pace.callsLeft;
  const indent = ' '.repeat(command.length);
  const second: Part[] = [
    indent,
    // More than planned is a guess: of how many calls have to be made again, or of pages that are not known yet.
    `${count(calls.made)}/${allCalls === calls.planned ? '' : '~'}${count(allCalls)} calls`,
    `${pace.callsPerSecond.toFixed(0)} of ${pace.limit.toFixed(0)} calls/s`,
    `${count(calls.retried)} retried`,
    { text: `${count(calls.throttled)} throttled`, style: calls.throttled > 0 ? 'yellow' : 'dim' },
  ];
  const bad = (['failed', 'unknown'] as const).filter((status) => totals[status] > 0);
  const third = bad.map((status): Part => ({ text: `${count(totals[status])} ${status}`, style: 'yellow' }));
  return [
    first,
    second,
    ...(third.length === 0 ? [] : [[indent, ...third]]),
    ...(pace.note === null ? [] : [[{ text: pace.note, style: 'yellow' } as const]]),
  ];
}

/** Nothing can be told of a job while its Redis is away, but that. */
export function awayLine(seconds: number): Part[] {
  const text = `Redis has not answered for ${duration(seconds)}: nobody calls, and all goes on by itself when it does`;
  return [{ text, style: 'yellow' }];
}

const BAR = 10;

function bar(percent: number): string {
  const full = Math.floor((percent / 100) * BAR);
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
}
