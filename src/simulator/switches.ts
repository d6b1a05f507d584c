/**
 * What the API's pages leave open. Every question is a switch, so that a client can be run against each reading;
 * the first reading is the default.
 */
interface Question {
  /** Number of the question in `docs/api-notes.md`. */
  number: number;
  question: string;
  readings: readonly [string, ...string[]];
  /** API commands that another reading makes answer or act otherwise. */
  commands: readonly string[];
}

/** Commands with To_Accounts. */
const ITEMS = ['friend_import', 'friend_add', 'friend_update', 'friend_delete', 'friend_check', 'friend_get_list'];
const FRIENDS = [...ITEMS, 'friend_delete_all', 'friend_get'];
const ACCOUNTS = ['account_check', 'multiaccount_import'];
const ALL = [...FRIENDS, ...ACCOUNTS];

export const SWITCHES = {
  'import-existing': {
    number: 1,
    question: 'What does friend_import answer for an existing friend?',
    readings: ['upsert', 'no-op', 'exists'],
    commands: ['friend_import'],
  },
  'missing-to': {
    number: 2,
    question: 'A To_Account that is not imported: item 30003, or envelope 30003 with the other items, or without?',
    readings: ['item', 'envelope-with-items', 'envelope-only'],
    commands: ITEMS,
  },
  'delete-non-friend': {
    number: 3,
    question: 'What does friend_delete answer for who is no friend?',
    readings: ['31704', '30001'],
    commands: ['friend_delete'],
  },
  'repeat-add-pending': {
    number: 4,
    question: 'What does a repeated add answer while the first is pending?',
    readings: ['pending', 'ok'],
    commands: ['friend_add'],
  },
  'add-both-over-one-way': {
    number: 5,
    question: 'A two-way add where To is in From’s list already: 30001, or does it complete the other side?',
    readings: ['exists', 'completes'],
    commands: ['friend_add'],
  },
  'forced-add': {
    number: 6,
    question: 'Does ForceAddFlags pass the need for consent only, or also blocklists, DenyAny and the forbid flag?',
    readings: ['passes-consent', 'passes-all'],
    commands: ['friend_add'],
  },
  'one-way-add': {
    number: 7,
    question: 'Does a one-way add look at the peer’s AllowType?',
    readings: ['succeeds', 'as-two-way'],
    commands: ['friend_add'],
  },
  'add-without-source': {
    number: 8,
    question: 'friend_add without AddSource',
    readings: ['30001', 'accepted'],
    commands: ['friend_add'],
  },
  'integer-custom-value': {
    number: 9,
    question: 'An integer as custom value',
    readings: ['accepted', '30001'],
    commands: ['friend_import', 'friend_update'],
  },
  'update-groups': {
    number: 10,
    question: 'Tag_SNS_IM_Group in friend_update: in place of the lists a friend is in, or in addition?',
    readings: ['replaces', 'adds'],
    commands: ['friend_update'],
  },
  'delete-without-type': {
    number: 11,
    question: 'What does friend_delete without DeleteType do?',
    readings: ['single', 'both', '30001'],
    commands: ['friend_delete'],
  },
  'get-custom-sequence': {
    number: 12,
    question: 'Does friend_get still have CustomSequence?',
    readings: ['present', 'absent'],
    commands: ['friend_get'],
  },
  'get-page-size': {
    number: 12,
    question: 'Friends on one page of friend_get',
    readings: ['500', '100'],
    commands: ['friend_get'],
  },
  'get-equal-sequence': {
    number: 13,
    question:
      'friend_get with a sequence that is still the current one: no UserDataItem, an empty one, or only what belongs to the other sequence?',
    readings: ['missing', 'empty', 'other-half'],
    commands: ['friend_get'],
  },
  'batch-above-limit': {
    number: 14,
    question: 'More items than a call may have: the call fails, or the rest is cut off?',
    readings: ['30001', 'truncated'],
    commands: [...ITEMS.filter((name) => name !== 'friend_get_list'), ...ACCOUNTS],
  },
  'get-list-above-100': {
    number: 15,
    question: 'More than 100 To_Accounts in friend_get_list',
    readings: ['allowed', '30001'],
    commands: ['friend_get_list'],
  },
  'body-above-limit': {
    number: 16,
    question: 'A body above maxBodyBytes',
    readings: ['no-limit', '60003', 'closed'],
    commands: ALL,
  },
  'rate-window': {
    number: 17,
    question: 'Shape of the rate window',
    readings: ['sliding', 'fixed', 'bucket'],
    commands: ALL,
  },
  'rejected-calls': {
    number: 17,
    question: 'Do calls rejected with 60007 or 60011 use up the rate?',
    readings: ['not-counted', 'counted'],
    commands: ALL,
  },
  'request-id': {
    number: 18,
    question: 'RequestId in the envelope',
    readings: ['present', 'absent'],
    commands: ALL,
  },
  'userid-case': {
    number: 19,
    question: 'Are Bob and bob two accounts?',
    readings: ['sensitive', 'insensitive'],
    commands: ALL,
  },
  'read-after-write': {
    number: 20,
    question: 'Does a read of a list see a write at once, or after readDelayMs?',
    readings: ['immediate', 'delayed'],
    commands: ['friend_check', 'friend_get', 'friend_get_list'],
  },
  'fail-account-on-delete': {
    number: 21,
    question: 'Does friend_delete list failed items in Fail_Account?',
    readings: ['present', 'absent'],
    commands: ['friend_delete'],
  },
  'pending-counts-as-failed': {
    number: 21,
    question: 'Are pending adds (30539) listed in Fail_Account?',
    readings: ['yes', 'no'],
    commands: ['friend_add'],
  },
  '60004-meaning': {
    number: 22,
    question: 'Are 60004 and 60005 transient (only by fault plan), or the answer to a wrong identifier or signature?',
    readings: ['transient', 'signature'],
    commands: ALL,
  },
  '30002-meaning': {
    number: 23,
    question: 'Is 30002 the answer to an account that can not exist, or to a foreign SDKAppID?',
    readings: ['account-illegal', 'app-mismatch'],
    commands: FRIENDS,
  },
  'default-allow-type': {
    number: 24,
    question: 'AllowType of a new account',
    readings: ['allow-any', 'need-confirm'],
    commands: ['friend_add'],
  },
  'over-long-field': {
    number: 25,
    question: 'An over-long Remark, list name, wording or custom value, or a bad AddSource: item or whole call 30001?',
    readings: ['item', 'envelope'],
    commands: ['friend_import', 'friend_add', 'friend_update'],
  },
  'repeated-to': {
    number: 26,
    question: 'The same To_Account twice in a call: two results, one, or 30001 for the repeats?',
    readings: ['two-results', 'one-result', '30001'],
    commands: ITEMS,
  },
  'delete-both-over-one-way': {
    number: 27,
    question: 'A two-way delete where only To has From in its list: does it take that entry away, or is To no friend?',
    readings: ['completes', 'not-friend'],
    commands: ['friend_delete'],
  },
} as const satisfies Record<string, Question>;

export type SwitchName = keyof typeof SWITCHES;
export type Switches = { [Name in SwitchName]: (typeof SWITCHES)[Name]['readings'][number] };

const NAMES = Object.keys(SWITCHES) as SwitchName[];

export const DEFAULT_SWITCHES = Object.fromEntries(
  NAMES.map((name) => [name, SWITCHES[name].readings[0]]),
) as unknown as Switches;

/** Checks readings by name. Throws an error that names every wrong one and the readings it may have. */
export function readSwitches(given: Record<string, string>): Partial<Switches> {
  const wrong: string[] = [];
  for (const [name, reading] of Object.entries(given)) {
    const known = (SWITCHES as Record<string, Question>)[name];
    if (!known) wrong.push(`no switch "${name}" (there are: ${NAMES.join(', ')})`);
    else if (!known.readings.includes(reading)) {
      wrong.push(`switch "${name}" can not be "${reading}" (readings: ${known.readings.join(', ')})`);
    }
  }
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  return given as Partial<Switches>;
}

/** Reads `name=reading` arguments of a command line. Throws as {@link readSwitches}. */
export function parseSwitches(args: readonly string[]): Partial<Switches> {
  return readSwitches(
    Object.fromEntries(
      args.map((arg) => {
        const at = arg.indexOf('=');
        return at < 0 ? [arg, ''] : [arg.slice(0, at), arg.slice(at + 1)];
      }),
    ),
  );
}
