/** What a terminal shows while a job runs: each frame of the real command in a real terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

const BEFRIEND = fileURLToPath(new URL('../../dist/src/cli/befriend.js', import.meta.url));
const COLUMNS = 80;
const NARROW = 50;
const REDRAWN = '\r\u001b[0J';

interface Frame {
  /** Monotonic ms of this process, when it was seen. */
  at: number;
  lines: string[];
}

interface Terminal {
  frames: Frame[];
  /** The first frame from now on that has it. Rejects when the command ends before. */
  shows(what: RegExp): Promise<RegExpExecArray>;
  /** What stays on the screen below the last frame, and when that was. */
  done: Promise<{ code: number | null; at: number; left: string }>;
}

/** Runs befriend in a terminal of its own and cuts what it draws into frames. */
function terminal(place: Workplace, args: string, columns = COLUMNS): Terminal {
  const line = `stty cols ${columns} rows 24 && exec '${process.execPath}' '${BEFRIEND}' ${args}`;
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    cwd: place.dir,
    env: { ...place.env, TERM: 'xterm', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const frames: Frame[] = [];
  const waiting = new Set<(frame: Frame) => void>();
  let raw = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    raw += data;
    const parts = raw.split(REDRAWN);
    // The last part may not be whole yet.
    for (const part of parts.slice(0, -1)) {
      const lines = stripVTControlCharacters(part).replaceAll('\r', '').split('\n');
      const frame = { at: performance.now(), lines };
      frames.push(frame);
      for (const look of waiting) look(frame);
    }
    raw = parts.at(-1)!;
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  return {
    frames,
    shows: (what) =>
      new Promise((found, failed) => {
        const look = ({ lines }: Frame): void => {
          const match = what.exec(lines.join('\n'));
          if (match === null) return;
          waiting.delete(look);
          found(match);
        };
        waiting.add(look);
        closed.then(() => failed(new Error(`no frame had ${what}: ${JSON.stringify(frames)}\n${raw}`)), failed);
      }),
    done: closed.then(([code]) => ({
      code,
      at: performance.now(),
      left: stripVTControlCharacters(raw).replaceAll('\r', ''),
    })),
  };
}

async function simulated(options: Parameters<typeof testSimulator>[0] = {}): Promise<TestSimulator> {
  const simulator = await testSimulator({ ...COMPRESSED_LIMIT, ...options });
  onTestFinished(() => simulator.close());
  return simulator;
}

function placeOf(simulator: TestSimulator, settings: Record<string, string> = {}): Workplace {
  const place = workplace(simulator, settings);
  onTestFinished(() => place.remove());
  return place;
}

/** A file of so many accounts, a friend each: as many calls. */
const accounts = (place: Workplace, name: string, calls: number): string =>
  place.csv(
    `${name}.csv`,
    Array.from({ length: calls }, (_, n) => [`${name}${n}`, 'bob'] as const),
  );

/** A line as long as the terminal is wide would wrap, and the next frame be drawn in the wrong place. */
function expectToFit(frames: readonly Frame[], columns = COLUMNS): void {
  // Between frames stand messages, which stay and may be as long as they are.
  const drawn = frames.filter(({ lines }) => /^(import|reading|sorting) /.test(lines[0]!));
  expect(drawn.length).toBeGreaterThan(3);
  const lines = drawn.flatMap((frame) => frame.lines);
  expect(lines.filter((text) => text.length >= columns)).toEqual([]);
}

/** A figure of the report: `calls    120 made, 100 planned`. */
function figure(left: string, pattern: RegExp): number {
  const text = pattern.exec(left)?.[1];
  if (text === undefined) throw new Error(`${pattern} is not in the report:\n${left}`);
  return Number(text.replaceAll(',', ''));
}
const callsOf = (left: string) => ({
  made: figure(left, / ([\d,]+) made, /),
  planned: figure(left, / made, ([\d,]+) planned/),
  retried: left.includes('of them retries') ? figure(left, / ([\d,]+) of them retries/) : 0,
});

const madeIn = ({ lines }: Frame): number =>
  Number(/([\d,]+)\/~?[\d,]+ calls/.exec(lines.join('\n'))?.[1]?.replaceAll(',', '') ?? 0);
const says = (frames: readonly Frame[], what: string): Frame[] =>
  frames.filter(({ lines }) => lines.join('\n').includes(what));

/** How long frames in a row showed it at most, ms. Each stands until the next, the last one until `end`. */
function longestMs(frames: readonly Frame[], what: RegExp, end: number): number {
  let since: number | null = null;
  let longest = 0;
  for (const { at, lines } of frames) {
    if (since !== null) longest = Math.max(longest, at - since);
    since = what.test(lines.join('\n')) ? (since ?? at) : null;
  }
  return since === null ? longest : Math.max(longest, end - since);
}

test('an API that goes away and comes back: said while it lasts, forgotten when calls pass, and no attempt is spent', async () => {
  const first = await simulated();
  const place = placeOf(first, { CHAT_CALLS_PER_SECOND: '10' });
  const rows = 300;
  accounts(place, 'rows', rows);
  const screen = terminal(place, 'import rows.csv');
  await screen.shows(/\b[3-9]\d\/300 calls/);
  const before = await first.arrivals('friend_import');
  await first.close();
  const [, why] = await screen.shows(/^calls fail \((.*)\); trying again until they pass$/m);
  expect(why).toContain('connection refused');
  const second = await simulated({ port: Number(new URL(first.baseUrl).port) });
  const { code, left } = await screen.done;

  expect({ code, left }).toMatchObject({ code: 0, left: expect.stringContaining(': completed\n') as string });
  const trouble = says(screen.frames, 'calls fail (');
  for (const frame of trouble) expect(frame.lines[0]).not.toContain('left');
  // Calls pass again as soon as a frame counts more of them than those that failed.
  const stuck = madeIn(trouble[0]!);
  const passing = screen.frames.find(({ at, lines }) => at > trouble[0]!.at && madeIn({ at, lines }) > stuck + 5)!;
  expect(screen.frames.filter(({ at }) => at > passing.at + 1000).length).toBeGreaterThan(3);
  expect(trouble.at(-1)!.at).toBeLessThan(passing.at + 1000);
  const { made, planned, retried } = callsOf(left);
  const arrived = before.length + (await second.arrivals('friend_import')).length;
  expect(planned).toBe(rows);
  expect(retried).toBeLessThanOrEqual(made - planned);
  // A connection that was refused is no call.
  expect(made).toBeLessThanOrEqual(arrived + 20);
  expect(says(screen.frames, 'shares the limit')).toEqual([]);
  expectToFit(screen.frames);
});

test('a service that says "too fast": how much is allowed, out of how much', async () => {
  const simulator = await simulated({ limit: 20 });
  const place = placeOf(simulator, { CHAT_CALLS_PER_SECOND: '30' });
  accounts(place, 'rows', 300);
  const screen = terminal(place, 'import rows.csv');
  const { left } = await screen.done;
  const told = screen.frames
    .flatMap(({ lines }) => lines)
    .flatMap((line) => {
      const figures = /^(\d+) of (\d+) calls\/s: the service said "too fast" \(60007\) \d+ s ago, recovering$/.exec(
        line,
      );
      return figures === null ? [] : [{ allowed: Number(figures[1]), ceiling: Number(figures[2]) }];
    });
  expect(told.length).toBeGreaterThan(0);
  for (const { allowed, ceiling } of told) {
    expect(ceiling).toBe(150);
    expect(allowed).toBeLessThan(150);
    expect(allowed).toBeGreaterThan(0);
  }
  const { friend_import: calls } = await simulator.ledger();
  expect(figure(left, / ([\d,]+) of them answered "too fast"/)).toBe(calls!.codes['60007']);
  expectToFit(screen.frames);
});

test('a job beside another one: with whom it shares the limit, in a narrow terminal too', async () => {
  const simulator = await simulated();
  const place = placeOf(simulator, { CHAT_CALLS_PER_SECOND: '10' });
  accounts(place, 'other', 300);
  accounts(place, 'rows', 50);
  place.start('import', 'other.csv');
  while ((await simulator.arrivals('friend_import')).length < 5) await new Promise((next) => setTimeout(next, 50));
  const screen = terminal(place, 'import rows.csv', NARROW);
  await screen.shows(/^shares the limit with 1 running job: 50 %/m);
  expect((await screen.done).code).toBe(0);
  expectToFit(screen.frames, NARROW);
  // What does not fit is left out from the end.
  expect(says(screen.frames, ' of 50 calls/s').length).toBeGreaterThan(3);
  expect(says(screen.frames, 'throttled')).toEqual([]);
});

test('the time left counts the last tries of what fails for now: it does not stand still at 1 s', async () => {
  const simulator = await simulated({ faults: { transient: [{ code: 30006, fraction: 0.05, passesAt: 4 }] } });
  const place = placeOf(simulator, { CHAT_CALLS_PER_SECOND: '30', BEFRIEND_BACKOFF_SCALE: '1' });
  accounts(place, 'rows', 300);
  const screen = terminal(place, 'import rows.csv');
  const { code, at: end, left } = await screen.done;
  expect(code).toBe(0);
  expect(callsOf(left).retried).toBeGreaterThan(3);
  expect(longestMs(screen.frames, / 1 s left/, end)).toBeLessThan(3000);
  // Nor is it left out: most of the last seconds are told.
  expect(says(screen.frames.slice(-8), ' s left').length).toBeGreaterThan(5);
  expectToFit(screen.frames);
});
