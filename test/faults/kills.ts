import { expect } from 'vitest';
import type { Evidence, Verdict } from './check.ts';
import type { Trap } from './kill-proxy.ts';
import { killPlan } from './plan.ts';
import { ALONE_POINTS, NAMES, PARTIES, PHASES, type Point, STEERING } from './points.ts';
import { listed, openWorld, UNEASY, type World } from './world.ts';

/** Enough calls that each party comes by everything often, and few enough that a job takes some seconds. */
const ACCOUNTS = 400;
const FRIENDS = 3;
/** Everything is come by in three or four; where it is not, something is no longer asked of Redis. */
const MOST_JOBS = 12;

export interface Killed {
  tried: number;
  jobs: number;
  rows: number;
  calls: number;
}

/**
 * Processes die at the points, by kill -9, each started again at once and dying at the next, while jobs are submitted,
 * paused, resumed, re-prioritised, stopped by a fault of the credentials, and completed. Every job must come out whole.
 */
export async function expectDeathsSurvived(seed: number, points: readonly Point[]): Promise<Killed> {
  const world = await openWorld({ seed, plan: killPlan(seed, points) });
  try {
    const killed: Killed = { tried: points.length, jobs: 0, rows: 0, calls: 0 };
    world.work();
    while (killed.jobs === 0 || world.left().length > 0) {
      if (killed.jobs === MOST_JOBS) throw new Error(`seed ${seed}: never came by ${listed(world.left())}`);
      const { rows, calls } = await oneJob(world);
      killed.jobs += 1;
      killed.rows += rows;
      killed.calls = calls;
    }
    expectNothingNew(world);
    return killed;
  } finally {
    await world.close();
  }
}

/**
 * A command that does all by itself dies at the points, and is run again: it goes on with its job, or, where that was
 * over, runs anew.
 */
export async function expectDeathsAloneSurvived(seed: number): Promise<Killed> {
  const world = await openWorld({ seed, plan: killPlan(seed, ALONE_POINTS) });
  try {
    const killed: Killed = { tried: ALONE_POINTS.length, jobs: 0, rows: 0, calls: 0 };
    while (killed.jobs === 0 || world.left().length > 0) {
      if (killed.jobs === MOST_JOBS) throw new Error(`seed ${seed}: never came by ${listed(world.left())}`);
      const input = world.input(ACCOUNTS, FRIENDS);
      const { code, stdout, stderr } = await world.alone('import', input.file, '--json');
      if (code !== 0) throw new Error(`seed ${seed}: import ended with ${code}:\n${stderr}`);
      const { job } = JSON.parse(stdout) as { job: string };
      const verdict = await world.verdict(job, input);
      expectWhole(verdict, { seed, job, hit: listed(world.hit) });
      killed.jobs += 1;
      killed.rows += verdict.rows;
      killed.calls = verdict.calls;
    }
    expectNothingNew(world);
    return killed;
  } finally {
    await world.close();
  }
}

/** Jobs whose steering command dies are not over before it is given again, and not long after. */
const STEERED_ACCOUNTS = 150;
const STEERED_CALLS = '50';

/** Each steering command dies at each phase of its script, and is given again, as a person would: it says the same. */
export async function expectSteeringSurvived(seed: number): Promise<number> {
  const world = await openWorld({ seed });
  let tried = 0;
  try {
    world.work();
    await world.insist('limit', 'import', STEERED_CALLS);
    for (const { command, script } of STEERING) {
      for (const phase of PHASES) {
        await steeredOnce(world, command, { party: 'command', name: script, phase, nth: 1 });
        tried += 1;
      }
    }
    return tried;
  } finally {
    await world.close();
  }
}

async function steeredOnce(world: World, command: (typeof STEERING)[number]['command'], trap: Point & Trap) {
  const { seed } = world;
  const input = world.input(STEERED_ACCOUNTS, FRIENDS);
  const job = await world.submit(input);
  const given: Partial<Evidence> = {};
  if (command === 'resume') await world.insist('pause', job);
  if (command === 'retry') {
    await world.insist('cancel', job);
    await world.over(job);
  }
  const lift = world.lay(trap);
  const words = { pause: [], resume: [], cancel: [], priority: ['low'], retry: ['--detach'] }[command];
  const { code, stdout, stderr } = await world.insist(command, job, ...words);
  const where = { seed, job, command, phase: trap.phase };
  // One that has its answer may be through before it can die: then there was nothing left to die at.
  const lives = lift() && trap.phase !== 'after';
  expect({ ...where, lives, code, stderr }).toEqual({ ...where, lives: false, code: 0, stderr });
  if (command === 'pause') {
    expect({ ...where, state: await world.state(job) }).toEqual({ ...where, state: 'paused' });
    await world.insist('resume', job);
  }
  if (command === 'cancel') given.state = 'cancelled';
  if (command === 'retry') {
    const again = stdout.trim();
    await world.over(again);
    Object.assign(given, { state: 'cancelled', retries: [world.results(again)] });
    // Both times it was the same retry.
    expect({ ...where, refused: (await world.insist('retry', job)).code }).toEqual({ ...where, refused: 2 });
  }
  await world.over(job);
  expectWhole(await world.verdict(job, input, given), where);
}

async function oneJob(world: World): Promise<{ rows: number; calls: number }> {
  const { seed } = world;
  const input = world.input(ACCOUNTS, FRIENDS);
  const job = await world.submit(input);
  await world.until('some chunks were closed', async () => (await world.closed(job)) > 20);
  for (const steering of [
    ['pause', job],
    ['resume', job],
    ['priority', job, 'high'],
  ]) {
    const { code, stderr } = await world.insist(...steering);
    // Of the job that is over already there is nothing to steer.
    if (code !== 0 && (await world.state(job)) !== 'completed') throw new Error(`seed ${seed}: ${stderr}`);
  }
  if (world.left().some(({ party, name }) => party === 'call' && name === 'steer')) await refuse(world, job);
  await world.over(job);
  const verdict = await world.verdict(job, input);
  expectWhole(verdict, { seed, job, hit: listed(world.hit) });
  return { rows: verdict.rows, calls: verdict.calls };
}

/** @param where what a failure tells: the seed, the job, what was done to it */
export function expectWhole({ wrong }: Verdict, where: object): void {
  expect({ ...where, wrong }).toEqual({ ...where, wrong: [] });
}

/** The service takes the caller for no admin until the job has stopped. */
async function refuse(world: World, job: string): Promise<void> {
  await world.simulator.setFaults({ ...UNEASY, calls: { codes: { 60010: 1 } } });
  await world.until('the job had stopped', async () => ['stopped', 'completed'].includes(await world.state(job)));
  await world.simulator.setFaults(UNEASY);
  await world.insist('resume', job);
}

/** Whatever is asked of Redis has its points: a script or a move of the queue that is new must be added to them. */
function expectNothingNew(world: World): void {
  const unknown = PARTIES.flatMap((party) =>
    [...world.answered(party).keys()].filter((name) => !NAMES[party].includes(name)).map((name) => `${party} ${name}`),
  );
  expect({ seed: world.seed, unknown }).toEqual({ seed: world.seed, unknown: [] });
}
