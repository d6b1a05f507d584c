/** The service's texts for codes that any command may answer. */
const TEXTS: Record<number, string> = {
  30002: 'Account_Illegal',
  30003: 'Err_Sns_Invalid_Account',
  30006: 'Exec_Task_Fail',
  30007: 'Exec_Task_Timeout',
  30008: 'Write_Conflict',
};

/** A command in the service's texts: `friend_get_list` is FriendGetList. */
export function familyOf(command: string): string {
  return command.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** ResultInfo or ErrorInfo of a code that has no text of its own in this command. */
export function textOf(command: string, code: number): string {
  // The one text of an internal error that a page shows (Chat API 1047/34907).
  if (code === 30006 && command === 'friend_check') return 'Err_SNS_FriendCheck_Check_Relation_Exec_Task_Fail';
  const text = TEXTS[code] ?? `Code_${code}`;
  return text.startsWith('Err_') ? text : `Err_SNS_${familyOf(command)}_${text}`;
}
