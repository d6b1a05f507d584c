/**
 * docker-compose.yml, read by Docker Compose itself; then its services run outside of containers, with the commands and
 * settings that they would get in them, on a real Redis and a simulator.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/results/report.ts';
import { SETTING_NAMES, SETTINGS, type Setting } from '../../src/settings.ts';
import { COMPRESSED, COMPRESSED_LIMIT, outcomesIn } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitsHeld, expectOneOutcomeEach, expectTotals, expectTrue } from '../support/truth.ts';
import { compose, mountAt, root, secondsOf, type Service, servicesOf } from './support.ts';

const HOME = '/var/lib/befriend';
const BEFRIEND = join(root, 'dist/src/cli/befriend.js');
const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');

// CI has one always (.ci/run): there a missing one must fail.
describe.skipIf(compose === null && !process.env.CI)('docker-compose.yml', () => {
  let services: Record<string, Service>;
  const service = (name: string): Service => services[name] as Service;
  const ours = () => Object.entries(services).filter(([name]) => name !== 'redis');
  beforeAll(() => {
    services = servicesOf();
  });

  test('has the roles apart, a Redis that loses nothing, commands and the rehearsal', () => {
    expect(Object.keys(services).toSorted()).toEqual(
      ['befriend', 'caller', 'feeder', 'recorder', 'redis', 'rehearsal', 'rehearse', 'simulator'].toSorted(),
    );
    const plain = Object.keys(services).filter((name) => (service(name).profiles ?? []).length === 0);
    expect(plain.toSorted()).toEqual(['caller', 'feeder', 'recorder', 'redis']);
    const redis = [service('redis').command].flat().join(' ');
    expect(redis).toMatch(/--appendonly yes .*--appendfsync everysec/);
    expect(redis).toMatch(/--maxmemory-policy noeviction/);
    expect(mountAt(service('redis'), '/data')).toBe('redis');
  });

  test('waits for a healthy Redis, restarts workers, and gives them longer than their grace to end', () => {
    for (const [name, { depends_on, healthcheck, stop_grace_period, restart, profiles = [] }] of ours()) {
      const waits = name === 'simulator' ? undefined : 'service_healthy';
      expect([name, depends_on?.redis?.condition]).toEqual([name, waits]);
      expect(secondsOf(stop_grace_period ?? '')).toBeGreaterThan(10);
      const isCommand = profiles.includes('cli') || name === 'rehearse';
      expect([name, restart]).toEqual([name, isCommand ? undefined : 'unless-stopped']);
      expect([name, healthcheck !== undefined]).toEqual([name, name === 'simulator']);
    }
    expect(service('redis').healthcheck).toBeDefined();
  });

  test('keeps every process of befriend from what it does not need', () => {
    for (const [name, { init, read_only, security_opt, user, image }] of ours()) {
      expect([name, { init, read_only, security_opt, user, image }]).toEqual([
        name,
        {
          init: true,
          read_only: true,
          security_opt: ['no-new-privileges:true'],
          user: '1000:1000',
          image: 'befriend',
        },
      ]);
    }
  });

  test('shares one home between those who read spools and write results, and none with callers', () => {
    for (const name of ['feeder', 'recorder', 'befriend']) expect(mountAt(service(name), HOME)).toBe('home');
    expect(mountAt(service('caller'), HOME)).toBeUndefined();
    for (const name of ['rehearsal', 'rehearse']) expect(mountAt(service(name), HOME)).toBe('rehearsal');
    for (const [, { environment }] of ours().filter(([name]) => name !== 'simulator')) {
      expect(environment).toMatchObject({ BEFRIEND_HOME: HOME, REDIS_URL: 'redis://redis:6379' });
    }
  });

  test('hands every setting on, and knows no other', () => {
    const handed = Object.keys(service('befriend').environment ?? {});
    expect(handed.toSorted()).toEqual(SETTING_NAMES.filter((name) => name !== 'BEFRIEND_REDIS_SERVER').toSorted());
    expect(Object.keys(service('caller').environment ?? {}).toSorted()).toEqual(handed.toSorted());
    for (const [, { environment }] of ours()) {
      expect(Object.keys(environment ?? {}).filter((name) => !handed.includes(name))).toEqual([]);
    }
  });

  test('holds no secret, and gives feeder and recorder none', () => {
    const secrets = SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting<unknown>).secret).filter(
      (name) => name !== 'REDIS_URL',
    );
    expect(secrets).toContain('CHAT_SECRET_KEY');
    for (const name of secrets) {
      expect(service('caller').environment).toHaveProperty(name, null);
      expect(service('feeder').environment).not.toHaveProperty(name);
      expect(service('recorder').environment).not.toHaveProperty(name);
    }
  });

  test('the rehearsal is not led to the real service by settings of production', () => {
    const real = { CHAT_REGION: 'singapore', CHAT_SECRET_KEY: 'real', CHAT_USERSIG: 'real', CHAT_SDKAPPID: '1' };
    const inProduction = servicesOf(real);
    for (const name of ['rehearsal', 'rehearse']) {
      const { environment, network_mode } = inProduction[name] as Service;
      expect(environment).not.toHaveProperty('CHAT_REGION');
      expect(environment).toEqual(service(name).environment);
      expect(network_mode).toBe('service:simulator');
    }
  });

  test('names at its head only services that it has', () => {
    const head = text.slice(0, text.indexOf('\nx-'));
    const named = [...head.matchAll(/docker compose (?:up -d(?: --build)?|run --rm) (?:--scale )?(\w+)/g)];
    expect(named.length).toBeGreaterThanOrEqual(5);
    for (const [, name] of named) expect(Object.keys(services)).toContain(name);
  });
});

describe.skipIf(compose === null && !process.env.CI)('the services at work', () => {
  let services: Record<string, Service>;
  let redis: TestRedis;
  let simulator: TestSimulator;
  let dir: string;
  let redisUrl: string;
  const children = new Set<ChildProcess>();

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'befriend-compose-'));
    [redis, simulator] = await Promise.all([testRedis(), testSimulator({ ...COMPRESSED_LIMIT, faults: 'mild' })]);
    redisUrl = await redis.listen();
    // As .env of production would: the simulator stands for the service.
    services = servicesOf({
      ...COMPRESSED,
      CHAT_SDKAPPID: String(simulator.sdkappid),
      CHAT_SECRET_KEY: simulator.key,
      CHAT_BASE_URL: simulator.baseUrl,
      LOG_LEVEL: 'info',
    });
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all([redis.close(), simulator.close()]);
    rmSync(dir, { recursive: true, force: true });
  });

  /** A service's command with its settings; names that only containers know are put right. */
  function start(name: string, { args, baseUrl }: { args?: string[]; baseUrl?: string } = {}) {
    const { command = [], environment = {} } = services[name] as Service;
    const home = join(dir, mountAt(services[name] as Service, HOME) ?? `tmpfs-${name}`);
    const env: Record<string, string> = { PATH: process.env.PATH ?? '' };
    for (const [key, value] of Object.entries(environment)) if (value !== null) env[key] = value;
    for (const [key, value] of Object.entries({ REDIS_URL: redisUrl, BEFRIEND_HOME: home })) {
      if (env[key] !== undefined) env[key] = value;
    }
    if (baseUrl !== undefined) env.CHAT_BASE_URL = baseUrl;
    mkdirSync(join(dir, 'data'), { recursive: true });
    const child = spawn(process.execPath, [BEFRIEND, ...(args ?? command)], {
      cwd: join(dir, 'data'),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    const said = { out: '', err: '' };
    const closed = once(child, 'close').then(([code]) => {
      children.delete(child);
      return code as number | null;
    });
    child.stdout.on('data', (data) => (said.out += String(data)));
    /** Resolves when the log has the text; rejects when the process ends without it. */
    const logs = (wanted: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = () => said.err.includes(wanted) && resolve();
        child.stderr.on('data', look);
        look();
        void closed.then((code) => reject(new Error(`${name} ended with ${code}: ${said.err}`)));
      });
    child.stderr.on('data', (data) => (said.err += String(data)));
    return { child, said, closed, logs };
  }

  async function run(name: string, args: string[], options = {}) {
    const { said, closed } = start(name, { args, ...options });
    return { code: await closed, out: said.out, err: said.err };
  }

  function csv(name: string, rows: readonly (readonly [string, string])[]): string {
    mkdirSync(join(dir, 'data'), { recursive: true });
    const path = join(dir, 'data', name);
    writeFileSync(path, `from,to\n${rows.map((row) => row.join(',')).join('\n')}\n`);
    return path;
  }

  const rowsOf = (froms: number, each: number) =>
    Array.from({ length: froms * each }, (_, n) => [`a${n % froms}`, `b${Math.floor(n / froms)}`] as const);

  test('a job that is submitted with --detach ends with one true outcome a row; every worker ends at SIGTERM', async () => {
    const workers = [['feeder'], ['caller'], ['caller'], ['recorder']].map(([name]) => ({
      name: name as string,
      ...start(name as string),
    }));
    await Promise.all(workers.map(({ logs }) => logs('worker started')));

    const rows = rowsOf(400, 5);
    const file = csv('friends.csv', rows);
    const submitted = await run('befriend', ['import', file, '--detach']);
    expect({ code: submitted.code, out: submitted.out }).toEqual({ code: 0, out: expect.stringMatching(/^\S+\n$/) });
    const job = submitted.out.trim();

    // One of the callers is stopped in the middle: the other goes on.
    const stop = async ({ name, child, closed, said }: (typeof workers)[number]) => {
      const begun = performance.now();
      child.kill('SIGTERM');
      expect([name, await closed]).toEqual([name, 0]);
      const seconds = (performance.now() - begun) / 1000;
      expect(seconds).toBeLessThan(secondsOf((services[name] as Service).stop_grace_period as string));
      expect(said.err).toContain('worker stopping');
      expect(said.out).toBe('');
    };
    await stop(workers[1] as (typeof workers)[number]);

    const watched = await run('befriend', ['status', job, '--watch', '--json']);
    const report = JSON.parse(watched.out) as Report;
    expect(report.state).toBe('completed');
    expect(watched.code).toBe(report.totals.failed + report.totals.unknown > 0 ? 1 : 0);
    const outcomes = outcomesIn(join(dir, 'home/jobs', job, 'results.jsonl'));
    expectOneOutcomeEach(rows, outcomes);
    expectTotals(report, outcomes);
    await expectTrue(simulator, outcomes);
    await expectLimitsHeld(simulator, COMPRESSED_LIMIT);
    // A caller needs nothing of the home.
    expect(existsSync(join(dir, 'tmpfs-caller/jobs', job))).toBe(false);
    const printed = await run('befriend', ['results', job]);
    expect(printed.out.split('\n')).toHaveLength(rows.length + 1);

    for (const [n, worker] of workers.entries()) if (n !== 1) await stop(worker);
    const logged = workers.flatMap(({ said }) => said.err.split('\n').filter((line) => line !== ''));
    for (const line of logged) expect(line.match(/"pid":/g)).toHaveLength(1);
    expect(logged.join('\n')).not.toContain(simulator.key);
  });

  test('a service without its settings says which, and ends with 2', async () => {
    services = { ...services, lacking: { ...servicesOf().caller } };
    const { code, err } = await run('lacking', ['worker', '--roles', 'call']);
    expect(code).toBe(2);
    for (const name of ['CHAT_SDKAPPID', 'CHAT_SECRET_KEY', 'CHAT_REGION']) expect(err).toContain(name);
  });

  test('the rehearsal runs: simulator, health check, a worker of all roles, a command', async () => {
    const { command = [], healthcheck } = services.simulator as Service;
    // Any free port here; in its own container it has the usual one, which the settings of the rehearsal name.
    const simulated = start('simulator', { args: [...command, '--port', '0', '--json'] });
    await once(simulated.child.stdout, 'data');
    const { baseUrl, sdkappid, admin, key } = JSON.parse(simulated.said.out) as Record<string, string>;
    const { environment } = services.rehearse as Service;
    expect(environment).toMatchObject({
      CHAT_SDKAPPID: String(sdkappid),
      CHAT_ADMIN: admin,
      CHAT_SECRET_KEY: key,
      CHAT_BASE_URL: 'http://127.0.0.1:7301',
    });
    const help = spawnSync(process.execPath, [BEFRIEND, 'simulate', '--help'], { encoding: 'utf8' }).stdout;
    expect(help).toContain('default: 7301');

    const isHealthy = (): boolean => {
      const [kind, node, ...args] = (healthcheck as { test: string[] }).test;
      expect([kind, node]).toEqual(['CMD', 'node']);
      const there = args.map((arg) => arg.replace('http://127.0.0.1:7301', baseUrl as string));
      return spawnSync(process.execPath, there).status === 0;
    };
    expect(isHealthy()).toBe(true);

    const worker = start('rehearsal', { baseUrl: baseUrl as string });
    await worker.logs('worker started');
    const rows = rowsOf(20, 5);
    const file = csv('rehearsed.csv', rows);
    const { code, out, err } = await run('rehearse', ['import', file, '--json'], { baseUrl });
    expect({ code, err, simulator: simulated.child.exitCode }).toEqual({
      code: expect.toBeOneOf([0, 1]),
      err: expect.any(String),
      simulator: null,
    });
    const report = JSON.parse(out) as Report & { results: string };
    expect(report).toMatchObject({ state: 'completed', totals: { accepted: rows.length, open: 0 } });
    expectOneOutcomeEach(rows, outcomesIn(report.results));

    for (const { child, closed } of [worker, simulated]) {
      child.kill('SIGTERM');
      expect(await closed).toBe(0);
    }
    expect(isHealthy()).toBe(false);
  });
});
