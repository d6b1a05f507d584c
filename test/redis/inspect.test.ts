/** What befriend says of a Redis it finds, and what it can find out where CONFIG is forbidden. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { inspectRedis, judgeRedis, judgeStated, type RedisFacts } from '../../src/redis/inspect.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { sentinelOf } from '../support/sentinel.ts';

const GOOD: RedisFacts = {
  server: 'redis',
  version: '7.0.15',
  role: 'master',
  cluster: false,
  followed: false,
  replicas: 0,
  minReplicas: false,
  sentinels: 0,
  maxmemoryBytes: 0,
  usedBytes: 1_000_000,
  policy: 'noeviction',
  appendonly: true,
  appendfsync: 'everysec',
  rdbSaves: false,
  lastWriteOk: true,
  latencyMs: { p50: 0.2, max: 1 },
  clockOffsetMs: 0.4,
};

const wrong = (facts: Partial<RedisFacts>) =>
  judgeRedis({ ...GOOD, ...facts })
    .filter(({ level }) => level !== 'ok')
    .map(({ level, area }) => `${level}: ${area}`);

describe('judgeRedis', () => {
  it.each<[facts: Partial<RedisFacts>, found: string[]]>([
    [{}, []],
    [{ server: 'valkey', version: '8.0.1' }, []],
    [{ version: '6.2.0' }, []],
    [{ version: '6.0.16' }, ['problem: redis version']],
    [{ version: '5.0.14' }, ['problem: redis version']],
    [{ version: '' }, ['warning: redis version']],
    [{ role: 'replica' }, ['problem: redis role']],
    [{ role: 'sentinel' }, ['problem: redis role']],
    [{ cluster: true }, ['warning: redis cluster']],
    [{ replicas: 2 }, ['warning: redis replicas']],
    [{ replicas: 2, minReplicas: true }, []],
    [{ replicas: 0, minReplicas: true }, []],
    [{ cluster: true, replicas: 1 }, ['warning: redis cluster', 'warning: redis replicas']],
    [{ sentinels: 3 }, ['warning: redis sentinel']],
    [{ policy: 'allkeys-lru' }, ['warning: redis eviction']],
    [{ policy: '' }, ['warning: redis eviction']],
    [{ maxmemoryBytes: 2_000_000 }, []],
    [{ maxmemoryBytes: 1_100_000 }, ['warning: redis memory']],
    [{ appendonly: false }, ['warning: redis persistence']],
    [{ appendonly: false, rdbSaves: true }, ['warning: redis persistence']],
    [{ appendfsync: 'no' }, ['warning: redis persistence']],
    [{ appendfsync: 'unknown' }, []],
    [{ lastWriteOk: false }, ['problem: redis persistence']],
    [{ latencyMs: { p50: 40, max: 90 } }, ['warning: redis latency']],
    [{ clockOffsetMs: -90_000 }, ['warning: redis clock']],
    [
      { policy: 'volatile-ttl', appendonly: false, role: 'replica' },
      ['problem: redis role', 'warning: redis eviction', 'warning: redis persistence'],
    ],
  ])('%j', (facts, found) => {
    expect(wrong(facts)).toEqual(found);
  });

  it('leaves replicas and Sentinels to doctor: no command warns of them', () => {
    const found = judgeStated({ ...GOOD, replicas: 2 }).filter(({ level }) => level !== 'ok');
    expect(found).toEqual([]);
  });

  it('gives advice with everything that is not ok, and none with what is', () => {
    const found = judgeRedis({
      ...GOOD,
      version: '5.0.0',
      policy: 'allkeys-lru',
      appendonly: false,
      replicas: 1,
      sentinels: 3,
      cluster: true,
    });
    expect(found.every(({ level, advice }) => (level === 'ok') === (advice === undefined))).toBe(true);
  });
});

describe('inspectRedis', () => {
  let server: TestRedis;
  const clocks = [() => performance.now(), () => Date.now()] as const;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.close());

  it('reads a real server', async () => {
    const facts = await inspectRedis(server.redis, ...clocks);
    expect(facts).toMatchObject({ role: 'master', cluster: false, policy: 'noeviction', lastWriteOk: true });
    expect(facts).toMatchObject({ appendonly: true, appendfsync: 'everysec', rdbSaves: false });
    expect(facts.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(facts.usedBytes).toBeGreaterThan(100_000);
    expect(facts.latencyMs.max).toBeGreaterThanOrEqual(facts.latencyMs.p50);
    expect(Math.abs(facts.clockOffsetMs)).toBeLessThan(1000);
    expect(judgeRedis(facts).filter(({ level }) => level === 'problem')).toEqual([]);
  });

  it('measures the clock by the time of the fastest trip', async () => {
    const { clockOffsetMs } = await inspectRedis(server.redis, clocks[0], () => Date.now() - 60_000);
    expect(clockOffsetMs).toBeGreaterThan(59_000);
    expect(clockOffsetMs).toBeLessThan(61_000);
  });

  it('sees replicas, whether it may write without them, and who is no master', async () => {
    const replica = await testRedis();
    try {
      const port = Number(new URL(await server.listen()).port);
      await server.redis.config('SET', 'repl-diskless-sync-delay', '0');
      await replica.redis.replicaof('127.0.0.1', port);
      while (!(await replica.redis.info('replication')).includes('master_link_status:up')) await sleep(10);
      expect(await inspectRedis(server.redis, ...clocks)).toMatchObject({ replicas: 1, minReplicas: false });
      await server.redis.config('SET', 'min-replicas-to-write', '1');
      expect(await inspectRedis(server.redis, ...clocks)).toMatchObject({ replicas: 1, minReplicas: true });
      expect(await inspectRedis(replica.redis, ...clocks)).toMatchObject({ role: 'replica' });
    } finally {
      await server.redis.config('SET', 'min-replicas-to-write', '0');
      await replica.close();
    }
  });

  it('sees the Sentinels of a master, and tells one from a server that keeps data', async () => {
    const port = Number(new URL(await server.listen()).port);
    const sentinel = await sentinelOf(port);
    try {
      let facts = await inspectRedis(server.redis, ...clocks);
      for (; facts.sentinels === 0; facts = await inspectRedis(server.redis, ...clocks)) await sleep(50);
      expect(facts.sentinels).toBe(1);
      const redis = await connectRedis({ url: sentinel.url });
      const found = judgeRedis(await inspectRedis(redis, ...clocks));
      redis.disconnect();
      expect(found.map(({ level, area }) => `${level}: ${area}`)).toEqual(['ok: redis version', 'problem: redis role']);
    } finally {
      await sentinel.close();
    }
  });

  it('does without CONFIG', async () => {
    await server.redis.call('ACL', 'SETUSER', 'managed', 'on', '>word', '~*', '&*', '+@all', '-config');
    const managed = await server.connect();
    await managed.auth('managed', 'word');
    const facts = await inspectRedis(managed, ...clocks);
    expect(facts).toMatchObject({ policy: 'noeviction', appendonly: true, appendfsync: 'unknown' });
  });
});
