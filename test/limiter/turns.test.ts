import { expect, test } from 'vitest';
import { mostIn } from './support.ts';
import { VirtualWorld } from './virtual.ts';

const rate = { calls: 200, windowMs: 1000 };
const WARM_UP_MS = 6000;

/** So many bulk processes under backlog, each with a clock of its own. */
function crowd(count: number, world: VirtualWorld) {
  const clock = () => ({ clockMs: world.random() * 1e6, drift: world.random() * 200 - 100 });
  const all = Array.from({ length: count }, () => world.process({ rate, ...clock() }));
  for (const process of all) process.saturate(64);
  return all;
}

test.each([2, 5, 16, 40])('%i bulk processes take turns: each has its part, and the line is full', async (count) => {
  const world = new VirtualWorld(count);
  const all = crowd(count, world);
  await world.run(WARM_UP_MS);
  const [leases, before] = [world.leases, all.map(({ limiter }) => limiter.state.sent)];
  await world.run(30_000);
  const own = all.map(({ limiter }, n) => limiter.state.sent - before[n]!);
  const sum = own.reduce((made, calls) => made + calls, 0);
  console.log(
    `${count}: ${Math.min(...own)} to ${Math.max(...own)} calls, ${(world.leases - leases) / sum} leases a call`,
  );
  expect(sum / (30 * rate.calls)).toBeGreaterThan(0.99);
  expect(Math.max(...own)).toBeLessThan(2 * Math.min(...own));
  expect((world.leases - leases) / sum).toBeLessThan(0.12);
  expect(mostIn(world.calls, rate.windowMs)).toBeLessThanOrEqual(rate.calls);
});

test('an interactive caller that comes among turns that are out costs little, once', async () => {
  const world = new VirtualWorld();
  crowd(16, world);
  await world.run(WARM_UP_MS);
  const person = world.process({ rate, class: 'interactive' });
  const before = world.calls.length;
  await world.run(6000);
  const lost = 0.985 * 6 * rate.calls - (world.calls.length - before);
  expect(lost).toBeLessThan(0.4 * rate.calls);
  const waits: number[] = [];
  for (let n = 0; n < 40; n += 1) world.after(n * 77, () => void person.call().then((ms) => waits.push(ms)));
  await world.run(4000);
  console.log(`interactive ${Math.min(...waits).toFixed(0)} to ${Math.max(...waits).toFixed(0)} ms`);
  expect(waits).toHaveLength(40);
  expect(Math.max(...waits)).toBeLessThan(50);
});

test.each([
  { calls: 60, windowMs: 60_000, count: 4, seconds: 600 },
  { calls: 2, windowMs: 1000, count: 4, seconds: 60 },
])('$calls per $windowMs ms: nobody is left out where slots are rare', async ({ count, seconds, ...slow }) => {
  const world = new VirtualWorld(3);
  const all = Array.from({ length: count }, () => world.process({ rate: slow, clockMs: world.random() * 1e6 }));
  for (const process of all) process.saturate(8);
  await world.run(2 * slow.windowMs + seconds * 1000);
  const own = all.map(({ limiter }) => limiter.state.sent);
  console.log(`${slow.calls} per ${slow.windowMs} ms: ${own.join(', ')}`);
  expect(Math.min(...own)).toBeGreaterThan((seconds * 1000 * slow.calls) / slow.windowMs / count / 5);
});

test('turns that nobody takes any more cost less than the time of all of them, once', async () => {
  const world = new VirtualWorld();
  const all = crowd(16, world);
  await world.run(WARM_UP_MS);
  for (const process of all.slice(4)) process.kill();
  const dead = world.calls.length;
  await world.run(2500);
  expect(0.985 * 2.5 * rate.calls - (world.calls.length - dead)).toBeLessThan(2 * rate.calls);
  const before = world.calls.length;
  await world.run(5000);
  expect((world.calls.length - before) / (5 * rate.calls)).toBeGreaterThan(0.985);
});

test('a process with a call now and then waits no longer than the line is granted ahead', async () => {
  const world = new VirtualWorld();
  crowd(16, world);
  const person = world.process({ rate });
  await world.run(WARM_UP_MS);
  const waits: number[] = [];
  for (let n = 0; n < 40; n += 1) world.after(n * 330, () => void person.call().then((ms) => waits.push(ms)));
  await world.run(20_000);
  console.log(`waits ${Math.min(...waits).toFixed(0)} to ${Math.max(...waits).toFixed(0)} ms`);
  expect(waits).toHaveLength(40);
  expect(Math.max(...waits)).toBeLessThan(600);
});
