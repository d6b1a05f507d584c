const HIDDEN = '[secret]';

/** A value that must not be shown: it prints as `[secret]` everywhere, and is had by `reveal()` only. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  /** What `util.inspect` and `console.log` call. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return HIDDEN;
  }
}

const NAMES = 'user_?sig|chat_usersig|(?:chat_)?secret_?key|secret|password|passwd|(?:proxy-)?authorization|token';

/** In order: what is most specific first. Each keeps what helps to find the place, and hides the value. */
const RULES: readonly [RegExp, string][] = [
  // scheme://user:password@host. Up to the last @, since people forget to encode a password.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s"'`\\<>]*@/gi, `$1${HIDDEN}@`],
  // The query of a URL, or of the path of a call: calls carry the UserSig there.
  [/((?:\b[a-z][a-z0-9+.-]*:\/\/|\bv4\/)[^\s"'`\\<>?]*\?)[^\s"'`\\<>]*/gi, `$1${HIDDEN}`],
  // "name": "value" in JSON, also in JSON within a JSON string (\"name\":\"value\"), and numbers.
  [
    new RegExp(`((\\\\*["'])(?:key|${NAMES})\\2\\s*:\\s*)(?:\\2(?:(?!\\2)[^\\\\]|\\\\.)*?\\2|-?\\d[\\d.]*)`, 'gi'),
    `$1$2${HIDDEN}$2`,
  ],
  // name=value and name: value in text
  [
    new RegExp(`(\\b(?:${NAMES})\\s*[=:]\\s*(?:bearer\\s+|basic\\s+)?)(?!\\[)[^\\s"'\`\\\\&,;<>]+`, 'gi'),
    `$1${HIDDEN}`,
  ],
  [/\b(bearer\s+)[A-Za-z0-9+/=._~-]{16,}/gi, `$1${HIDDEN}`],
  // A UserSig by its looks: deflated JSON in the vendor's base64 begins so.
  [/\beJ[A-Za-z0-9*_-]{40,}/g, HIDDEN],
];

/**
 * `text` without what looks like a secret: passwords in URLs, queries of URLs, values of fields named usersig, key,
 * password, authorization, …, and anything of the shape of a UserSig. `known` are values to hide wherever they
 * stand, also URL-encoded; those under 4 characters are left, since they would hide half of any text.
 */
export function scrub(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const value of known) {
    if (value.length < 4) continue;
    for (const form of new Set([value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])) {
      clean = clean.replaceAll(form, HIDDEN);
    }
  }
  for (const [pattern, replacement] of RULES) clean = clean.replace(pattern, replacement);
  return clean;
}
