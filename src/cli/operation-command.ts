import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { FRIEND_TAGS, type Operation, type OperationName, OPERATIONS } from '../domain/operation.ts';
import { wordsOf } from './command-words.ts';
import { fold } from './fold.ts';
import { relationOption } from './relations.ts';
import { type Flags, runOperation } from './run-operation.ts';

interface About {
  text: string;
  /** What the help says below the options. */
  more?: string;
  /** Options of an example of its own. */
  example?: string;
}

const NO_PAIRS = 'A row is one account: a file with a column to is refused';
const BOTH_ENDS =
  'Of a file of pairs, befriend import FILE --dry-run --preflight checks both ends, and lists the accounts that the app ' +
  'lacks in FILE.missing-accounts.txt.';

const ABOUT: Record<OperationName, About> = {
  check: { text: 'ask how the two accounts of each row are related' },
  import: { text: "write each row's friendship into the list of its from: silently, without consent" },
  add: { text: 'add friends as a user would: consent, blocklists and limits apply' },
  update: {
    text: 'change remark, lists and custom fields of friends',
    more:
      'Only what a row gives is changed; its lists replace those the friend was in. An empty cell changes nothing. In ' +
      'JSON lines an empty value ("remark":"") empties.',
  },
  delete: { text: "take each row's friendship out of the list of its from" },
  'delete-all': {
    text: 'take all friends out of the lists of accounts',
    more:
      'It empties whole lists for good, with remarks, groups and custom fields. What get reads of them before can be ' +
      `imported again. ${NO_PAIRS}; delete takes pairs.`,
  },
  get: {
    text: 'read the friend lists of accounts, with all fields',
    more: `${NO_PAIRS}; get-list takes pairs.`,
  },
  'get-list': {
    text: 'read fields of single friends, and of their profiles',
    more:
      `Tags of a friendship: ${FRIEND_TAGS.join(', ')}, and Tag_SNS_Custom_…. Of the friend's profile: Tag_Profile_IM_… ` +
      '(Tag_Profile_IM_Nick) and Tag_Profile_Custom_….',
    example: ' --tags Tag_SNS_IM_Remark,Tag_Profile_IM_Nick',
  },
  'accounts-check': { text: 'ask which of the accounts the app has', more: `${NO_PAIRS}. ${BOTH_ENDS}` },
  'accounts-import': {
    text: 'import accounts into the app, with nickname and picture',
    more: `Of accounts that the app has already it changes what a row gives. ${NO_PAIRS}. ${BOTH_ENDS}`,
  },
};

const FILE: Record<Operation['rows'], string> = {
  pairs:
    'CSV, TSV, JSON lines or Parquet with columns from,to; .gz and .zst too; several, or patterns in quotes; - reads stdin',
  accounts:
    'CSV, TSV, JSON lines or Parquet with a column account (or from), or an id a line; .gz and .zst too; several, or patterns in quotes; - reads stdin',
};

/** `befriend import FILE`, `befriend accounts check FILE`: the whole job in one process. */
export function operationCommand(operation: OperationName, exit: (code: number) => void): Command {
  const words = wordsOf(operation);
  const { rows } = OPERATIONS[operation];
  const { text, more, example: own } = ABOUT[operation];
  const command = new Command(words.at(-1))
    .description(text)
    .addArgument(new Argument('<files...>', FILE[rows]))
    .option('--out <file>', 'results, one JSON line a row; - for stdout (default: <file>.<job>.results.jsonl)')
    .option('--rejects <file>', 'rows not accepted, with line and reason; - for stdout (default: <file>.rejects.jsonl)')
    .option('--dry-run', 'read and validate only: rows, rejects, calls, time at the limit')
    .option('--detach', 'print the job id and return; workers elsewhere do the work (needs REDIS_URL)')
    .addOption(
      new Option(
        '--spool <where>',
        'with --detach: workers share this home, or only Redis and take the rows into theirs',
      )
        .choices(['home', 'redis'])
        .default('home'),
    )
    .option('--allow-rejects', 'invalid rows do not make the exit code 1')
    .option('--loose-ids', 'accept ids with characters that the vendor does not list')
    .option('--name <name>', 'a name for people')
    .addOption(new Option('--priority <priority>').choices(['high', 'normal', 'low']).default('normal'))
    .option('--json', 'the report as one JSON object on stdout')
    .option('--idempotency-key <key>', 'the same key always means the same job')
    .option('--new', 'start another job where an unfinished one of the same rows exists');
  for (const option of ownOptions(operation)) command.addOption(option);
  const example = `befriend ${words.join(' ')} ${rows === 'accounts' ? 'accounts.txt' : 'friends.csv'}`;
  const examples = `Examples:\n  ${example} --dry-run    # sends nothing\n  ${example}${own === undefined ? '' : `\n  ${example}${own}`}`;
  command.addHelpText('after', `\n${more === undefined ? '' : `${fold(more, 79)}\n\n`}${examples}`);
  return command.action(async (files: string[], flags: Flags) => exit(await runOperation(operation, files, flags)));
}

/** Options that not every operation has. */
function ownOptions(name: OperationName): Option[] {
  const operation = OPERATIONS[name];
  const options: Option[] = [];
  if (operation.writes && operation.rows === 'pairs') {
    options.push(
      new Option('--preflight', 'first check that the app has all accounts of the rows; if not, write nothing'),
    );
  }
  if (operation.verification({}) !== null) {
    options.push(
      new Option('--no-verify', 'ask no reads what came of writes in doubt: take answers at their word, else unknown'),
    );
  }
  return [...options, ...(OPTIONS[name]?.() ?? [])];
}

const OPTIONS: Partial<Record<OperationName, () => Option[]>> = {
  check: () => [
    new Option('--type <type>', 'ask for both directions or for one').choices(['both', 'single']).default('both'),
    new Option('--no-plan', 'ask every from about its own rows, also where fewer calls would do'),
    relationOption('--expect <list>', 'rows with another relation are counted as unexpected and make the exit code 1'),
  ],
  add: () => [
    new Option('--single', "write only into the list of the row's from"),
    new Option('--force', "add without the peer's consent"),
  ],
  delete: () => [new Option('--both', 'also take from out of the list of to')],
  'delete-all': () => [new Option('--both', "also take the account out of its friends' lists")],
  'get-list': () => [
    new Option(
      '--tags <list>',
      'the fields to read, with commas between them (default: remark, lists, source, time and wording)',
    ).argParser(tagsOf),
  ],
};

/** Beside those of a friendship, which are all known (Chat API 1047/33521): custom ones, and those of profiles. */
const OTHER_TAG = /^Tag_(?:SNS_Custom|Profile_IM|Profile_Custom)_\w+$/;

function tagsOf(list: string): string[] {
  const tags = [...new Set(list.split(',').map((tag) => tag.trim()))];
  if (tags.every((tag) => FRIEND_TAGS.includes(tag) || OTHER_TAG.test(tag))) return tags;
  throw new InvalidArgumentError(
    `Tags are ${FRIEND_TAGS.join(', ')}, and Tag_SNS_Custom_…, Tag_Profile_IM_… and Tag_Profile_Custom_….`,
  );
}
