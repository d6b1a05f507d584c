/** What the rows of an item ask: a→b (forward), b→a (reverse), or both at once. */
export type RowDirection = 'forward' | 'reverse' | 'both';

/** The optional columns of a row, in the API's meaning (Chat API 1047/34903, 1047/34902). Times are Unix seconds. */
export interface Fields {
  /** At most 96 bytes of UTF-8. */
  remark?: string;
  remarkTime?: number;
  /** Friend lists ("groups"): 1–30 bytes each, at most 32 per account. */
  groups?: string[];
  /** `AddSource_Type_` and at most 8 letters. */
  source?: string;
  /** At most 256 bytes of UTF-8. */
  wording?: string;
  addTime?: number;
  /** Custom friend fields by tag, without the prefix `Tag_SNS_Custom_`. */
  custom?: Record<string, string | number>;
  /** An account's nickname: at most 500 bytes of UTF-8 (Chat API 1047/33520). */
  nick?: string;
  /** URL of an account's picture, as long at most. */
  faceUrl?: string;
}

/** One To_Account inside a call. One item answers one row, or two when `rows` is `both`. */
export interface Item {
  to: string;
  rows: RowDirection;
  fields?: Fields;
}

/**
 * What one call carries when nothing of it is settled yet: at most 1000 items of one From_Account, or, where `from` is
 * null, at most 100 accounts that stand on their own.
 */
export interface Chunk {
  from: string | null;
  items: Item[];
  /** The From_Account has other chunks beside this one. */
  several?: true;
}
