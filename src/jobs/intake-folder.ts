import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeIn } from './home.ts';

/** Where one intake works. Its time of change is a sign of life: nobody takes the folder away while that is fresh. */
export interface IntakeFolder {
  path: string;
  /** Ends the signs of life and removes what is left of the folder. */
  remove(): Promise<void>;
}

/** Between two signs of life. */
const BEAT_MS = 60_000;
/** So long without one, and the process is dead, wherever it ran. A suspended one shows none either, hence so long. */
const DEAD_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * Makes the folder of one intake, `<host>@<pid space>@<pid>@<job>`: its name says who can tell whether it is at work.
 * A crash leaves it behind; nothing of it was accepted, and `removeLitter` finds it.
 * @param wallClock milliseconds since 1970
 * @throws HomeError
 */
export function openIntakeFolder(
  home: string,
  job: string,
  wallClock: () => number,
  { beatMs = BEAT_MS }: { beatMs?: number } = {},
): IntakeFolder {
  const path = makeIn(home, join('intake', [...HERE, process.pid, job].join('@')));
  const beat = () => {
    const at = new Date(wallClock());
    // It became the job's folder, or the disk is away: whoever works there finds out.
    utimes(path, at, at).catch(() => {});
  };
  const beats = setInterval(beat, beatMs).unref();
  return {
    path,
    async remove() {
      clearInterval(beats);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/**
 * Removes what dead intakes left: of processes that this one can see at once, of others (another machine or container
 * with the same home) when they gave no sign of life for a day. What may not be removed stays.
 * @param now milliseconds since 1970
 */
export async function removeLitter(home: string, now: number): Promise<void> {
  for (const name of await readdir(join(home, 'intake')).catch(() => [])) {
    const path = join(home, 'intake', name);
    if (await isDead(path, name, now)) await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

async function isDead(path: string, name: string, now: number): Promise<boolean> {
  const [host, space, pidText] = name.split('@');
  const pid = Number(pidText);
  const visible = host === HERE[0] && space === HERE[1] && Number.isInteger(pid);
  // The own number may be a predecessor's: in a container it is often the same after every start.
  if (visible && pid !== process.pid) return !isAlive(pid);
  const changed = await stat(path).catch(() => null);
  return changed !== null && now - changed.mtimeMs > DEAD_AFTER_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Where a process id means what it means here. */
const HERE = [hostname(), pidSpace()] as const;

/**
 * Containers may share host name and home and not see each other's processes, so on Linux it takes the boot and the PID
 * namespace; elsewhere there is one space a machine. Where Linux does not tell, it is this process alone.
 */
function pidSpace(): string {
  if (process.platform !== 'linux') return 'all';
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    return `${boot}-${namespace}`;
  } catch {
    return `unknown-${process.pid}`;
  }
}
