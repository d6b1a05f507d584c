import { readUserSig } from './usersig.ts';

/**
 * What can be said against a UserSig made elsewhere before any call: a line each, in the words of the settings. Its
 * signature cannot be checked without the key. `now` in Unix seconds.
 */
export function userSigProblems(
  userSig: string,
  { sdkAppId, admin, now }: { sdkAppId: number; admin: string; now: number },
): string[] {
  const contents = readUserSig(userSig);
  if (contents.kind === 'malformed') {
    return ['CHAT_USERSIG: cannot be read as a UserSig; copy it whole, without quotes or line breaks'];
  }
  if (contents.kind === 'other') return [];
  const { sdkappid, identifier, expiresAt } = contents;
  return [
    ...(sdkappid === sdkAppId
      ? []
      : [`CHAT_USERSIG: was made for SDKAppID ${sdkappid}, but CHAT_SDKAPPID is ${sdkAppId}`]),
    ...(identifier === admin
      ? []
      : [`CHAT_USERSIG: was made for ${JSON.stringify(identifier)}, but CHAT_ADMIN is ${JSON.stringify(admin)}`]),
    ...(now <= expiresAt
      ? []
      : [
          `CHAT_USERSIG: expired at ${isoOf(expiresAt)}, and this machine's clock says ${isoOf(now)}; make a new one, ` +
            'or set CHAT_SECRET_KEY instead, from which befriend makes and renews them',
        ]),
  ];
}

/** A second of 1970 or later as text; a UserSig may hold any number. */
export function isoOf(seconds: number): string {
  const date = new Date(Math.floor(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : date.toISOString().replace('.000Z', 'Z');
}
