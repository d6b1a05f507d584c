import { setTimeout as sleep } from 'node:timers/promises';
import { type Door, Talk } from './talk.ts';

/** What is wrong with the server at an address, and what to do about it. Neither holds a secret. */
export interface Obstacle {
  what: string;
  advice: string;
  /** Nobody is there: where masters follow each other, another may come. */
  isAway?: true;
}

/** What to do for a user of an ACL that lacks a right. */
export const ALLOW =
  'Allow it scripts, streams, INFO and TIME on its keys: ACL SETUSER name +@all -@admin ~{befriend:*';

/** A silent server is asked once more without TLS: both together stay below the time of the whole. */
const PLAIN_MS = 1000;
/** Between two questions to a server that still loads its data. */
const LOADING_MS = 250;

/**
 * Asks a server whether it can be used, over a connection of its own, and says exactly why not: clients hide that
 * behind `EPIPE`, `Connection is closed` or silence. The password is told only to what answered like a Redis.
 * A server that loads its data is waited for.
 * @returns null when it can be used
 */
export async function greet(door: Door, timeoutMs: number): Promise<Obstacle | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = Math.max(1, deadline - performance.now());
    const obstacle = await askOnce(door, left);
    if (obstacle !== LOADING || performance.now() + LOADING_MS >= deadline) return obstacle;
    await sleep(LOADING_MS);
  }
}

async function askOnce(door: Door, timeoutMs: number): Promise<Obstacle | null> {
  const patience = door.tls && timeoutMs > 2 * PLAIN_MS ? timeoutMs - PLAIN_MS : timeoutMs;
  const talk = new Talk(door, patience);
  try {
    const hello = await talk.ask('PING');
    const obstacle = obstacleIn(hello, door);
    if (obstacle !== null) return obstacle;
    for (const command of introductions(door)) {
      const refused = refusalIn(await talk.ask(...command), command[0]!, door);
      if (refused !== null) return refused;
    }
    return null;
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    if (door.tls && (await speaksPlain(door))) return NO_TLS;
    return unreachable(cause, timeoutMs, door);
  } finally {
    talk.end();
  }
}

/** What a client of ours sends first. */
function introductions({ username, password, db }: Door): string[][] {
  const auth =
    password === undefined ? [] : [username === undefined ? ['AUTH', password] : ['AUTH', username, password]];
  return [...auth, ['PING'], ...(db === 0 ? [] : [['SELECT', String(db)]]), ['INFO', 'server']];
}

const LOADING: Obstacle = {
  what: 'it is still loading its data',
  advice: 'Run the command again in a moment; INFO persistence says how far it is',
};
const NO_TLS: Obstacle = {
  what: 'it speaks no TLS, and rediss:// asks for it',
  advice: 'Write redis:// in REDIS_URL, or name its TLS port',
};
const WANTS_TLS: Obstacle = {
  what: 'it seems to want TLS, and redis:// speaks without',
  advice: 'Write rediss:// in REDIS_URL, or name its plain port',
};

/** What the answer to the first PING tells of who is there. */
function obstacleIn(answer: string, door: Door): Obstacle | null {
  if (answer.startsWith('+') || answer.startsWith('-NOAUTH')) return null;
  if (answer.startsWith('-')) return refusalIn(answer, 'PING', door);
  if (answer === '' || answer.startsWith('\x15\x03')) {
    if (!door.tls) return answer === '' ? closed(door) : WANTS_TLS;
    return closed(door);
  }
  const shown = answer
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 40);
  const web = answer.startsWith('HTTP/') ? 'a web server' : 'something else';
  return {
    what: `no Redis answers there but ${web}${shown === '' ? '' : ` ("${shown}")`}`,
    advice: 'Check host and port in REDIS_URL; Redis listens on 6379 if nothing else is set',
  };
}

function closed({ tls }: Door): Obstacle {
  return {
    what: 'the connection is closed without an answer',
    advice: tls
      ? 'Check host and port in REDIS_URL, and whether the server wants a client certificate'
      : 'Check host and port in REDIS_URL; a server that wants TLS needs rediss://',
    isAway: true,
  };
}

/** An error reply to one of our first commands. */
function refusalIn(answer: string, command: string, { username, password, db }: Door): Obstacle | null {
  if (!answer.startsWith('-')) return null;
  const text = answer.slice(1).split('\r\n')[0]!;
  const who = username === undefined ? 'its default user' : `user "${username}"`;
  const say = (what: string, advice: string): Obstacle => ({ what, advice });
  if (text.startsWith('LOADING')) return LOADING;
  if (text.startsWith('DENIED'))
    return say(
      'it is in protected mode: it lets nobody in from other machines until it has a password',
      'Give it a password (requirepass) and write it into REDIS_URL, or bind it to a trusted network only',
    );
  if (text.startsWith('NOAUTH'))
    return say(
      password === undefined ? 'it wants a password' : 'it does not take the password of REDIS_URL',
      'Write it into REDIS_URL: redis://:PASSWORD@host:port, or redis://USER:PASSWORD@host:port',
    );
  if (command === 'AUTH' && /without any password configured|no password is set/.test(text))
    return say('it has no password, and REDIS_URL gives one', 'Take the password out of REDIS_URL');
  if (command === 'AUTH')
    return say(
      `it refuses the password of ${who} (${text.split(' ')[0]})`,
      'Put user and password in REDIS_URL right; characters like @ : / # % in them are written as %40 %3A %2F %23 %25',
    );
  if (text.startsWith('NOPERM')) return say(`${who} may not run ${command}`, ALLOW);
  if (command === 'SELECT')
    return say(
      `it has no database ${db} (${text})`,
      'End REDIS_URL with a database that is there, or with none: that is 0',
    );
  return say(`it answers ${command} with "${text.slice(0, 120)}"`, 'See the log of the server');
}

function unreachable(error: NodeJS.ErrnoException, timeoutMs: number, { host, port, tls }: Door): Obstacle {
  const say = (what: string, advice: string): Obstacle => ({ what, advice });
  const { code = '' } = error;
  const reasons: Record<string, () => Obstacle> = {
    ECONNREFUSED: () => ({
      what: `nothing listens on port ${port}`,
      advice: 'Start it, or check host and port in REDIS_URL. Without REDIS_URL befriend starts a private Redis',
      isAway: true,
    }),
    ENOTFOUND: () => say(`there is no host ${host}`, 'Check the name in REDIS_URL, and the DNS of this machine'),
    EAI_AGAIN: () =>
      say(`the name ${host} cannot be resolved now`, 'Check the name in REDIS_URL, and the DNS of this machine'),
    SILENT: () =>
      say(
        `no answer within ${Math.round(timeoutMs / 1000)} s`,
        'Check host and port in REDIS_URL, a firewall in between, and whether the server hangs',
      ),
    EPROTO: () => NO_TLS,
    ERR_SSL_WRONG_VERSION_NUMBER: () => NO_TLS,
    ERR_TLS_CERT_ALTNAME_INVALID: () =>
      say(`its TLS certificate is not for ${host}`, 'Use the name in REDIS_URL that the certificate is for'),
    CERT_HAS_EXPIRED: () => say('its TLS certificate has expired', 'Renew the certificate of the server'),
  };
  const known = reasons[code];
  if (known) return known();
  if (tls && /CERT|SIGNATURE|ISSUER/.test(code))
    return say(
      `its TLS certificate is not trusted (${error.message})`,
      'Name the file of its CA in NODE_EXTRA_CA_CERTS, e.g. NODE_EXTRA_CA_CERTS=/etc/ssl/redis-ca.pem',
    );
  if (code === 'ECONNRESET' || code === 'EPIPE') return closed({ tls } as Door);
  return say(error.message || code, 'Check host and port in REDIS_URL, and the network of this machine');
}

/** Whether a Redis answers without TLS. No password is sent. */
async function speaksPlain(door: Door): Promise<boolean> {
  const talk = new Talk({ ...door, tls: false }, PLAIN_MS);
  try {
    return /^[+-][A-Z]/.test(await talk.ask('PING'));
  } catch {
    return false;
  } finally {
    talk.end();
  }
}
