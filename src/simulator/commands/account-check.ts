import type { Context } from '../context.ts';
import { isPossibleUserId } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { accountFaults, countCodes, readAccounts } from './account-call.ts';
import type { Answer, Command } from './command.ts';

/** Tells which of up to 100 accounts are imported (Chat API 1047/34956). */
export const accountCheck: Command = {
  name: 'account_check',
  path: 'im_open_login_svc/account_check',
  writes: false,
  limitShare: 0.5,
  errorDisplay: false,
  prepare(body, context) {
    const ids = readAccounts('account_check', body, 'CheckItem', context).map(({ UserID }) => UserID);
    if (!ids.every(isPossibleUserId)) throw new Refusal(70402, 'UserID is illegal');
    return {
      from: null,
      firstItem: ids[0] as string,
      items: ids.length,
      peers: () => new Set(),
      run: () => tell(ids, context),
    };
  },
};

function tell(ids: readonly string[], context: Context): Answer {
  const faultOf = accountFaults('account_check', context);
  const results = ids.map((id) => {
    const { code, info } = faultOf(id) ?? { code: 0, info: '' };
    const status = context.exists(id) ? 'Imported' : 'NotImported';
    return { UserID: id, ResultCode: code, ResultInfo: info, AccountStatus: code === 0 ? status : '' };
  });
  return {
    code: 0,
    info: '',
    items: countCodes(results.map(({ ResultCode }) => ResultCode)),
    fields: `"ResultItem":${JSON.stringify(results)},`,
  };
}
