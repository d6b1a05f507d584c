/** Jobs with a backlog and no progress: when it is said, of whom, and what the worker does about it. */
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { awaited, type Sight, Watch } from '../../src/jobs/watchdog.ts';
import { link, type Link } from '../faults/link.ts';
import { type Command, COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

const totals = {
  rows: 9,
  invalid: 0,
  duplicate: 0,
  accepted: 9,
  ok: 4,
  satisfied: 0,
  pending: 0,
  failed: 0,
  unknown: 0,
};
const calls = { planned: 9, made: 4, throttled: 0, retried: 0, lookups: 0 };
const MOVING: Sight = {
  job: { id: 'a', state: 'running', totals: { ...totals, skipped: 0, open: 5 }, closed: 4, fed: true, calls },
  ready: 3,
  inHand: 2,
  delayed: 0,
  heldBack: null,
};
const sight = (job: Partial<Sight['job']>, queue: Partial<Omit<Sight, 'job'>> = {}): Sight => ({
  ...MOVING,
  ...queue,
  job: { ...MOVING.job, ...job },
});

test.each<[string, Sight, string | undefined]>([
  ['no answer comes', MOVING, 'call'],
  ['nobody takes what is ready', sight({}, { inHand: 0 }), 'call'],
  ['what is left waits for another try', sight({}, { inHand: 0, ready: 0, delayed: 1 }), undefined],
  ['nobody feeds it, others are fed', sight({ fed: false }), 'feed'],
  ['chunks that nobody holds are not added again', sight({}, { inHand: 0, ready: 0 }), 'feed'],
  ['the outcomes do not come to disk', sight({ totals: { ...totals, skipped: 0, ok: 9, open: 0 } }), 'record'],
  ['it is paused', sight({ state: 'paused' }), undefined],
  ['Redis is nearly full, or the service is away: said elsewhere', sight({}, { heldBack: 'why' }), undefined],
])('%s', (_, seen, role) => {
  expect(awaited(seen)?.role).toBe(role);
});

test('a stall is said once, after its time and never before; what moves again is told if it was said', () => {
  const step = fc.record({ passMs: fc.integer({ min: 1, max: 400 }), moves: fc.boolean(), held: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const watch = new Watch(1000);
      let [now, closed, since, said] = [0, 0, 0, false];
      watch.look([sight({ closed })], now);
      for (const { passMs, moves, held } of steps) {
        now += passMs;
        if (moves) closed += 1;
        const { stalls, moving } = watch.look([sight({ closed }, { heldBack: held ? 'why' : null })], now);
        const still = !moves && !held;
        expect(moving).toEqual(said && !still ? ['a'] : []);
        const due = still && !said && now - since >= 1000;
        expect(stalls.map(({ job }) => job)).toEqual(due ? ['a'] : []);
        if (!still) [since, said] = [now, false];
        else if (due) said = true;
      }
      expect(watch.look([], now).moving).toEqual(said ? ['a'] : []);
    }),
  );
});

const ROWS = Array.from({ length: 30 }, (_, n) => [`from${n}`, 'to'] as const);

let redis: TestRedis;
let simulator: TestSimulator;
let place: Workplace;
let way: Link;

beforeEach(async () => {
  [redis, simulator] = await Promise.all([testRedis(), testSimulator({ ...COMPRESSED_LIMIT })]);
  const url = await redis.listen();
  way = await link(Number(new URL(url).port));
  place = workplace(simulator, { REDIS_URL: url, BEFRIEND_STALL_SECONDS: '1', LOG_LEVEL: 'info' });
});
afterEach(async () => {
  await place.remove();
  await way.close();
  await Promise.all([redis.close(), simulator.close()]);
});

/** Until its log has these words; the words before and around them. */
function logged({ child }: Command, words: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr!.on('data', (data) => {
      text += String(data);
      if (text.includes(words)) resolve(text);
    });
    child.once('close', () => reject(new Error(`ended without "${words}":\n${text}`)));
  });
}

test('nobody calls: the worker that feeds says so, and that it goes on when somebody does', async () => {
  const feeder = place.start('worker', '--roles', 'feed,record');
  const said = logged(
    feeder,
    '30 chunks of its command are ready, and nobody takes them; is a worker with the role call',
  );
  const again = logged(feeder, 'watchdog: the job moves again');
  const job = (await place.run('import', place.csv('rows.csv', ROWS), '--detach')).stdout.trim();
  await said;
  place.start('worker', '--roles', 'call');
  await again;
  expect((await place.report('status', job, '--watch')).report).toMatchObject({ totals: { ok: ROWS.length } });
}, 60_000);

test.for(['feed', 'call', 'record'] as const)(
  'the %s worker alone is cut off without a word: it finds out, and the job goes on',
  { timeout: 60_000 },
  async (role) => {
    const others = ['feed', 'call', 'record'].filter((one) => one !== role).join(',');
    const cut = place.startWith({ REDIS_URL: `redis://127.0.0.1:${way.port}` }, 'worker', '--roles', role);
    const found = logged(cut, 'watchdog: Redis does not answer; the connections to it are made anew');
    await logged(cut, 'worker started');
    place.start('worker', '--roles', others);
    way.freeze();
    const job = (await place.run('import', place.csv('rows.csv', ROWS), '--detach')).stdout.trim();
    await found;
    expect((await place.report('status', job, '--watch')).report).toMatchObject({ totals: { ok: ROWS.length } });
  },
);
