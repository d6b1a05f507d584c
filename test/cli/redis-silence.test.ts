/**
 * A Redis that answers the greeting and then dies, hangs or refuses: the command ends by itself or at the first Ctrl-C,
 * and says what is known.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openBefriend } from '../../src/befriend.ts';
import { follow } from '../../src/cli/run-job.ts';
import { type CallConfig, readConfig } from '../../src/config.ts';
import type { Finding } from '../../src/domain/finding.ts';
import { createLog } from '../../src/log.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { placeOf } from '../../src/redis/place.ts';
import { type Command, COMPRESSED_LIMIT, type Finished, type Workplace, workplace } from '../support/command.ts';
import { type RedisProxy, redisProxy } from '../support/redis-proxy.ts';
import { redisSwitch } from '../support/redis-switch.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitHeld } from '../support/truth.ts';

const PASSWORD = 'opensesame-0815';
/** Each wait of a command for Redis takes up to 6 s. */
const PATIENT = 40_000;

let simulator: TestSimulator;
let redis: TestRedis;
let port: number;

beforeAll(async () => {
  [simulator, redis] = await Promise.all([testSimulator({ ...COMPRESSED_LIMIT }), testRedis()]);
  port = Number(new URL(await redis.listen()).port);
});
afterAll(async () => {
  await redis.close();
  await simulator.close();
});

type Finally = (act: () => Promise<void>) => void;

function at(url: string, atEnd: Finally = onTestFinished): Workplace {
  const place = workplace(simulator, { REDIS_URL: url });
  atEnd(() => place.remove());
  return place;
}

/** @param atEnd of the test itself, since several run at once: each waits for its own silence */
async function endingAt(
  { command, how }: { command: string; how: 'silent' | 'gone' },
  atEnd: Finally,
): Promise<{ place: Workplace; proxy: RedisProxy }> {
  const proxy = await redisProxy(port, command, how);
  atEnd(() => proxy.close());
  return { place: at(proxy.url, atEnd), proxy };
}

const problemsIn = ({ stdout }: Finished): Finding[] =>
  (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(({ level }) => level === 'problem');

const okIn = ({ stdout }: Finished): string[] =>
  (JSON.parse(stdout) as { findings: Finding[] }).findings.flatMap(({ level, area }) => (level === 'ok' ? [area] : []));

describe('doctor', () => {
  // CONFIG, TIME: what the server is. EVAL: the write check. ZREVRANGE: jobs. HMGET: the rate. EVALSHA: the backlog.
  test.concurrent.for([
    { command: 'CONFIG', how: 'silent', says: 'gave no answer for 5 s' },
    { command: 'TIME', how: 'gone', says: 'the connection broke and did not come back for 5 s' },
    { command: 'EVAL', how: 'silent', says: 'gave no answer for 5 s' },
    { command: 'ZREVRANGE', how: 'silent', says: 'gave no answer for 5 s' },
    { command: 'HMGET', how: 'gone', says: 'did not come back for 5 s' },
    { command: 'EVALSHA', how: 'silent', says: 'gave no answer for 5 s' },
    { command: 'EVALSHA', how: 'gone', says: 'did not come back for 5 s' },
  ] as const)(
    'Redis $how at $command: exit 4, and the API is looked at',
    { timeout: PATIENT },
    async (wrong, { onTestFinished: atEnd }) => {
      const { place } = await endingAt(wrong, atEnd);
      const finished = await place.run('doctor', '--json');
      expect({ code: finished.code, stderr: finished.stderr }).toEqual({ code: 4, stderr: '' });
      expect(problemsIn(finished)).toEqual([
        { level: 'problem', area: 'redis', text: expect.stringContaining(wrong.says), advice: expect.any(String) },
      ]);
      expect(okIn(finished)).toEqual(expect.arrayContaining(['connection', 'clock']));
    },
  );

  test.each(['CONFIG', 'EVAL', 'EVALSHA'])('the first Ctrl-C ends it while Redis is silent at %s', async (command) => {
    const { place, proxy } = await endingAt({ command, how: 'silent' }, onTestFinished);
    const { child, done } = place.start('doctor');
    await proxy.held;
    child.kill('SIGINT');
    expect(await done).toMatchObject({ code: 130, stdout: '' });
  });

  test('a full Redis is no Redis to begin with', async () => {
    await redis.redis.config('SET', 'maxmemory', '1000');
    onTestFinished(() => void redis.redis.config('SET', 'maxmemory', '0'));
    const finished = await at(`redis://127.0.0.1:${port}`).run('doctor', '--json');
    expect(finished.code).toBe(4);
    expect(problemsIn(finished)).toEqual([
      expect.objectContaining({
        area: 'redis write check',
        text: expect.stringMatching(/^Redis is full \(maxmemory\)/),
      }),
    ]);
    await redis.redis.config('SET', 'maxmemory', '0');
  });

  test.each([
    { lacks: 'scripting', rights: ['-@scripting'], area: 'redis write check' },
    { lacks: 'the scripts of the limiter', rights: ['-evalsha'], area: 'redis' },
  ])('a user without $lacks: exit 4', { timeout: PATIENT }, async ({ rights, area }) => {
    await redis.redis.call('ACL', 'SETUSER', 'weak', 'reset', 'on', `>${PASSWORD}`, '~*', '&*', '+@all', ...rights);
    const finished = await at(`redis://weak:${PASSWORD}@127.0.0.1:${port}`).run('doctor', '--json');
    expect(finished.code).toBe(4);
    expect(finished.stdout).not.toContain(PASSWORD);
    expect(problemsIn(finished)).toEqual([
      expect.objectContaining({
        area,
        text: expect.stringContaining('the user of REDIS_URL may not do what befriend needs'),
        advice: expect.stringContaining('ACL SETUSER'),
      }),
    ]);
  });
});

describe('every command', () => {
  test.concurrent.for([
    { command: 'EVAL', how: 'gone', says: 'the connection broke and did not come back for 5 s' },
    { command: 'EVAL', how: 'silent', says: 'it took the connection and then gave no answer for 5 s' },
  ] as const)(
    'Redis $how at $command while it is opened: exit 4',
    { timeout: PATIENT },
    async (wrong, { onTestFinished: atEnd }) => {
      const { place, proxy } = await endingAt(wrong, atEnd);
      const { code, stdout, stderr } = await place.run('jobs');
      expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
      expect(stderr.trimEnd().split('\n')).toEqual([
        expect.stringMatching(`^befriend: Redis at ${proxy.url}/? cannot be used: ${wrong.says}\\. See whether`),
      ]);
    },
  );

  test('a Redis that falls silent before the credentials are tried: exit 4', { timeout: PATIENT }, async () => {
    const { place } = await endingAt({ command: 'EVALSHA', how: 'silent' }, onTestFinished);
    const { code, stdout, stderr } = await place.run('import', place.csv('rows.csv', [['a', 'b']]));
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toMatch(/^befriend: Redis answers no more, .*run the command again\.$/m);
    expect((await simulator.meter('friend_import')).calls).toBe(0);
  });
});

describe('a job that runs', () => {
  /** Resolves when the process has said it on stderr. */
  const says = ({ child }: Command, what: RegExp): Promise<void> =>
    new Promise((resolve) => {
      let said = '';
      child.stderr?.on('data', (data) => {
        said += String(data);
        if (what.test(said)) resolve();
      });
    });
  const calls = async (): Promise<number> => (await simulator.meter('friend_check')).calls;

  test.each(['frozen', 'killed'])(
    'waits while Redis is %s, says so, and goes on',
    { timeout: PATIENT },
    async (how) => {
      const place = workplace(simulator, { REDIS_URL: `redis://127.0.0.1:${port}`, LOG_LEVEL: 'info' });
      onTestFinished(() => place.remove());
      const rows = Array.from({ length: 2000 }, (_, row) => [`${how}${row}`, `to${row}`] as const);
      const before = await calls();
      const worker = place.start('worker');
      const follower = place.start('check', place.csv('rows.csv', rows));
      const told = [
        says(worker, /Redis does not answer: nobody calls until it does/),
        says(follower, /^Redis has not answered for \d+ s: nobody calls/m),
      ];
      const back = says(worker, /Redis answers again/);
      while ((await calls()) < before + 100) await sleep(20);
      if (how === 'frozen') process.kill(redis.pid(), 'SIGSTOP');
      else await redis.kill();
      await Promise.all(told);
      const away = await calls();
      await sleep(3 * COMPRESSED_LIMIT.windowMs);
      expect(await calls()).toBe(away);
      if (how === 'frozen') process.kill(redis.pid(), 'SIGCONT');
      else await redis.start();
      await back;
      expect((await follower.done).code).toBe(0);
      await expectLimitHeld(simulator, 'friend_check', COMPRESSED_LIMIT);
    },
  );
});

test('connections that fall silent one day are made anew: a job that comes later is done, and the log says why', async () => {
  const way = await redisSwitch(port);
  onTestFinished(() => way.close());
  const worker = workplace(simulator, { REDIS_URL: way.url, LOG_LEVEL: 'info' });
  onTestFinished(() => worker.remove());
  const { child } = worker.start('worker');
  let log = '';
  child.stderr?.on('data', (data) => (log += String(data)));
  while (!log.includes('worker started')) await once(child.stderr!, 'data');
  // Every role waits on its connection.
  await sleep(1000);
  way.fallSilent();
  const other = workplace(simulator, { REDIS_URL: `redis://127.0.0.1:${port}`, BEFRIEND_HOME: worker.home });
  onTestFinished(() => other.remove());
  const { stdout } = await other.run('import', other.csv('later.csv', [['later', 'b']]), '--detach');
  expect((await other.run('status', stdout.trim(), '--watch')).code).toBe(0);
  expect(log).toContain('a connection to Redis fell silent and is made anew');
  expect(log).toContain('Redis answers again');
}, 60_000);

describe('Ctrl-C', () => {
  test('with the private Redis frozen: the command ends and says what is not known', { timeout: PATIENT }, async () => {
    const place = at('');
    const rows = Array.from({ length: 6000 }, (_, row) => [`from${row}`, `to${row}`] as const);
    const { child, done } = place.start('import', place.csv('rows.csv', rows));
    let stderr = '';
    const shown = new Promise<void>((resolve) => {
      child.stderr?.on('data', (data) => {
        stderr += String(data);
        // The job's line comes when it is accepted, the line of progress when it is followed.
        if (/calls\/s/.test(stderr)) resolve();
      });
    });
    await Promise.race([shown, once(child, 'exit')]);
    const server = await connectRedis({ socket: placeOf(place.home).socket });
    const pid = Number(/process_id:(\d+)/.exec(await server.info('server'))?.[1]);
    process.kill(pid, 'SIGSTOP');
    try {
      child.kill('SIGINT');
      const finished = await done;
      expect({ code: finished.code, stdout: finished.stdout }).toEqual({ code: 130, stdout: '' });
      expect(finished.stderr).toMatch(
        /^befriend: interrupted\. Redis does not answer, so it is not known whether job /m,
      );
      expect(finished.stderr).not.toContain('is paused:');
    } finally {
      process.kill(pid, 'SIGCONT');
      server.disconnect();
    }
  });

  test.each([
    { state: 'completed', says: 'was completed already' },
    { state: 'cancelled', says: 'was cancelled meanwhile' },
    { state: 'running', says: 'is paused: the same command goes on with it' },
    { state: 'running', fresh: true, says: 'is paused: the same command without --new goes on with it' },
  ])('a job that is $state $says', async ({ state, says, fresh = false }) => {
    const place = at(`redis://127.0.0.1:${port}`);
    const config = readConfig(place.env, { need: 'chat' }) as CallConfig;
    const log = createLog({ level: 'silent', secrets: [] });
    const befriend = await openBefriend({ config, env: place.env, log });
    onTestFinished(() => befriend.close());
    const rows = [{ from: `${state}-${fresh}`, to: 'b' }];
    const job = await befriend.submit({ kind: 'rows', rows }, { operation: 'import' });
    if (state === 'completed') {
      befriend.work();
      await job.done();
    }
    if (state === 'cancelled') await job.cancel();
    const run = { signal: AbortSignal.abort(), progress: { show() {}, end() {} }, called: { fresh } };
    // As with the private Redis, where nobody else would go on with it.
    const following = follow(befriend, job, run, { config: { ...config, redisUrl: null }, log });
    await expect(following).rejects.toThrow(`interrupted. Job ${job.id} ${says}`);
  });
});
