/**
 * Dirty files on the real command: the exit code, one paragraph of text for what is refused, every kind of reject with
 * its lines, and warnings on stderr. The same table as at intake's own level.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wordsOf } from '../../src/cli/command-words.ts';
import type { Accepts, DirtyCase } from '../intake/dirty/case.ts';
import { ACCEPTED, REFUSED } from '../intake/dirty/corpus.ts';
import { COMPRESSED_LIMIT, type Finished, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

const BEFRIEND = fileURLToPath(new URL('../../dist/src/cli/befriend.js', import.meta.url));

let simulator: TestSimulator;
let place: Workplace;

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  place = workplace(simulator);
});
afterAll(async () => {
  await simulator.close();
  rmSync(place.dir, { recursive: true, force: true });
});

const named = <Case extends { name: string }>(cases: Case[]) => cases.map((dirty) => [dirty.name, dirty] as const);

/** A dry run needs neither Redis nor service, so each of them ends by itself. */
const dryRun = (...args: string[]) => place.run('import', '--dry-run', ...args);

describe('the corpus', () => {
  const runs = new Map<DirtyCase, Promise<Finished>>();

  /** In two lanes: as many as the smallest machine has cores. */
  beforeAll(() => {
    const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
    for (const [n, dirty] of [...ACCEPTED, ...REFUSED].entries()) {
      const run = (lanes[n % 2] as Promise<unknown>).then(() => runCase(dirty));
      lanes[n % 2] = run;
      runs.set(dirty, run);
    }
  });

  async function runCase({ file, bytes, looseIds, operation = 'import' }: DirtyCase): Promise<Finished> {
    writeFileSync(join(place.dir, file), bytes());
    return place.run(...wordsOf(operation), '--dry-run', file, ...(looseIds ? ['--loose-ids'] : []));
  }

  it.each(named(ACCEPTED))('plans %s', async (_, dirty) => {
    expectPlan((await runs.get(dirty)) as Finished, dirty.file, dirty.expect);
  });

  it.each(named(REFUSED))('refuses %s', async (_, dirty) => {
    expectRefusal((await runs.get(dirty)) as Finished, dirty.expect.message);
  });
});

/** Exit 2, one paragraph, no stack, nothing on stdout. */
function expectRefusal({ code, stdout, stderr }: Finished, message: RegExp): void {
  const said = stderr.split('\n').filter((line) => line.startsWith('befriend: '));
  expect({ code, stdout, said }).toEqual({ code: 2, stdout: '', said: [expect.stringMatching(message)] });
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr.endsWith(`${said[0]}\n`)).toBe(true);
}

function expectPlan(
  { code, stdout, stderr }: Finished,
  file: string,
  { totals, rejects, warnings = [] }: Accepts,
): void {
  expect(code).toBe(totals.invalid > 0 ? 1 : 0);
  for (const [name, rows] of Object.entries(totals)) {
    expect(stdout).toMatch(new RegExp(`^ {2}${name} +${rows.toLocaleString('en-US')}$`, 'm'));
  }
  expect(kindsIn(stdout)).toEqual(kindsOf(rejects));
  const warned = stderr.split('\n').filter((line) => line.startsWith('warning: '));
  expect(warned.map((line) => line.slice('warning: '.length))).toEqual(
    warnings.map((pattern) => expect.stringMatching(pattern) as unknown),
  );
  expect(stderr).not.toMatch(/^\s+at /m);
  const written = join(place.dir, `${file}.rejects.jsonl`);
  expect(existsSync(written)).toBe(rejects.length > 0);
  expect(stdout.includes(`  rejects    ${file}.rejects.jsonl\n`)).toBe(rejects.length > 0);
  if (rejects.length === 0) return;
  const lines = readFileSync(written, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject(
    rejects.map(([line, reason]) => ({ line, reason })),
  );
}

type Kinds = Record<string, { count: number; lines: number[] }>;

function kindsOf(rejects: Accepts['rejects']): Kinds {
  const kinds: Kinds = {};
  for (const [line, reason] of rejects) {
    const kind = reason
      .replace(/line \d+$/, 'an earlier line')
      .replace(/\d+ instead of/, 'other than')
      .replace(/^custom\.\w+/, 'custom.<Tag>');
    const { count, lines } = kinds[kind] ?? { count: 0, lines: [] };
    kinds[kind] = { count: count + 1, lines: [...lines, line].slice(0, 3) };
  }
  return kinds;
}

/** Reads `    2 × reason` and the lines below it back from the text. */
function kindsIn(stdout: string): Kinds {
  const kinds: Kinds = {};
  let kind = '';
  for (const line of stdout.split('\n')) {
    const heading = /^ {4}([\d,]+) × (.+)$/.exec(line);
    const example = /^ {6}line ([\d,]+) +(.*)$/.exec(line);
    if (heading) {
      kind = heading[2] as string;
      kinds[kind] = { count: number(heading[1]), lines: [] };
    }
    if (!example) continue;
    kinds[kind]?.lines.push(number(example[1]));
    // Forty characters and an ellipsis, none of which a terminal would act on.
    expect([...(example[2] as string)].length).toBeLessThanOrEqual(41);
    expect(example[2]).not.toMatch(/[\p{C}]/u);
  }
  return kinds;
}

const number = (text = '') => Number(text.replaceAll(',', ''));

describe('paths', () => {
  it.each([
    ['a file that is not there', 'none.csv', /^befriend: none\.csv: no such file\. Check the path$/],
    ['a folder that is not there', 'no/such/folder.csv', /no\/such\/folder\.csv: no such file\. Check the path$/],
    ['a directory', 'folder', /^befriend: folder is a directory\. Name a file in it$/],
    ['a file used as a folder', 'plain.csv/x', /plain\.csv\/x/],
  ])('%s', async (_, path, message) => {
    mkdirSync(join(place.dir, 'folder'), { recursive: true });
    writeFileSync(join(place.dir, 'plain.csv'), 'from,to\na,b\n');
    expectRefusal(await dryRun(path), message);
  });
});

/** `befriend import - --dry-run` behind another command. */
async function piped(producer: string, ...args: string[]): Promise<Finished> {
  const command = [BEFRIEND, 'import', '-', '--dry-run', ...args];
  const child: ChildProcess = spawn('sh', ['-c', `${producer} | "$@"`, 'sh', process.execPath, ...command], {
    cwd: place.dir,
    env: place.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data) => (stdout += String(data)));
  child.stderr?.on('data', (data) => (stderr += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

describe('stdin', () => {
  it('says so when nothing came: false | befriend import -', async () => {
    const { code, stdout, stderr } = await piped('false');
    expect({ code, rows: /^ {2}rows +0$/m.test(stdout) }).toEqual({ code: 0, rows: true });
    expect(stderr).toContain('warning: 0 rows: nothing came from stdin. If a command was to write it, see whether');
  });

  it('takes what came of a producer that died, and shows the row that was cut', async () => {
    const { code, stdout } = await piped(`sh -c 'printf "from,to\\na,b\\nc,d\\ne"; kill -9 $$'`);
    expect({ code, kinds: kindsIn(stdout) }).toEqual({
      code: 1,
      kinds: { 'columns: other than 2': { count: 1, lines: [4] } },
    });
  });

  it('refuses packed data that was cut short', async () => {
    expectRefusal(
      await piped(`printf 'from,to\\na,b\\n' | gzip | head -c 25`),
      /^befriend: stdin: the gzip data is damaged or cut short/,
    );
  });

  it('names its rejects file after stdin', async () => {
    const { code, stdout } = await piped(`printf 'from,to\\na,a\\n'`);
    expect({ code, says: stdout.includes('  rejects    stdin.rejects.jsonl\n') }).toEqual({ code: 1, says: true });
  });
});

describe('--rejects -', () => {
  const bad = 'from,to\na,b\na,a\nx\na,b\n';
  const wanted = [
    { line: 3, reason: 'to: same as from', row: 'a,a' },
    { line: 4, reason: 'columns: 1 instead of 2', row: 'x' },
    { line: 5, reason: 'duplicate of line 2', row: 'a,b' },
  ];
  const parsed = (stdout: string) =>
    stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);

  it('prints rejects on stdout and the summary on stderr, and makes no file of that name', async () => {
    writeFileSync(join(place.dir, 'bad.csv'), bad);
    const { code, stdout, stderr } = await dryRun('bad.csv', '--rejects', '-');
    expect({ code, rejects: parsed(stdout) }).toEqual({ code: 1, rejects: wanted });
    expect(stderr).toContain('import: dry run, nothing was sent');
    expect(stderr).toContain('  rejects    on stdout\n');
    expect(existsSync(join(place.dir, '-'))).toBe(false);
    expect(existsSync(join(place.dir, 'bad.csv.rejects.jsonl'))).toBe(false);
  });

  it('prints nothing where there are none', async () => {
    writeFileSync(join(place.dir, 'good.csv'), 'from,to\na,b\n');
    const { code, stdout } = await dryRun('good.csv', '--rejects', '-');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });

  it.each([[['--json']], [['--out', '-']], [['--detach']]])('is refused beside %j', async (args) => {
    writeFileSync(join(place.dir, 'bad.csv'), bad);
    // Never asked: --detach would be refused without it.
    place.env.REDIS_URL = 'redis://127.0.0.1:1';
    expectRefusal(
      await place.run('import', 'bad.csv', '--rejects', '-', ...args),
      /^befriend: (?=.*--rejects - )(?:--\S+(?: -)?) and --\S+(?: -)? both want stdout: choose one\.$/,
    );
    delete place.env.REDIS_URL;
  });

  it('does the same in a run that sends', async () => {
    writeFileSync(join(place.dir, 'bad.csv'), bad);
    const { code, stdout, stderr } = await place.run('import', 'bad.csv', '--rejects', '-');
    expect({ code, rejects: parsed(stdout) }).toEqual({ code: 1, rejects: wanted });
    expect(stderr).toMatch(/^import: completed$/m);
    expect(existsSync(join(place.dir, '-'))).toBe(false);
  });
});

describe('a run that sends', () => {
  it('gives the same warnings, and the service answers as they say', async () => {
    const rows = ['from,to,group', ...Array.from({ length: 3002 }, (_, n) => `hub,f${n},`)];
    writeFileSync(join(place.dir, 'hub.csv'), rows.join('\n'));
    const { code, stderr } = await place.run('import', 'hub.csv', '--out', 'hub.out.jsonl');
    expect(stderr).toMatch(/^warning: 1 account has more than 3,000 friends in this input \("hub" 3,002\)/m);
    const refused = outcomesIn(join(place.dir, 'hub.out.jsonl')).filter(({ status }) => status === 'failed');
    expect({ code, codes: refused.map((outcome) => outcome.code) }).toEqual({ code: 1, codes: [30010, 30010] });
  });

  it('of no rows completes, and says loudly that there were none', async () => {
    writeFileSync(join(place.dir, 'nothing.csv'), 'from,to\n');
    const { code, stdout, stderr } = await place.run('import', 'nothing.csv');
    expect({ code, completed: stdout.includes(': completed') }).toEqual({ code: 0, completed: true });
    expect(stderr).toMatch(/^warning: 0 rows: .*nothing\.csv holds at most a header and empty lines$/m);
  });
});

it('takes a line of 100 MB in flat memory', async () => {
  const path = join(place.dir, 'line.csv');
  const file = createWriteStream(path);
  file.write('from,to\na,b\nc,');
  for (let n = 0; n < 100; n++) file.write(Buffer.alloc(1e6, 'x'));
  file.end('\nd,e\n');
  await finished(file);
  writeFileSync(join(place.dir, 'short.csv'), 'from,to\na,b\nc,c\nd,e\n');
  const long = await peakOf('line.csv');
  const short = await peakOf('short.csv');
  expect(long.stdout).toContain(`1 × row: longer than 1 MiB\n      line 3  c,${'x'.repeat(38)}…\n`);
  expect(long.mib - short.mib).toBeLessThan(64);
});

/** Runs a dry run and says how much memory the process had at most. */
async function peakOf(file: string): Promise<Finished & { mib: number }> {
  const hook = `process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS + '\\n'))`;
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, BEFRIEND, 'import', file, '--dry-run'],
    { cwd: place.dir, env: place.env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  child.stderr.on('data', (data) => (stderr += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  const mib = Number(/^peak (\d+)$/m.exec(stderr)?.[1]) / 1024;
  expect(mib).toBeGreaterThan(0);
  return { code, stdout, stderr, mib };
}

it('several files and patterns are one job; rejects say in which file', async () => {
  mkdirSync(join(place.dir, 'parts'));
  writeFileSync(join(place.dir, 'parts/a.csv'), 'from,to\na,b\n');
  writeFileSync(join(place.dir, 'parts/b.csv'), 'to,from\nb,a\nc,\nc,b\n');
  const { code, stdout } = await dryRun('parts/b.csv', 'parts/*.csv');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^ {2}accepted +2$/m);
  expect(stdout).toMatch(/parts\/b\.csv line 2/);
  expect(stdout).toContain('  rejects    parts/a.csv+1.rejects.jsonl\n');
  expect(readFileSync(join(place.dir, 'parts/a.csv+1.rejects.jsonl'), 'utf8')).toBe(
    '{"file":"parts/b.csv","line":2,"reason":"duplicate of line 2 of parts/a.csv","row":"a,b"}\n' +
      '{"file":"parts/b.csv","line":3,"reason":"from: empty","row":"c,"}\n',
  );
});

it.each([
  ['a pattern that means nothing', ['none/*.csv'], /^befriend: none\/\*\.csv: no file has such a name\./m],
  ['stdin beside a file', ['-', 'a.csv'], /^befriend: - is stdin, and is read alone/m],
])('%s is refused', async (_, files, message) => {
  const { code, stderr } = await dryRun(...files);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
