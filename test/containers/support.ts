import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Service {
  image?: string;
  build?: { context: string };
  command?: string[];
  environment?: Record<string, string | null>;
  volumes?: (string | { source: string; target: string; read_only?: boolean })[];
  depends_on?: Record<string, { condition: string }>;
  profiles?: string[];
  healthcheck?: { test: string[] };
  network_mode?: string;
  restart?: string;
  stop_grace_period?: string;
  init?: boolean;
  read_only?: boolean;
  security_opt?: string[];
  user?: string;
}

interface Way {
  command: string;
  args: string[];
  env: Record<string, string>;
}
const { findCompose } = (await import(new URL('../../scripts/setup-compose.mjs', import.meta.url).href)) as {
  findCompose(folder: string): Way | null;
};

/** How to run Docker Compose here; null: it is not there. */
export const compose = findCompose(root);

/**
 * The services of docker-compose.yml as Docker Compose itself reads them, with nothing set but `env`.
 * @throws with what Docker Compose says is wrong with the file
 */
export function servicesOf(env: Record<string, string> = {}): Record<string, Service> {
  if (compose === null) throw new Error('no docker-compose: run node scripts/setup-compose.mjs');
  const dir = mkdtempSync(join(tmpdir(), 'befriend-env-'));
  try {
    // An empty file in place of the .env that a developer may have.
    writeFileSync(join(dir, 'env'), '');
    return read(compose, join(dir, 'env'), env);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function read(way: Way, envFile: string, env: Record<string, string>): Record<string, Service> {
  const profiles = ['cli', 'simulator'].flatMap((name) => ['--profile', name]);
  const ask = (...format: string[]) =>
    spawnSync(way.command, [...way.args, '--env-file', envFile, ...profiles, 'config', ...format], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, ...way.env, ...env },
    });
  // Only Docker Compose 2 prints JSON; docker-compose 1 comes with Python's reader of YAML.
  const json = way.command === '/usr/bin/python3' ? '' : ask('--format', 'json').stdout;
  if (json.startsWith('{')) return (JSON.parse(json) as { services: Record<string, Service> }).services;
  const yaml = ask();
  if (yaml.status !== 0) throw new Error(`docker-compose config: ${yaml.stderr}`);
  const convert = 'import sys, json, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)';
  const { stdout } = spawnSync('/usr/bin/python3', ['-c', convert], {
    input: yaml.stdout,
    encoding: 'utf8',
    env: { ...process.env, ...way.env },
  });
  return (JSON.parse(stdout) as { services: Record<string, Service> }).services;
}

/** `home:/var/lib/befriend` → the volume or folder that a service has at a path. */
export function mountAt({ volumes = [] }: Service, path: string): string | undefined {
  return volumes
    .map((volume) => (typeof volume === 'string' ? volume.split(':') : [volume.source, volume.target]))
    .find(([, target]) => target === path)?.[0];
}

/** `20s` → 20. */
export function secondsOf(duration: string): number {
  const [, minutes = '0', seconds = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration) ?? [];
  return Number(minutes) * 60 + Number(seconds);
}
