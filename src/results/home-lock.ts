import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PRIVATE_FILE } from '../private.ts';

/** Whose outcomes a recorder writes: of the jobs of one app that one Redis knows. Others in the home are others' work. */
export interface Whose {
  sdkAppId: number;
  /** Its address without password; null: the private one of the home. */
  redis: string | null;
}

/**
 * In the home: locked by the one recorder that writes the results of this app and Redis. Its time of change is the
 * holder's sign of life.
 */
export function lockFileOf({ sdkAppId, redis }: Whose): string {
  const place = redis === null ? '' : `-${createHash('sha256').update(redis).digest('hex').slice(0, 8)}`;
  return `recorder-${sdkAppId}${place}.lock`;
}

/** Between two tries to get it. */
const TRY_MS = 1000;
/** Between two signs of life. */
const BEAT_MS = 2000;
/** A holder that shows none for so long is frozen, or cut off from the disk. */
const SILENT_MS = 10_000;
const TAKEN = 75;

/**
 * Locks descriptor 3 with flock (Linux) or perl (macOS). The lock belongs to the open file, which this short-lived
 * child shares with the process that started it: it stays there when the child is gone, and goes with the process.
 */
const LOCK = `
if command -v flock >/dev/null; then flock -n 3 || exit ${TAKEN}
else perl -e 'use Fcntl ":flock"; open(my $l, ">>&=", 3) or die; exit(flock($l, LOCK_EX | LOCK_NB) ? 0 : ${TAKEN})' || exit $?
fi
`;

export interface LockLog {
  debug(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** The right to write results files of a home, until it is given up or the process has ended. */
export interface HomeLock {
  giveUp(): Promise<void>;
}

/**
 * Waits until this is the one recorder of the home's results that are whose. The system keeps it to one: a holder that was killed holds nothing
 * any more, one that is frozen holds on, so that it finds the files as it left them when it thaws.
 * @returns null when `signal` came first
 * @throws the system's error when the file or the lock cannot be had
 */
export async function lockHome(
  home: string,
  whose: Whose,
  log: LockLog,
  signal: AbortSignal,
): Promise<HomeLock | null> {
  const path = join(home, lockFileOf(whose));
  const file = await open(path, 'a', PRIVATE_FILE);
  let told = false;
  try {
    while (!signal.aborted) {
      if (await tryLock(file, path)) return held(path, file);
      const silentMs = Date.now() - (await stat(path)).mtimeMs;
      if (silentMs > SILENT_MS && !told) {
        told = true;
        log.warn({ path, silentMs: Math.round(silentMs) }, 'the recorder of this home gives no sign of life');
      }
      await sleep(TRY_MS, undefined, { signal }).catch(() => {});
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return null;
}

async function tryLock(file: FileHandle, path: string): Promise<boolean> {
  const child = spawn('/bin/sh', ['-c', LOCK], { stdio: ['ignore', 'ignore', 'pipe', file.fd], env: pathOnly() });
  let said = '';
  child.stderr?.on('data', (data) => (said += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return true;
  if (code === TAKEN) return false;
  throw new Error(`${path} cannot be locked (exit code ${code}): ${said.trim()}`);
}

const pathOnly = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH });

function held(path: string, file: FileHandle): HomeLock {
  const beat = (): void => {
    const at = new Date();
    // The disk may be full or away: whoever writes there finds out.
    utimes(path, at, at).catch(() => {});
  };
  beat();
  const beats = setInterval(beat, BEAT_MS).unref();
  return {
    async giveUp() {
      clearInterval(beats);
      await file.close();
    },
  };
}
