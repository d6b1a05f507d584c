// Writes the documents that say what the code says: docs/cli.md, docs/codes.md, docs/configuration.md. From dist/, so
// build first; with a folder as argument it writes there instead (the test compares that with what is committed).
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const load = (path) => import(pathToFileURL(join(root, 'dist/src', path)).href);
const { createProgram } = await load('cli/program.js');
const { CODE_ROWS, faultOfCall, faultOfItem, limitOfCode } = await load('chat/codes.js');
const { DEFAULT_CURVES } = await load('domain/backoff.js');
const { OPERATIONS } = await load('domain/operation.js');
const { SETTINGS } = await load('settings.js');

const generated = (from) => `<!-- Written by \`npm run docs\` from ${from}. Change it there. -->`;

/** A table; pipes in cells are escaped. */
function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

// --- docs/configuration.md

const code = (text) => `\`${text}\``;
/** Names of settings inside a text, as code. */
const withNames = (text) => text.replace(/\b(?:CHAT|BEFRIEND|REDIS|LOG)_[A-Z_]+\b/g, code);

function configuration() {
  const rows = Object.entries(SETTINGS).map(([name, { default: value, expected, description, secret }]) => [
    code(name),
    value === undefined ? 'none' : code(value),
    expected,
    withNames(description),
    secret ? 'yes' : '',
  ]);
  return `# Settings

${generated('src/settings.ts')}

From the environment, with a \`.env\` file in the working directory behind it. A variable that is set to nothing counts as
absent. All bad settings are reported together, and the command ends with 2. Times are milliseconds unless the name says
otherwise.

What is needed:

${table(
  ['for', 'set'],
  [
    ['`--dry-run`, `demo`, `simulate`', 'nothing'],
    ['commands that look at jobs or steer them', '`CHAT_SDKAPPID`'],
    [
      'commands and workers that call the API',
      'also `CHAT_SECRET_KEY` or `CHAT_USERSIG`, and `CHAT_REGION` or `CHAT_BASE_URL`',
    ],
    ['several machines, `--detach`', 'also `REDIS_URL`, and a `BEFRIEND_HOME` that they share'],
  ],
)}

All processes of an app must have the same \`CHAT_CALLS_PER_SECOND\`, \`CHAT_APP_CALLS_PER_SECOND\`, \`BEFRIEND_WINDOW_MS\`,
\`BEFRIEND_MARGIN_MS\` and \`BEFRIEND_HOLD_TOKENS\`: they share one limiter ([its arithmetic](limiter.md)). Proxies named in the
environment (\`HTTPS_PROXY\`) are not used. A secret is never logged, stored or shown in an error.

${table(['setting', 'default', 'expected', 'meaning', 'secret'], rows)}
`;
}

// --- docs/codes.md

const ATTEMPTS = SETTINGS.BEFRIEND_ATTEMPTS.default;

/** What follows from a fault; `jobs/settle.ts` is where it is done. */
function consequence(fault, ofCall) {
  switch (fault.kind) {
    case 'transient': {
      const most = Math.min(fault.maxAttempts ?? Number.POSITIVE_INFINITY, Number(ATTEMPTS));
      const end = fault.answered ? '`failed`' : '`failed`, a write `unknown`';
      return `tries again, ${most} calls in all${fault.curve === 'conflict' ? ', soon' : ''}; then ${end}`;
    }
    case 'throttled':
      return `halves the rate of ${limitOfCode(fault.code) === 'app' ? 'every' : 'this'} command for all workers and tries again; spends no attempt`;
    case 'credentials':
      return fault.renewable ? 'makes a new UserSig once, at once; then stops the job' : 'stops the job, rows kept';
    case 'unknown-code':
      return `${fault.maxAttempts} calls in all; then ${ofCall ? 'stops the job, rows kept' : '`failed`'}`;
    default:
      return '`failed`, never sent again';
  }
}

/** Operations for which the code is no failure: "add: `pending`". */
function specials(number) {
  return Object.values(OPERATIONS).flatMap(({ name, special }) => {
    const always = special(number, '');
    const exists = special(number, 'Err_SNS_FriendAdd_Friend_Exist');
    const none = special(number, 'Err_SNS_FriendDelete_Not_Friend');
    if (always) return [`${name}: \`${always}\``];
    if (exists) return [`${name}: \`${exists}\` where the text ends in \`_Exist\``];
    return none ? [`${name}: \`${none}\` where the text says that it is no friend`] : [];
  });
}

function behaviour(row) {
  const [first] = row.codes.flat();
  const item = consequence(faultOfItem(first, ''), false);
  const call = consequence(faultOfCall(first, ''), true);
  // The public codes answer a whole call, those of single rows an item; many of the latter also come for both.
  const ofCall = row.scope === 'job' || row.scope === 'call';
  const usual = ofCall ? call : item;
  const also = !ofCall && call !== item ? [`of a whole call: ${call}`] : [];
  const special = specials(first);
  return [...special, special.length > 0 ? `else ${usual}` : usual, ...also].join('; ');
}

const codesOf = (row) => row.codes.map((entry) => (Array.isArray(entry) ? entry.join('–') : entry)).join(', ');
/** What to do, with what is different after some operations. */
function adviceOf({ advice, adviceOf: narrower = {} }) {
  return [advice, ...Object.entries(narrower).map(([operation, text]) => `${operation}: ${text}`)].join('. ');
}

const HITS = {
  job: 'every call',
  call: 'this call',
  from: 'this `from`',
  lists: 'rows of this `from` that name the same lists',
  item: 'this row',
};

function seconds(ms) {
  return `${ms / 1000} s`;
}

function codes() {
  const { internal, conflict } = DEFAULT_CURVES;
  const spread = (ms, sign) => seconds(Math.round((ms * (1 + sign * conflict.jitter)) / 100) * 100);
  const first = (row) => row.codes.flat()[0];
  const rows = CODE_ROWS.toSorted((a, b) => first(a) - first(b)).map((row) => [
    codesOf(row),
    row.class,
    HITS[row.scope],
    row.meaning,
    behaviour(row),
    withNames(adviceOf(row)),
  ]);
  return `# Codes of the service

${generated('src/chat/codes.ts, codes-friend.ts, codes-public.ts')}

Every code that the pages of the service list, in our words, and what befriend does about it. A results line has it in
\`code\`, the report counts rows by it. 0 is success.

${table(
  ['class', 'means'],
  [
    ['`retry`', 'passes by itself: the same rows go again after a delay'],
    ['`throttle`', 'too fast'],
    [
      '`auth`',
      'key, permission, plan or region: a person must act, then the same command or `befriend resume` goes on',
    ],
    ['`request`', 'the call or the row is wrong'],
    ['`account`', 'this account fails for good, the others go on'],
    ['`done`', 'no failure for the operations that know it'],
    ['`unknown`', 'explained by no page, or in two ways'],
  ],
)}

"Calls in all" are calls that carried the row, the first included, at the default of \`BEFRIEND_ATTEMPTS\` (${ATTEMPTS}); a lower
setting lowers them. Where a code has fewer, they are counted in a row: another fault between begins anew. A whole call that is refused with a final code of a row goes again in halves, down to the row it is about. The delay is ${seconds(internal.baseMs)}, then twice the last one up to ${seconds(internal.capMs)}; "soon" is ${spread(conflict.baseMs, -1)}–${spread(conflict.baseMs, 1)} at random. A code that is in no
row of this table counts as \`unknown\`: ${faultOfItem(39_999, '').maxAttempts} calls for friend codes (30000–39999), ${faultOfCall(99_999, '').maxAttempts} for others.

${table(['code', 'class', 'concerns', 'meaning', 'befriend', 'what to do'], rows)}
`;
}

// --- docs/cli.md

const COLUMNS = 80;

/** A command's help as it is printed on a terminal of 80 columns. */
function helpOf(command) {
  let text = '';
  const output = { writeOut: (part) => (text += part), getOutHelpWidth: () => COLUMNS, getOutHasColors: () => false };
  command.configureOutput(output).outputHelp();
  return text.trimEnd();
}

/** A command and all below it, with their full names. `help` is commander's own. */
function tree(command, path) {
  return [[path, command], ...command.commands.flatMap((child) => tree(child, `${path} ${child.name()}`))];
}

function cli() {
  const sections = tree(
    createProgram('0.0.0', () => {}),
    'befriend',
  ).map(([path, command]) => `## ${path}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`);
  return `# Commands

${generated('the help of every command')}

Exit codes: [operations](operations.md#exit-codes). Settings: [configuration](configuration.md). Columns of the input and
what the files hold: [formats](formats.md).

${sections.join('\n')}`;
}

const folder = process.argv[2] ?? join(root, 'docs');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries({
  'cli.md': cli(),
  'codes.md': codes(),
  'configuration.md': configuration(),
})) {
  writeFileSync(join(folder, name), text);
  if (process.argv[2] === undefined) console.log(relative(process.cwd(), join(folder, name)));
}
