/**
 * G9: no secret leaves the process. Commands run with known secrets at the most verbose level, and wrong ones too,
 * against a service and servers that say back what they were sent. Then everything that was printed or written, every
 * key of Redis and what is seen of processes is searched.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { makeUserSig } from '../../src/chat/usersig.ts';
import { placeOf } from '../../src/redis/place.ts';
import { httpServer, type Seen } from '../chat/support/servers.ts';
import { redisNode } from '../support/cluster.ts';
import { COMPRESSED_LIMIT, type Finished, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

const PASSWORD = 'redis-p@ss/word:4711';
const WRONG_KEY = 'another-key-of-nobody-0815-0815';
/** A UserSig by its looks, whoever made it. */
const USERSIG = /eJ[A-Za-z0-9*_-]{40,}/;

let simulator: TestSimulator;
let place: Workplace;
/** Values that must be nowhere. */
let secrets: string[];
let printed: Finished[];
let opened: { close(): Promise<unknown> }[];

beforeEach(async () => {
  simulator = await testSimulator({
    ...COMPRESSED_LIMIT,
    faults: { calls: { resetAfter: 0.05, badGateway: 0.05 }, permanent: [{ code: 30_003, fraction: 0.1 }] },
  });
  place = workplace(simulator, { LOG_LEVEL: 'trace' });
  secrets = [simulator.key, PASSWORD, WRONG_KEY];
  printed = [];
  opened = [];
});
afterEach(async () => {
  await place.remove();
  await Promise.all([simulator, ...opened].map((part) => part.close()));
});

async function run(...args: string[]): Promise<Finished> {
  const finished = await place.run(...args);
  printed.push(finished);
  return finished;
}

/** What of the secrets is in there, in whatever form it is written in URLs, JSON and headers. */
function foundIn(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  const forms = (secret: string): string[] => [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('hex'),
  ];
  const known = secrets.filter((secret) => forms(secret).some((form) => text.includes(form)));
  return [...known, ...(USERSIG.exec(text) ?? [])];
}

/** Every file of the workplace and the home in it, by name, with what is found in it. */
function foundInFiles(folder: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (!statSync(path).isFile()) continue;
    const secret = foundIn(readFileSync(path));
    if (secret.length > 0) found[name] = secret;
  }
  return found;
}

/** Every key and value of a Redis, and its files. */
async function foundInRedis(redis: Redis): Promise<string[]> {
  await redis.config('SET', 'rdbcompression', 'no');
  await redis.save();
  const keys = await redis.keysBuffer('*');
  expect(keys.length).toBeGreaterThan(3);
  const values = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  const [, folder] = (await redis.config('GET', 'dir')) as [string, string];
  expect(readdirSync(folder)).toContain('dump.rdb');
  return [
    ...foundIn(Buffer.concat([...keys, ...values.filter((value) => value !== null)])),
    ...Object.entries(foundInFiles(folder)).flat(2),
  ];
}

/** Watches command lines, and the environment of processes that the commands start, until stopped. */
function watchProcesses(commands: () => number[]): () => { seen: number; found: string[] } {
  const pids = new Set<string>();
  const found = new Set<string>();
  const look = (): void => {
    const table = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8', maxBuffer: 1 << 24 });
    const own = new Set(commands());
    for (const line of table.split('\n')) {
      const [pid = '', parent = ''] = line.trim().split(/\s+/);
      for (const secret of foundIn(Buffer.from(line))) found.add(`command line of ${pid}: ${secret}`);
      // Guardian and private Redis outlive their command, and have the home in their command lines.
      // A child that runs the same program as its parent has been forked and does not run its own yet.
      if (own.has(Number(pid)) || line.includes('befriend.js')) continue;
      if (!own.has(Number(parent)) && !line.includes(place.home)) continue;
      pids.add(pid);
      try {
        for (const secret of foundIn(readFileSync(`/proc/${pid}/environ`))) found.add(`environ of ${line}: ${secret}`);
      } catch {
        // It has ended; or this is no Linux.
      }
    }
  };
  const timer = setInterval(look, 200);
  return () => {
    clearInterval(timer);
    return { seen: pids.size, found: [...found] };
  };
}

function expectNothing(): void {
  for (const { stdout, stderr } of printed) expect(foundIn(Buffer.from(stdout + stderr))).toEqual([]);
  // The settings of a test are the environment of its commands, in no file.
  expect(foundInFiles(place.dir)).toEqual({});
}

const rows = Array.from({ length: 120 }, (_, n) => [`u${n % 40}`, `v${n}`] as const);

function userSig(): string {
  const now = Math.floor(Date.now() / 1000);
  const { sdkappid, key, admin: identifier } = simulator;
  return makeUserSig({ sdkappid, key, identifier, expire: 86_400, now });
}

test('the search finds a secret in whatever form', () => {
  const sig = userSig();
  for (const text of [
    simulator.key,
    `x${encodeURIComponent(PASSWORD)}`,
    Buffer.from(WRONG_KEY).toString('base64'),
    sig,
  ])
    expect(foundIn(Buffer.from(`a ${text} b`))).toHaveLength(1);
  expect(foundIn(Buffer.from('eJ is a word, and nothing of these'))).toEqual([]);
});

test.each(['the secret key', 'a UserSig'] as const)(
  'a whole run with the private Redis and %s',
  async (kind) => {
    if (kind === 'a UserSig') {
      place.env.CHAT_USERSIG = userSig();
      delete place.env.CHAT_SECRET_KEY;
    }
    const file = place.csv('friends.csv', rows);
    const worker = place.start('worker');
    const commands = new Set<number>([worker.child.pid as number]);
    const stop = watchProcesses(() => [...commands]);
    await run('doctor');
    const imported = await run('import', file);
    const job = /job (\S+):/.exec(imported.stderr)?.[1] as string;
    await run('check', file, '--json');
    await run('status', job);
    await run('results', job);
    await run('retry', job, '--all');
    const { seen, found } = stop();
    expect(found).toEqual([]);
    // The guardian and its Redis.
    expect(seen).toBeGreaterThanOrEqual(2);
    const redis = new Redis(placeOf(place.home).socket);
    try {
      expect(await foundInRedis(redis)).toEqual([]);
    } finally {
      redis.disconnect();
    }
    worker.child.kill('SIGTERM');
    printed.push(await worker.done);
    expect(printed.map(({ stderr }) => stderr).join('')).toContain('"level":"debug"');
    expectNothing();
  },
  120_000,
);

test('a Redis with a password: right, wrong, none, in every form of URL', async () => {
  const node = await redisNode();
  opened.push(node);
  await node.redis.config('SET', 'requirepass', PASSWORD);
  const at = (password: string, scheme = 'redis', path = ''): string =>
    `${scheme}://:${encodeURIComponent(password)}@127.0.0.1:${node.port}${path}`;
  const file = place.csv('friends.csv', rows);
  place.env.REDIS_URL = at(PASSWORD);
  const worker = place.start('worker');
  const submitted = await run('import', file, '--detach');
  const job = submitted.stdout.trim();
  await run('status', job, '--watch');
  await Promise.all([
    run('doctor'),
    run('results', job, '--with-retries'),
    run('limit', 'import', '100'),
    run('jobs', 'prune', '--older-than', '30d'),
    run('jobs', 'groups'),
    run('import', file, '--detach', '--spool', 'redis', '--new'),
  ]);
  worker.child.kill('SIGTERM');
  printed.push(await worker.done);
  expect(await foundInRedis(node.redis)).toEqual([]);
  for (const url of [
    at(WRONG_KEY),
    at(PASSWORD, 'rediss'),
    at(PASSWORD, 'redis+cluster'),
    at(PASSWORD, 'redis+sentinel', `/befriend?sentinelPassword=${WRONG_KEY}`),
    at(PASSWORD, 'redis', '/no-number'),
    `redis://127.0.0.1:${node.port}`,
  ]) {
    place.env.REDIS_URL = url;
    expect((await run(url.includes('+') ? 'doctor' : 'jobs')).code).not.toBe(0);
  }
  expectNothing();
}, 120_000);

test('wrong credentials, and servers that say back what they were sent', async () => {
  const file = place.csv('friends.csv', rows);
  const echo =
    (status: number) =>
    ({ target, headers }: Seen, response: ServerResponse) => {
      const said = `${target} ${JSON.stringify(headers)}`;
      response.writeHead(status, { 'content-type': 'application/json', 'x-echo': encodeURI(target) });
      response.end(
        status === 200
          ? JSON.stringify({ ActionStatus: 'FAIL', ErrorCode: 70_009, ErrorInfo: said, ErrorDisplay: said })
          : `<html>cannot serve ${said}</html>`,
      );
    };
  const settings: Record<string, string>[] = [{ CHAT_SECRET_KEY: WRONG_KEY }];
  for (const status of [200, 403, 502]) {
    settings.push({ CHAT_BASE_URL: (await httpServer(echo(status))).url });
  }
  // Nothing listens there, and a region of another site or none that can be reached.
  settings.push({ CHAT_BASE_URL: 'http://127.0.0.1:1' }, { CHAT_BASE_URL: '', CHAT_REGION: 'seoul' });
  for (const changes of settings) {
    const before = { ...place.env };
    Object.assign(place.env, changes);
    expect((await run('check', file)).code).not.toBe(0);
    const doctor = changes === settings.at(-1) ? null : await run('doctor');
    expect(doctor?.code).not.toBe(0);
    Object.assign(place.env, before);
  }
  place.env.CHAT_USERSIG = `${userSig()}cut`;
  delete place.env.CHAT_SECRET_KEY;
  expect((await run('check', file)).code).not.toBe(0);
  expectNothing();
}, 120_000);
