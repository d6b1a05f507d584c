/**
 * Everything that can be wrong with the Redis of REDIS_URL: one paragraph that says what and what to do, the right exit
 * code, and never the password.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findRedisBinary } from '../../src/redis/binary.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { COMPRESSED_LIMIT, type Finished, type Workplace, workplace } from '../support/command.ts';
import { bulk, type OddServers, oddServers } from '../support/odd-servers.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type Sentinel, sentinelOf } from '../support/sentinel.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

const PASSWORD = 'opensesame-0815';

let simulator: TestSimulator;
let odd: OddServers;
let real: TestRedis;
let realPort: number;
let replica: ChildProcess;
let replicaPort: number;
let replicaDir: string;
let sentinel: Sentinel;
const places: Workplace[] = [];

function at(url: string): Workplace {
  const place = workplace(simulator, { REDIS_URL: url });
  places.push(place);
  return place;
}

/** Nothing on stdout, no stack, no password, one paragraph. */
function expectClean({ stdout, stderr }: Finished): void {
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stderr).not.toContain(PASSWORD);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
}

beforeAll(async () => {
  [simulator, real] = await Promise.all([testSimulator({ ...COMPRESSED_LIMIT }), testRedis()]);
  odd = oddServers();
  realPort = Number(new URL(await real.listen()).port);
  await real.redis.call('ACL', 'SETUSER', 'reader', 'on', `>${PASSWORD}`, '~*', '&*', '+@all', '-@scripting');
  await real.redis.call('ACL', 'SETUSER', 'stranger', 'on', `>${PASSWORD}`, '~other:*', '&*', '+@all');
  await real.redis.call('ACL', 'SETUSER', 'blind', 'on', `>${PASSWORD}`, '~*', '&*', '+@all', '-info');
  sentinel = await sentinelOf(realPort);
  replicaPort = await odd.nothing();
  replicaDir = mkdtempSync(join(tmpdir(), 'befriend-replica-'));
  const binary = findRedisBinary(process.env)!;
  const options = { port: String(replicaPort), bind: '127.0.0.1', dir: replicaDir, save: '', replicaof: '' };
  const args = Object.entries(options).flatMap(([name, value]) =>
    name === 'replicaof' ? ['--replicaof', '127.0.0.1', String(realPort)] : [`--${name}`, value],
  );
  replica = spawn(binary.path, args, { env: { ...process.env, ...binary.env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let log = '';
  await new Promise<void>((resolve) => {
    replica.stdout?.on('data', (data) => {
      log += String(data);
      if (log.includes('eady to accept connections')) resolve();
    });
  });
});

afterAll(async () => {
  await Promise.all(places.map((place) => place.remove()));
  await Promise.all([simulator.close(), real.close(), odd.closeAll(), sentinel.close()]);
  const gone = once(replica, 'exit');
  replica.kill('SIGKILL');
  await gone;
  rmSync(replicaDir, { recursive: true, force: true });
});

describe('a Redis that cannot be used', () => {
  const OLD = {
    PING: '+PONG\r\n',
    INFO: bulk('redis_version:5.0.14\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n'),
  };
  const plain = (port: number) => `redis://127.0.0.1:${port}`;
  const withPassword = (port: number, user = '') => `redis://${user}:${PASSWORD}@127.0.0.1:${port}`;
  const cases: [wrong: string, url: () => Promise<string> | string, code: number, says: RegExp][] = [
    ['nothing listens', async () => plain(await odd.nothing()), 4, /nothing listens on port \d+\. Start it, or check/],
    ['no such host', () => 'redis://no-such-host.invalid:6379', 4, /no-such-host\.invalid.*(no host|resolved)/],
    ['it never answers', async () => plain(await odd.silent()), 4, /no answer within 5 s\. Check host and port/],
    ['it never answers, TLS', async () => `rediss://127.0.0.1:${await odd.silent()}`, 4, /no answer within \d s/],
    ['it hangs up', async () => plain(await odd.closing()), 4, /closed without an answer.*rediss:/],
    ['a web server', async () => plain(await odd.web()), 4, /no Redis answers there but a web server.*6379/],
    ['an ssh server', async () => plain(await odd.greeting('SSH-2.0-OpenSSH_9.2')), 4, /something else \("SSH-2\.0/],
    ['redis:// to TLS', async () => plain(await odd.tls({ '*': '+PONG\r\n' })), 4, /TLS.*rediss:\/\//],
    ['rediss:// to plain', () => `rediss://127.0.0.1:${realPort}`, 4, /speaks no TLS.*Write redis:\/\//],
    [
      'a certificate nobody signed',
      async () => `rediss://127.0.0.1:${await odd.tls({ '*': '+PONG\r\n' })}`,
      4,
      /certificate is not trusted.*NODE_EXTRA_CA_CERTS/,
    ],
    [
      'the password is wrong',
      () => withPassword(realPort, 'reader').replace('0815', '0816'),
      4,
      /refuses the password/,
    ],
    ['a password where none is', () => withPassword(realPort), 4, /has no password.*Take the password out/],
    [
      'no password where one is wanted',
      async () => plain(await odd.redisLike({ '*': '-NOAUTH Authentication required.\r\n' })),
      4,
      /wants a password\. Write it into REDIS_URL/,
    ],
    ['no scripts', () => withPassword(realPort, 'reader'), 4, /user of REDIS_URL may not do.*ACL SETUSER/],
    ['no keys', () => withPassword(realPort, 'stranger'), 4, /user of REDIS_URL may not do.*ACL SETUSER/],
    ['no INFO', () => withPassword(realPort, 'blind'), 4, /"blind" may not run INFO/],
    ['it is too old', async () => plain(await odd.redisLike(OLD)), 4, /it is Redis 5\.0\.14.*6\.2 or later/],
    ['a replica', () => plain(replicaPort), 4, /read-only replica.*master \(primary\)/],
    [
      'a Sentinel',
      () => sentinel.url,
      4,
      /it is a Sentinel, which keeps no data\. Write REDIS_URL as redis\+sentinel:/,
    ],
    ['no such database', () => `${plain(realPort)}/99`, 4, /has no database 99/],
    [
      'it is loading',
      async () => plain(await odd.redisLike({ '*': '-LOADING loading\r\n' })),
      4,
      /still loading its data/,
    ],
    [
      'protected mode',
      async () => plain(await odd.greeting('-DENIED Redis is running in protected mode because …')),
      4,
      /protected mode.*requirepass/,
    ],
    ['no URL', () => 'localhost:6379', 2, /REDIS_URL: .*redis:\/\//],
    ['a database that is no number', () => `${plain(realPort)}/main`, 2, /REDIS_URL: .*\/db/],
    ['a stray % in the password', () => 'redis://:100%sure@127.0.0.1', 2, /REDIS_URL: /],
  ];

  test.concurrent.each(cases)('%s', async (_wrong, url, code, says) => {
    const place = at(await url());
    const finished = await place.run('jobs');
    expect(finished.stderr).toMatch(says);
    expect(finished.code).toBe(code);
    if (code === 4) expectClean(finished);
    expect(finished.stderr).not.toContain('100%sure');
  });

  test('is known before a row is read or sent', async () => {
    const place = at(`redis://127.0.0.1:${await odd.web()}`);
    const file = place.csv('rows.csv', [['a', 'b']]);
    const finished = await place.run('import', file);
    expect(finished.code).toBe(4);
    expectClean(finished);
    expect((await simulator.meter('friend_import')).calls).toBe(0);
  });
});

describe('a Redis that can be used, and may lose rows', () => {
  const lines = ({ stderr }: Finished): string[] => stderr.split('\n').filter((line) => line !== '');

  /** The settings for the time of `act`. */
  async function having(settings: Record<string, string>, act: () => Promise<void>): Promise<void> {
    const before = new Map<string, string>();
    for (const [name, value] of Object.entries(settings)) {
      before.set(name, ((await real.redis.config('GET', name)) as string[])[1]!);
      await real.redis.config('SET', name, value);
    }
    try {
      await act();
    } finally {
      for (const [name, value] of before) await real.redis.config('SET', name, value);
    }
  }

  test('is warned of once a finding, in our words alone', async () => {
    await having({ 'maxmemory-policy': 'allkeys-lru', appendonly: 'no' }, async () => {
      const place = at(`redis://127.0.0.1:${realPort}`);
      const file = place.csv('rows.csv', [['a', 'b']]);
      const finished = await place.run('import', file, '--out', '-');
      expect(finished.code).toBe(0);
      const warnings = lines(finished).filter((line) => line.startsWith('warning: '));
      expect(warnings).toEqual([
        expect.stringMatching(/Redis: maxmemory-policy is allkeys-lru: .*rows of jobs.*noeviction/),
        expect.stringMatching(/Redis: nothing is written to disk: .*loses all jobs.*appendonly yes/),
      ]);
      expect(finished.stderr).not.toMatch(/IMPORTANT!|highly recommended/);
      expect(finished.stdout.trimEnd().split('\n')).toHaveLength(1);
    });
  });

  test('a good one is not warned of', async () => {
    const { code, stdout, stderr } = await at(`redis://127.0.0.1:${realPort}/1`).run('jobs');
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'no jobs yet\n', stderr: '' });
  });

  test('a full one shows jobs, and refuses new ones with what to do', async () => {
    await having({ maxmemory: '1000' }, async () => {
      const place = at(`redis://127.0.0.1:${realPort}/2`);
      const jobs = await place.run('jobs');
      expect({ code: jobs.code, stdout: jobs.stdout }).toEqual({ code: 0, stdout: 'no jobs yet\n' });
      expect(jobs.stderr).toMatch(/^warning: Redis is full \(maxmemory\).*raise maxmemory.*\n$/);
      const refused = await place.run('import', place.csv('rows.csv', [['c', 'd']]), '--detach');
      expect(refused.code).toBe(4);
      expect(refused.stderr).toMatch(/befriend: Redis is full \(maxmemory\).*run the same command again/);
      expect(refused.stderr).not.toMatch(/\n\s+at /);
    });
  });
});

describe('two homes, two Redis', () => {
  const ROWS = [
    ['e', 'f'],
    ['f', 'e'],
  ] as const;

  test('a job submitted from another home is not taken over silently', async () => {
    const [mine, other] = [at(`redis://127.0.0.1:${realPort}/3`), at(`redis://127.0.0.1:${realPort}/3`)];
    const { code, stdout } = await mine.run('import', mine.csv('rows.csv', ROWS), '--detach');
    expect(code).toBe(0);
    const job = stdout.trim();
    expect((await mine.run('status', job)).stdout).toContain('  worker   none works now: ');
    const again = await other.run('import', other.csv('rows.csv', ROWS), '--detach');
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(new RegExp(`Job ${job} has these rows already.*Set BEFRIEND_HOME.*--new`));
    const results = await other.run('results', job);
    expect({ code: results.code, stdout: results.stdout }).toEqual({ code: 2, stdout: '' });
    expect(results.stderr).toContain(`are in the home it was submitted from, not in ${other.home}`);
  });

  test('jobs that this Redis does not know are named, with the Redis that does', async () => {
    const place = at(`redis://:@127.0.0.1:${realPort}/4`);
    const file = place.csv('rows.csv', ROWS);
    const job = (await place.run('import', file, '--detach')).stdout.trim();
    place.env.REDIS_URL = `redis://127.0.0.1:${realPort}/5`;
    const known = new RegExp(`redis://127\\.0\\.0\\.1:${realPort}/4: set REDIS_URL to it`);

    const jobs = await place.run('jobs');
    expect({ code: jobs.code, stdout: jobs.stdout }).toEqual({ code: 0, stdout: 'no jobs yet\n' });
    expect(jobs.stderr).toMatch(new RegExp(`^not listed: ${job}, which this Redis does not know.*`));
    expect(jobs.stderr).toMatch(known);

    const status = await place.run('status', job);
    expect(status.code).toBe(2);
    expect(status.stderr).toMatch(new RegExp(`does not know job ${job}, though its files are in`));
    expect(status.stderr).toMatch(known);

    const again = await place.run('import', file, '--detach');
    expect(again.code).toBe(0);
    expect(again.stdout.trim()).not.toBe(job);
    expect(again.stderr).toMatch(
      new RegExp(`warning: this is a new job, while job ${job} of this home has the same rows`),
    );
    expect(again.stderr).toMatch(known);
  });

  test('a job of the private Redis is named where REDIS_URL is set', async () => {
    const place = at('');
    const done = await place.run('import', place.csv('rows.csv', ROWS));
    expect(done.code).toBe(0);
    place.env.REDIS_URL = `redis://127.0.0.1:${realPort}/6`;
    const { stderr } = await place.run('jobs');
    expect(stderr).toMatch(/^not listed: import-.*submitted with the private Redis of this home: leave REDIS_URL out/);
  });
});

test('the first connection says the same to the library', async () => {
  const url = `redis://:${PASSWORD}@127.0.0.1:${await odd.web()}`;
  const refused: Promise<Redis> = connectRedis({ url });
  await expect(refused).rejects.toThrow(/web server/);
  await expect(refused).rejects.not.toThrow(PASSWORD);
});
