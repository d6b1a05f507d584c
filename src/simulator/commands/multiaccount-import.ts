import type { Context } from '../context.ts';
import { isPossibleUserId } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import type { Profile } from '../state.ts';
import { accountFaults, countCodes, readAccounts, type AccountElement, type AccountFault } from './account-call.ts';
import type { Answer, Command } from './command.ts';

/** An account that can not exist, in this command's own code table. */
const ILLEGAL = 70402;

/** Imports up to 100 accounts, or updates those that are there (Chat API 1047/34954). */
export const multiaccountImport: Command = {
  name: 'multiaccount_import',
  path: 'im_open_login_svc/multiaccount_import',
  writes: true,
  limitShare: 0.5,
  errorDisplay: false,
  prepare(body, context) {
    const accounts = readAccounts('multiaccount_import', body, 'AccountList', context);
    const profiles = accounts.map(profileOf);
    return {
      from: null,
      firstItem: (accounts[0] as AccountElement).UserID,
      items: accounts.length,
      peers: () => new Set(),
      run: () =>
        importAll(
          accounts.map(({ UserID }, n) => ({ id: UserID, profile: profiles[n] as Partial<Profile> })),
          context,
        ),
    };
  },
};

/** Fields that are not given stay as they are. */
function profileOf({ Nick, FaceUrl }: AccountElement): Partial<Profile> {
  return {
    ...(Nick !== undefined && { nick: text(Nick, 'Nick') }),
    ...(FaceUrl !== undefined && { faceUrl: text(FaceUrl, 'FaceUrl') }),
  };
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Refusal(70402, `${name} is illegal`);
  return value;
}

/** The answer names only those that failed, without a reason. */
function importAll(accounts: readonly { id: string; profile: Partial<Profile> }[], context: Context): Answer {
  const { world, ledger } = context;
  const faultOf = accountFaults('multiaccount_import', context);
  const judge = (id: string): Pick<AccountFault, 'code' | 'applied'> =>
    isPossibleUserId(id) ? (faultOf(id) ?? { code: 0, applied: true }) : { code: ILLEGAL, applied: false };
  const answers = accounts.map(({ id, profile }) => {
    const { code, applied } = judge(id);
    if (applied) {
      const account = world.account(id);
      account.imported = true;
      if (Object.keys(profile).length > 0) account.setProfile(profile);
      ledger.of('multiaccount_import').applied++;
    }
    return { id, code };
  });
  const failed = answers.flatMap(({ id, code }) => (code === 0 ? [] : [id]));
  return {
    code: 0,
    info: '',
    items: countCodes(answers.map(({ code }) => code)),
    fields: `"FailAccounts":${JSON.stringify(failed)},`,
  };
}
