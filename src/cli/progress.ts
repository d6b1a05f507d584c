import type { JobStatus } from '../domain/job.ts';

/** A line of progress: redrawn in place on a terminal, a new line every few seconds otherwise. On stderr. */
export interface Progress {
  /** Parts of the line, the most important first: what does not fit the terminal is left out. */
  show(...parts: string[]): void;
  /** Leaves the terminal at the start of a clean line. */
  end(): void;
}

const PLAIN_EVERY_MS = 5000;

export function openProgress(stream: NodeJS.WriteStream, now: () => number): Progress {
  let lastAt = Number.NEGATIVE_INFINITY;
  let drawn = false;
  return {
    show(...parts) {
      if (stream.isTTY) {
        drawn = true;
        stream.write(`\r\u001b[2K${fitting(parts, stream.columns)}`);
      } else if (now() - lastAt >= PLAIN_EVERY_MS) {
        lastAt = now();
        stream.write(`${parts.join(SEPARATOR)}\n`);
      }
    },
    end() {
      if (drawn) stream.write('\r\u001b[2K');
      drawn = false;
    },
  };
}

const SEPARATOR = ' · ';

function fitting(parts: readonly string[], columns: number): string {
  let shown = parts.length;
  while (shown > 1 && parts.slice(0, shown).join(SEPARATOR).length >= columns) shown -= 1;
  return parts
    .slice(0, shown)
    .join(SEPARATOR)
    .slice(0, columns - 1);
}

/** Most calls in a window. */
export interface Rate {
  callsPerSecond: number;
  windowMs: number;
}

/** Calls a second over the last few looks, and from them the time that is left. */
export function progressLine({ callsPerSecond, windowMs }: Rate): (job: JobStatus, nowMs: number) => string[] {
  const limit = Math.round((callsPerSecond * 1000) / windowMs);
  const looks: { at: number; calls: number; done: number }[] = [];
  return (job, nowMs) => {
    const { totals, calls } = job;
    const done = totals.accepted - totals.open;
    looks.push({ at: nowMs, calls: calls.made, done });
    if (looks.length > 10) looks.shift();
    const [first] = looks;
    const seconds = first ? (nowMs - first.at) / 1000 : 0;
    const rate = seconds > 0 ? (calls.made - first!.calls) / seconds : 0;
    const rowRate = seconds > 0 ? (done - first!.done) / seconds : 0;
    const percent = totals.accepted === 0 ? 100 : Math.floor((100 * done) / totals.accepted);
    return [
      `${bar(percent)} ${percent} %`,
      `${count(done)}/${count(totals.accepted)} rows`,
      `${rate.toFixed(0)}/${limit} calls/s`,
      ...(rowRate > 0 && totals.open > 0 ? [`${duration(totals.open / rowRate)} left`] : []),
      ...(calls.retried > 0 ? [`${count(calls.retried)} retried`] : []),
      ...(calls.throttled > 0 ? [`${count(calls.throttled)} throttled`] : []),
    ];
  };
}

const BAR = 10;

function bar(percent: number): string {
  const full = Math.round((percent / 100) * BAR);
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
}

export function count(n: number): string {
  return n.toLocaleString('en-US');
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
