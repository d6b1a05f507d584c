import { makeUserSig } from './usersig.ts';

/**
 * Where the client takes its UserSig from. Signatures are numbered by `life`, so that an answer to a call that was
 * sent with an older one says nothing about the one in use. The text is a secret: it must reach no log.
 */
export interface UserSigSource {
  current(): { text: string; life: number };
  /** The service refused (70001, 70052) a call that carried this life. Makes a new one, once. */
  refused(life: number): void;
  /** The service answered a call of this life with anything else. */
  accepted(life: number): void;
  /** False when the signature in use was refused and no other can be made. */
  usable(): boolean;
}

/** The advice of the vendor's error page is 24 hours or more (Chat API 1047/34348). */
const LIFE_SECONDS = 86_400;
/** A signature is replaced at this part of its life, long before a slow clock could matter. */
const RENEW_AT = 0.8;

/**
 * Makes signatures from the app's key, renews them at 80 % of their life, and once more at once when the service
 * refuses one. If that one is refused too, the cause is another (clock, key): no further is made until its life is
 * over. `now` gives Unix milliseconds, `expire` is in seconds. Throws on input that can give no signature.
 */
export function userSigFromKey(options: {
  sdkappid: number;
  key: string;
  identifier: string;
  now: () => number;
  expire?: number;
}): UserSigSource {
  const { sdkappid, key, identifier, now, expire = LIFE_SECONDS } = options;
  const make = () => {
    const madeAt = Math.floor(now() / 1000);
    return { text: makeUserSig({ sdkappid, key, identifier, expire, now: madeAt }), madeAt };
  };
  let made = make();
  let life = 1;
  let trial = false; // made because the one before was refused, and not accepted yet
  let dead = false;

  const replace = (forced: boolean) => {
    made = make();
    life += 1;
    trial = forced;
    dead = false;
  };
  return {
    current() {
      const age = now() / 1000 - made.madeAt;
      // A negative age is a clock that was set back: the signature would lie in the service's future.
      if (age >= expire * RENEW_AT || age < -1) replace(false);
      return { text: made.text, life };
    },
    refused(refusedLife) {
      if (refusedLife !== life) return;
      if (trial) dead = true;
      else replace(true);
    },
    accepted(acceptedLife) {
      if (acceptedLife !== life) return;
      trial = false;
      dead = false;
    },
    usable: () => !dead,
  };
}

/** A signature made elsewhere (CHAT_USERSIG). It cannot be renewed. */
export function fixedUserSig(text: string): UserSigSource {
  let dead = false;
  return {
    current: () => ({ text, life: 1 }),
    refused() {
      dead = true;
    },
    accepted() {
      dead = false;
    },
    usable: () => !dead,
  };
}
