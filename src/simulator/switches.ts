/**
 * What the API's pages leave open. Every question is a switch, so that a client can be run against each reading;
 * the first reading is the default. Only questions that touch the simulated commands stand here.
 */
interface Question {
  /** Number of the question in `docs/api-notes.md`. */
  number: number;
  question: string;
  readings: readonly [string, ...string[]];
}

export const SWITCHES = {
  'import-existing': {
    number: 1,
    question: 'What does friend_import answer for an existing friend?',
    readings: ['upsert', 'no-op', 'exists'],
  },
  'missing-to': {
    number: 2,
    question: 'A To_Account that is not imported: item 30003, or envelope 30003 with the other items, or without?',
    readings: ['item', 'envelope-with-items', 'envelope-only'],
  },
  'repeat-add-pending': {
    number: 4,
    question: 'What does a repeated add answer while the first is pending?',
    readings: ['pending', 'ok'],
  },
  'add-both-over-one-way': {
    number: 5,
    question: 'A two-way add where To is in From’s list already: 30001, or does it complete the other side?',
    readings: ['exists', 'completes'],
  },
  'forced-add': {
    number: 6,
    question: 'Does ForceAddFlags pass the need for consent only, or also blocklists, DenyAny and the forbid flag?',
    readings: ['passes-consent', 'passes-all'],
  },
  'one-way-add': {
    number: 7,
    question: 'Does a one-way add look at the peer’s AllowType?',
    readings: ['succeeds', 'as-two-way'],
  },
  'add-without-source': {
    number: 8,
    question: 'friend_add without AddSource',
    readings: ['30001', 'accepted'],
  },
  'integer-custom-value': {
    number: 9,
    question: 'An integer as custom value',
    readings: ['accepted', '30001'],
  },
  'batch-above-limit': {
    number: 14,
    question: 'More items than a call may have: the call fails, or the rest is cut off?',
    readings: ['30001', 'truncated'],
  },
  'body-above-limit': {
    number: 16,
    question: 'A body above maxBodyBytes',
    readings: ['no-limit', '60003', 'closed'],
  },
  'rate-window': {
    number: 17,
    question: 'Shape of the rate window',
    readings: ['sliding', 'fixed', 'bucket'],
  },
  'rejected-calls': {
    number: 17,
    question: 'Do calls rejected with 60007 use up the rate?',
    readings: ['not-counted', 'counted'],
  },
  'request-id': {
    number: 18,
    question: 'RequestId in the envelope',
    readings: ['present', 'absent'],
  },
  'userid-case': {
    number: 19,
    question: 'Are Bob and bob two accounts?',
    readings: ['sensitive', 'insensitive'],
  },
  'read-after-write': {
    number: 20,
    question: 'Does a read see a write at once, or after readDelayMs?',
    readings: ['immediate', 'delayed'],
  },
  'pending-counts-as-failed': {
    number: 21,
    question: 'Are pending adds (30539) listed in Fail_Account?',
    readings: ['yes', 'no'],
  },
  '60004-meaning': {
    number: 22,
    question: 'Are 60004 and 60005 transient (only by fault plan), or the answer to a wrong identifier or signature?',
    readings: ['transient', 'signature'],
  },
  '30002-meaning': {
    number: 23,
    question: 'Is 30002 the answer to an account that can not exist, or to a foreign SDKAppID?',
    readings: ['account-illegal', 'app-mismatch'],
  },
  'default-allow-type': {
    number: 24,
    question: 'AllowType of a new account',
    readings: ['allow-any', 'need-confirm'],
  },
  'over-long-field': {
    number: 25,
    question: 'An over-long Remark, list name, wording or custom value, or a bad AddSource: item or whole call 30001?',
    readings: ['item', 'envelope'],
  },
  'repeated-to': {
    number: 26,
    question: 'The same To_Account twice in a call: two results, one, or 30001 for the repeats?',
    readings: ['two-results', 'one-result', '30001'],
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
