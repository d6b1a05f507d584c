import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A disk of its own for one folder, in a mount namespace of its own: nothing of it is seen outside or stays behind. */
export interface SmallDisk {
  /** Put before a command, so that it sees the disk. */
  through: readonly string[];
  /** The folder as it is seen from outside. */
  seen: string;
  /** Uses up every byte. */
  fill(): void;
  /** Gives back what `fill` took. */
  free(): void;
  /** Mounts it anew with other options, e.g. `ro` or `size=64m`. */
  remount(options: string): void;
  close(): Promise<void>;
}

const AS_ROOT = process.getuid?.() === 0 ? [] : ['-r'];

/** Why there can be no small disk here, or null: sandboxes and macOS have no mount namespaces. */
export function noSmallDisk(): string | null {
  const { status, stderr, error } = spawnSync('unshare', [...AS_ROOT, '-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  return status === 0 ? null : `a file system cannot be mounted here: ${error?.message ?? String(stderr).trim()}`;
}

export async function smallDisk(folder: string, size: string): Promise<SmallDisk> {
  mkdirSync(folder, { recursive: true });
  const script = `mount -t tmpfs -o size=${size},mode=700 tmpfs "$1" && echo mounted && exec cat`;
  const holder: ChildProcess = spawn('unshare', [...AS_ROOT, '-m', 'sh', '-c', script, 'sh', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout!, 'data');
  const pid = holder.pid as number;
  const seen = `/proc/${pid}/root${folder}`;
  const filler = join(seen, 'filler');
  const through = ['nsenter', '-t', String(pid), '-m', ...(AS_ROOT.length > 0 ? ['-U', '--preserve-credentials'] : [])];
  return {
    through,
    seen,
    fill() {
      const file = openSync(filler, 'a');
      for (const bytes of [65_536, 1]) {
        try {
          for (;;) writeSync(file, Buffer.alloc(bytes));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
      closeSync(file);
    },
    free: () => rmSync(filler),
    remount(options) {
      spawnSync(through[0]!, [...through.slice(1), 'mount', '-o', `remount,${options}`, folder], { stdio: 'inherit' });
    },
    async close() {
      const gone = once(holder, 'exit');
      holder.stdin?.end();
      await gone;
    },
  };
}
