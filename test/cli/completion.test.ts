/** The scripts of `befriend completion`, each in the shell it is for. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bashScript } from '../../src/cli/completion/bash.ts';
import { fishScript } from '../../src/cli/completion/fish.ts';
import { treeOf } from '../../src/cli/completion/tree.ts';
import { zshScript } from '../../src/cli/completion/zsh.ts';

const BEFRIEND = fileURLToPath(new URL('../../dist/src/cli/befriend.js', import.meta.url));
const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'befriend-completion-'));
  writeFileSync(join(dir, 'friends.csv'), 'from,to\n');
  mkdirSync(join(dir, 'my lists'));
  ['older-job', 'newer-job'].forEach((id, n) => {
    const folder = join(dir, '.befriend/jobs', id);
    mkdirSync(folder, { recursive: true });
    utimesSync(folder, 1_700_000_000 + n, 1_700_000_000 + n);
  });
  mkdirSync(join(dir, 'other home/jobs/job-elsewhere'), { recursive: true });
  for (const shell of SHELLS) writeFileSync(join(dir, `script.${shell}`), befriend('completion', shell));
  writeFileSync(join(dir, '.zshrc'), ZSHRC);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function befriend(...args: string[]): string {
  return execFileSync(process.execPath, [BEFRIEND, ...args], { encoding: 'utf8', stdio: 'pipe' });
}

function run(shell: string, code: string, args: string[], env: NodeJS.ProcessEnv = {}): string[] {
  const { status, stdout, stderr } = spawnSync(shell, ['-c', code, ...args], {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: dir, TERM: 'dumb', ...env },
    timeout: 30_000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

/** As bash calls a completion: the words up to the cursor, `=` as a word of its own, then the function. */
const BASH = `
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_befriend 2>&1
printf '%s\\n' "\${COMPREPLY[@]}"`;

const inBash = (script: string, words: string[], env?: NodeJS.ProcessEnv): string[] =>
  run('bash', BASH, ['bash', join(dir, script), 'befriend', ...words], env);

/** What fish offers for the line; a description stands behind a tab. */
const inFish = (script: string, line: string, env?: NodeJS.ProcessEnv): string[] =>
  run('fish', 'source $argv[1]; complete -C $argv[2]', [join(dir, script), `befriend ${line}`], env).map(
    (offered) => offered.split('\t')[0] as string,
  );

/**
 * A zsh on a terminal of its own. As soon as its line editor is up it completes the line, prints whatever the completion
 * hands to compadd, and ends; nothing is typed.
 */
const ZSHRC = `
PS1=
autoload -Uz compinit && compinit -u -D
source $SCRIPT
compadd() {
  local -a __hits __none
  builtin compadd -A __hits -D __none "$@" 2>/dev/null || builtin compadd -A __hits "$@"
  print -lr -- "" "HIT:"$^__hits
  builtin compadd "$@"
}
zle-line-init() {
  BUFFER=$LINE_TO_COMPLETE CURSOR=$#LINE_TO_COMPLETE
  zle complete-word
  print -lr -- "" END
  exit
}
zle -N zle-line-init`;
const ZSH = `
zmodload zsh/zpty
zpty shell zsh -i
zpty -r -m shell seen '*END*' || exit 1
print -r -- "$seen" | tr -d '\\r' | grep -a '^HIT:' | sed 's/^HIT://; s/[[:space:]]*$//'`;

const inZsh = (script: string, line: string, env?: NodeJS.ProcessEnv): string[] => {
  const settings = { ...env, ZDOTDIR: dir, SCRIPT: join(dir, script), LINE_TO_COMPLETE: `befriend ${line}` };
  return [...new Set(run('zsh', ZSH, [], settings))].filter((hit) => hit !== '');
};

const has = (shell: Shell): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0;
const COMMANDS = ['check', 'import', 'add', 'jobs', 'status', 'results', 'worker', 'simulate', 'completion', 'help'];

describe('bash', () => {
  const words = (...list: string[]) => inBash('script.bash', list);

  test('completes commands', () => {
    expect(words('')).toEqual(expect.arrayContaining(COMMANDS));
    expect(words('im')).toEqual(['import']);
    expect(words('help', 'im')).toEqual(['import']);
    expect(words('nothing-like-it')).toEqual([]);
  });

  test('completes options, also between and behind other words', () => {
    expect(words('import', '--re')).toEqual(['--rejects']);
    expect(words('import', '--name', 'check', 'friends.csv', '--dr')).toEqual(['--dry-run']);
    expect(words('import', '--ty')).toEqual([]);
    expect(words('check', '--ty')).toEqual(['--type']);
  });

  test('completes the choices of an option and of an argument, with a blank or =', () => {
    expect(words('check', '--type', '')).toEqual(['both', 'single']);
    expect(words('check', '--type', '=')).toEqual(['both', 'single']);
    expect(words('check', '--type', '=', 's')).toEqual(['single']);
    expect(words('completion', 'z')).toEqual(['zsh']);
    expect(words('import', '--name', '')).toEqual([]);
  });

  test('completes files and folders, also with a blank in their names', () => {
    expect(words('import', 'fri')).toEqual(['friends.csv']);
    expect(words('import', 'my')).toEqual(['my lists']);
    expect(words('import', 'friends.csv', '--out', 'fri')).toEqual(['friends.csv']);
    expect(words('import', '--', 'fri')).toEqual(['friends.csv']);
    expect(words('import', 'friends.csv', 'fri')).toEqual(['friends.csv']);
    expect(words('status', 'newer-job', 'old')).toEqual([]);
  });

  test('completes job ids from the home, newest first', () => {
    expect(words('status', '')).toEqual(['newer-job', 'older-job']);
    expect(words('results', '--follow', 'old')).toEqual(['older-job']);
    expect(inBash('script.bash', ['pause', ''], { BEFRIEND_HOME: 'other home' })).toEqual(['job-elsewhere']);
    expect(inBash('script.bash', ['pause', ''], { BEFRIEND_HOME: 'no home' })).toEqual([]);
  });
});

describe.skipIf(!has('fish'))('fish', () => {
  const line = (text: string, env?: NodeJS.ProcessEnv) => inFish('script.fish', text, env);

  test('completes commands, options, choices, files and job ids', () => {
    expect(line('')).toEqual(expect.arrayContaining(COMMANDS));
    expect(line('im')).toEqual(['import']);
    expect(line('check --ty')).toEqual(['--type']);
    expect(line('import --ty')).toEqual([]);
    expect(line('check --type ')).toEqual(['both', 'single']);
    expect(line('check --type=s')).toEqual(['--type=single']);
    expect(line('import fri')).toEqual(['friends.csv']);
    expect(line('import friends.csv --out fri')).toEqual(['friends.csv']);
    expect(line('status ')).toEqual(['newer-job', 'older-job']);
    expect(line('status ', { BEFRIEND_HOME: 'other home' })).toEqual(['job-elsewhere']);
    expect(line('completion z')).toEqual(['zsh']);
  });
});

describe.skipIf(!has('zsh'))('zsh', () => {
  const line = (text: string, env?: NodeJS.ProcessEnv) => inZsh('script.zsh', text, env);

  test('completes commands, options, choices, files and job ids', () => {
    expect(line('')).toEqual(expect.arrayContaining(COMMANDS));
    expect(line('check --ty')).toEqual(['--type']);
    expect(line('check --type ')).toEqual(['both', 'single']);
    expect(line('import fri')).toEqual(['friends.csv']);
    expect(line('status ')).toEqual(['newer-job', 'older-job']);
    expect(line('status ', { BEFRIEND_HOME: 'other home' })).toEqual(['job-elsewhere']);
    expect(line('completion z')).toEqual(['zsh']);
  });
});

describe('a command below a command, with odd words in its descriptions', () => {
  const root = new Command('befriend');
  const accounts = new Command('accounts').description(`the app's "accounts": [all] \\ of $them`);
  const check = new Command('check-all').description("don't `touch` anything").argument('<file>', 'whose');
  check.addOption(new Option('-m, --mode <mode>', "it's [this]: or that").choices(['any', 'known']));
  check.option('--no-verify', 'believe it');
  check.addOption(new Option('--secret', 'hidden').hideHelp());
  root.addCommand(accounts.addCommand(check));
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
  beforeAll(() => {
    for (const shell of SHELLS) writeFileSync(join(dir, `odd.${shell}`), scripts[shell](treeOf(root)));
  });

  test('in bash', () => {
    const words = (...list: string[]) => inBash('odd.bash', list);
    expect(words('acc')).toEqual(['accounts']);
    expect(words('accounts', 'c')).toEqual(['check-all']);
    expect(words('accounts', 'check-all', '-m', 'k')).toEqual(['known']);
    expect(words('accounts', 'check-all', '-m', 'any', 'fri')).toEqual(['friends.csv']);
    expect(words('accounts', 'check-all', '--')).toEqual(['--mode', '--no-verify', '--help']);
  });

  test.skipIf(!has('fish'))('in fish', () => {
    const line = (text: string) => inFish('odd.fish', text);
    expect(line('accounts c')).toEqual(['check-all']);
    expect(line('accounts check-all -m ')).toEqual(['any', 'known']);
    expect(line('accounts check-all --').toSorted()).toEqual(['--help', '--mode', '--no-verify']);
    expect(line('accounts check-all fri')).toEqual(['friends.csv']);
  });

  test.skipIf(!has('zsh'))('in zsh', () => {
    const line = (text: string) => inZsh('odd.zsh', text);
    expect(line('accounts c')).toEqual(['check-all']);
    expect(line('accounts check-all -m ')).toEqual(['any', 'known']);
    expect(line('accounts check-all --').toSorted()).toEqual(['--help', '--mode', '--no-verify']);
    expect(line('accounts check-all fri')).toEqual(['friends.csv']);
  });
});

test('another shell, or none, is a usage error that names the three', () => {
  for (const args of [['tcsh'], []]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [BEFRIEND, 'completion', ...args], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(args.length > 0 ? /bash, zsh, fish/ : /shell/);
  }
});
