import { isPossibleUserId } from '../fields.ts';
import { count } from '../ledger.ts';
import { Refusal } from '../refusal.ts';
import type { Command } from './command.ts';

const MAX_ACCOUNTS = 100;

/** Tells which of up to 100 accounts are imported (Chat API 1047/34956). */
export const accountCheck: Command = {
  name: 'account_check',
  path: 'im_open_login_svc/account_check',
  writes: false,
  limitShare: 0.5,
  errorDisplay: false,
  prepare(body, context) {
    const { CheckItem: elements } = body;
    if (!Array.isArray(elements) || elements.length === 0) throw new Refusal(70402, 'CheckItem is illegal');
    if (elements.length > MAX_ACCOUNTS && context.switches['batch-above-limit'] === '30001') {
      throw new Refusal(70206, `CheckItem has ${elements.length} items, at most ${MAX_ACCOUNTS} are allowed`);
    }
    const ids = elements.slice(0, MAX_ACCOUNTS).map((element: { UserID?: unknown } | null) => element?.UserID);
    if (!ids.every((id) => typeof id === 'string')) throw new Refusal(60015, 'UserID is not a string');
    if (!ids.every(isPossibleUserId)) throw new Refusal(70402, 'UserID is illegal');
    return {
      from: null,
      firstItem: ids[0] as string,
      items: ids.length,
      peers: () => new Set(),
      run() {
        const counts = context.ledger.of('account_check');
        count(counts.items, 0, ids.length);
        return {
          code: 0,
          info: '',
          fields: `"ResultItem":${JSON.stringify(
            ids.map((id) => ({
              UserID: id,
              ResultCode: 0,
              ResultInfo: '',
              AccountStatus: context.exists(id) ? 'Imported' : 'NotImported',
            })),
          )},`,
        };
      },
    };
  },
};
