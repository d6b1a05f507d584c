/** What a shell expects of a command: stdin and stdout, pipes that close, --json, colours, and all mistakes at once. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobStatus } from '../../src/domain/job.ts';
import type { Report } from '../../src/results/report.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

const BEFRIEND = fileURLToPath(new URL('../../dist/src/cli/befriend.js', import.meta.url));
const ESCAPE = '\u001b[';

let simulator: TestSimulator;
let place: Workplace;
let job: string;

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  await simulator.setAccounts({ missing: ['nobody'] });
  place = workplace(simulator);
  place.csv('friends.csv', [
    ['ann', 'bob'],
    ['ann', 'nobody'],
    ['ann', 'ann'],
    ['ann', 'bob'],
  ]);
  const { report } = await place.report('import', 'friends.csv');
  job = report.job;
});
afterAll(async () => {
  if (FULL !== null && FULL !== '/dev/full') rmSync(FULL);
  await place.remove();
  await simulator.close();
});

/** A device on which every write finds the disk full; null where there is none and none may be made. */
function fullDevice(): string | null {
  if (statSync('/dev/full', { throwIfNoEntry: false })?.isCharacterDevice()) return '/dev/full';
  const path = join(tmpdir(), `befriend-test-full-${process.pid}`);
  try {
    execFileSync('mknod', [path, 'c', '1', '7'], { stdio: 'ignore' });
    return path;
  } catch {
    return null;
  }
}
const FULL = fullDevice();

/** A line of bash in the workplace, where `befriend` is the built command. */
async function bash(line: string, env: Record<string, string> = {}) {
  const befriend = `befriend() { "${process.execPath}" "${BEFRIEND}" "$@"; }`;
  const child = spawn('bash', ['-c', `set -o pipefail; ${befriend}; ${line}`], {
    cwd: place.dir,
    env: { ...place.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  child.stderr.on('data', (data) => (stderr += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

describe('pipes', () => {
  test('rows from stdin, outcomes to stdout, the report to stderr', async () => {
    const { code, stdout, stderr } = await bash(`printf 'from,to\\nzoe,bob\\n' | befriend import - --out -`);
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ from: 'zoe', to: 'bob', status: 'ok', code: 0 }]);
    expect(stderr).toContain('completed');
  });

  test.each(['jobs', 'results JOB', 'status JOB', '--help'])(
    'befriend %s ends quietly when its reader has enough',
    async (line) => {
      // No reader at all: whatever is written finds the pipe closed.
      const { stderr } = await bash(`befriend ${line.replace('JOB', job)} | true`);
      expect(stderr).toBe('');
    },
  );

  test.skipIf(FULL === null).each(['jobs', 'results JOB', 'jobs --json'])(
    'befriend %s on a full disk says so, without a stack',
    async (line) => {
      const { code, stderr } = await bash(`befriend ${line.replace('JOB', job)} > ${FULL}`);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^befriend: stdout cannot be written: .*no space left on device.*\n$/);
    },
  );

  test('two outputs on stdout are refused, with every other mistake of the call', async () => {
    const { code, stdout, stderr } = await bash(`befriend import friends.csv --json --out - --idempotency-key ''`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--json and --out - both want stdout: choose one.');
    expect(stderr).toContain('--idempotency-key is empty');
  });
});

test('jobs are a table, whatever the length of their ids', async () => {
  const { report } = await place.report('check', 'friends.csv', '--name', 'a check of friends');
  const { code, stdout } = await bash('befriend jobs');
  const lines = stdout.trimEnd().split('\n');
  expect({ code, newest: lines[0], oldest: lines.at(-1) }).toEqual({
    code: 0,
    newest: `${report.job}   completed  2/2 rows, 1 failed  a check of friends`,
    oldest: `${job}  completed  2/2 rows, 1 failed`,
  });
});

test('on a terminal the table keeps within its width: name and origin on lines of their own', async () => {
  const { report } = await place.report('check', 'friends.csv', '--name', 'one of several checks of friends, by hand');
  const { report: again } = await place.report('retry', report.job, '--all', '--name', 'again');
  const { stdout } = await bash(`script -qec '"${process.execPath}" "${BEFRIEND}" jobs' /dev/null`, { TERM: 'xterm' });
  const lines = stdout.replaceAll('\r', '').trimEnd().split('\n');
  expect(lines.slice(0, 5)).toEqual([
    `${again.job}   completed  1/1 rows, 1 failed`,
    '    again',
    `    retry of ${report.job}`,
    `${report.job}   completed  2/2 rows, 1 failed`,
    '    one of several checks of friends, by hand',
  ]);
});

describe('--json', () => {
  const parse = async <T>(line: string): Promise<{ code: number | null; object: T }> => {
    const { code, stdout } = await bash(line);
    expect(stdout.endsWith('\n') && !stdout.trimEnd().includes('\n')).toBe(true);
    return { code, object: JSON.parse(stdout) as T };
  };

  test('jobs, status and steering print one line of JSON and nothing else', async () => {
    const { object: jobs } = await parse<JobStatus[]>('befriend jobs --json');
    expect(jobs.map(({ id }) => id)).toContain(job);
    expect(await parse<Report>(`befriend status ${job} --json`)).toMatchObject({
      code: 0,
      object: { job, state: 'completed', totals: { rows: 4, accepted: 2, invalid: 1, duplicate: 1, ok: 1, failed: 1 } },
    });
    expect(await parse<Report>(`befriend cancel ${job} --json`)).toMatchObject({
      code: 2,
      object: { state: 'completed' },
    });
  });

  test.each(['pause', 'resume', 'cancel'])('%s of a job that is over: one message, exit code 2', async (name) => {
    expect(await bash(`befriend ${name} ${job}`)).toEqual({
      code: 2,
      stdout: '',
      stderr:
        `befriend: Job ${job} is completed: nothing to ${name}. befriend retry ${job} runs rows that did not pass ` +
        'again, as a new job.\n',
    });
  });

  test('the exit code of a followed job is that of its rows', async () => {
    expect(await parse<Report>(`befriend status ${job} --watch --json`)).toMatchObject({ code: 1, object: { job } });
  });
});

describe('colours', () => {
  /** The line in a terminal of its own. */
  const inTerminal = (line: string, env = {}) =>
    bash(`script -qec '"${process.execPath}" "${BEFRIEND}" ${line}' /dev/null`, { TERM: 'xterm', ...env });

  test('are for terminals, and not with NO_COLOR', async () => {
    expect((await inTerminal(`status ${job}`)).stdout).toContain(ESCAPE);
    expect((await inTerminal(`status ${job}`, { NO_COLOR: '1' })).stdout).not.toContain(ESCAPE);
    expect((await bash(`befriend status ${job}`)).stdout).not.toContain(ESCAPE);
  });

  test('a job on a terminal is redrawn in place and leaves its report; in a pipe it writes lines', async () => {
    place.csv(
      'many.csv',
      Array.from({ length: 120 }, (_, n) => [`p${n}`, 'bob'] as const),
    );
    const shown = await inTerminal('import many.csv', { CHAT_CALLS_PER_SECOND: '10' });
    expect(shown.stdout).toContain(`\r${ESCAPE}0J`);
    expect(shown.stdout).toContain('calls/s');
    expect(shown.stdout.replaceAll(/\r/g, '')).toContain('completed');
    const piped = await bash('befriend import many.csv --new', { CHAT_CALLS_PER_SECOND: '8' });
    expect(piped.stderr).toMatch(/^import · .* · \d+ of 40 calls\/s/m);
    expect(piped.stdout + piped.stderr).not.toContain(ESCAPE);
  });
});

describe('mistakes', () => {
  test('all bad options and settings are told together', async () => {
    const line = 'befriend import --priority urgent --jso --frob 3';
    const { code, stdout, stderr } = await bash(line, { CHAT_REGION: 'atlantis', CHAT_CALLS_PER_SECOND: 'many' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toEqual([
      'befriend: import cannot run like this:',
      "  option '--priority <priority>' cannot be 'urgent'. Allowed choices are high, normal, low.",
      "  unknown option '--jso' (Did you mean --json?)",
      "  unknown option '--frob'",
      '  CHAT_REGION: expected one of china, singapore, seoul, tokyo, frankfurt, silicon-valley, jakarta, got "atlantis" (no such region)',
      '  CHAT_CALLS_PER_SECOND: expected a whole number from 1 to 100000, got "many"',
      '  CHAT_REGION and CHAT_BASE_URL: both are set, expected one of them',
      'befriend import --help shows how.',
    ]);
  });

  test('an option without its value is told once', async () => {
    const { code, stderr } = await bash('befriend import friends.csv --priority');
    expect({ code, lines: stderr.trimEnd().split('\n') }).toEqual({
      code: 2,
      lines: [
        'befriend: import cannot run like this:',
        "  option '--priority <priority>' argument missing",
        'befriend import --help shows how.',
      ],
    });
  });

  test('options that contradict each other are told beside bad settings', async () => {
    const line = 'befriend import friends.csv --detach --json --out -';
    const { code, stdout, stderr } = await bash(line, { CHAT_CALLS_PER_SECOND: 'many' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const says of ['--detach returns before there are results', 'both want stdout', 'CHAT_CALLS_PER_SECOND']) {
      expect(stderr).toContain(says);
    }
  });

  test('all bad and missing settings are told together', async () => {
    const env = { CHAT_SDKAPPID: 'abc', CHAT_SECRET_KEY: '', CHAT_REGION: 'singapore', REDIS_URL: 'http://x' };
    const { code, stdout, stderr } = await bash('befriend import friends.csv', env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const says of [
      'CHAT_SDKAPPID: expected a whole number from 1 to 999999999999, got "abc"',
      'CHAT_SECRET_KEY or CHAT_USERSIG: missing',
      'CHAT_REGION and CHAT_BASE_URL: both are set, expected one of them',
      'REDIS_URL: expected redis://',
    ]) {
      expect(stderr).toContain(says);
    }
  });

  test('a setting that is nearly one of ours is warned of; another program’s is not', async () => {
    const env = { CHAT_SECRETKEY: 'x', BEFRIEND_HOEM: '/tmp', BEFRIEND_FAST: '1', CHAT_BOT_NAME: 'x' };
    const { code, stderr } = await bash('befriend jobs', env);
    expect(code).toBe(0);
    expect(stderr.trimEnd().split('\n').toSorted()).toEqual([
      'warning: BEFRIEND_FAST is set, which befriend does not read: see docs/configuration.md',
      'warning: BEFRIEND_HOEM is set, which befriend does not read: do you mean BEFRIEND_HOME?',
      'warning: CHAT_SECRETKEY is set, which befriend does not read: do you mean CHAT_SECRET_KEY?',
    ]);
  });

  test.each([
    ['chekc friends.csv', "unknown command 'chekc' (Did you mean check?)"],
    ['--jsn jobs', "unknown option '--jsn'"],
    ['--frob', "unknown option '--frob'. befriend --help lists all commands."],
    ['-v', "unknown option '-v'. befriend --help lists all commands."],
    ['accounts --frob', "unknown option '--frob'. befriend accounts --help lists its commands."],
    ['accounts remove x', "unknown command 'remove'. befriend accounts --help lists its commands."],
    ['status', "missing required argument 'job'"],
    ['status no-such-job', 'There is no job no-such-job'],
    ['results JOB --status bad,failed', "'--status <list>' cannot be 'bad,failed'. Expected some of ok, satisfied"],
    ['worker --roles feed,dance', '--roles dance: expected some of feed, call, record'],
    ['import missing.csv', 'missing.csv: no such file'],
    ['import friends.csv --detach', '--detach needs REDIS_URL'],
    ['import friends.csv --detach --out x', '--detach returns before there are results'],
  ])('befriend %s: exit code 2 and what to do', async (line, says) => {
    const { code, stdout, stderr } = await bash(`befriend ${line.replace('JOB', job)}`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('befriend alone shows what there is and fails, as a command without a command should', async () => {
    const { code, stdout, stderr } = await bash('befriend');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: befriend');
  });
});

test('nothing of all this left anything but what was asked for', () => {
  expect(readFileSync(join(place.dir, 'friends.csv.rejects.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(2);
});
