/** Characters that a terminal would act on or not show, line ends of any kind among them. */
const UNSHOWN = /[\p{C}\p{Zl}\p{Zp}]/u;
const NAMED: Record<string, string> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Most characters of an excerpt, without the ellipsis. */
export const EXCERPT = 40;

/** The start of a text as it may stand in a line on a terminal: at most `most` characters, the unshown ones escaped. */
export function excerpt(text: string, most = EXCERPT): string {
  let shown = '';
  for (const character of text) {
    const piece = UNSHOWN.test(character) ? escaped(character) : character;
    if (shown.length + piece.length > most) return `${shown}…`;
    shown += piece;
  }
  return shown;
}

function escaped(character: string): string {
  const code = (character.codePointAt(0) as number).toString(16);
  if (code.length <= 2) return NAMED[character] ?? `\\x${code.padStart(2, '0')}`;
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\u{${code}}`;
}
