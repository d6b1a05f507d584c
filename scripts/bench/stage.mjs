// What the benches of whole jobs share: a simulator, a home, the command line, a graph.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The path of a file of the build. */
export const dist = (path) => fileURLToPath(new URL(`../../dist/src/${path}`, import.meta.url));

/** Starts a simulator in a process of its own. It ends with `close`, or with this process. */
export async function startSimulator(options) {
  const child = spawn(process.execPath, [dist('simulator/child.js'), JSON.stringify({ port: 0, ...options })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const settings = JSON.parse(line);
  return {
    settings,
    /** Asks the simulator's control plane. */
    ask: async (path) => (await fetch(`${settings.baseUrl}/_simulator/${path}`)).json(),
    close: () => child.kill(),
  };
}

/** Runs `act` beside a simulator with these options, and removes everything after it. */
export async function onStage(options, act) {
  const dir = mkdtempSync(join(tmpdir(), 'befriend-bench-'));
  const simulator = await startSimulator(options);
  try {
    const { baseUrl, sdkappid, admin, key } = simulator.settings;
    const env = {
      PATH: process.env.PATH,
      LOG_LEVEL: 'error',
      BEFRIEND_HOME: join(dir, 'home'),
      CHAT_BASE_URL: baseUrl,
      CHAT_SDKAPPID: String(sdkappid),
      CHAT_ADMIN: admin,
      CHAT_SECRET_KEY: key,
    };
    await act({
      /** Runs an operation on a file with the command line; its report. */
      run(operation, file) {
        const args = [dist('cli/befriend.js'), operation, file, '--json', '--out', join(dir, `${operation}.jsonl`)];
        try {
          return JSON.parse(execFileSync(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] }));
        } catch (error) {
          // Exit code 1: rows failed, as the fault plan wants.
          if (error.status === 1) return JSON.parse(error.stdout);
          throw error;
        }
      },
      ask: simulator.ask,
      /** The given file, or a generated graph. */
      async graph(path) {
        if (path) return resolve(path);
        const { friendGraph, seededRandom } = await import(dist('simulator/graph.js'));
        const rows = [...friendGraph({ accounts: 4000, friendsPerAccount: 44, random: seededRandom(1) })];
        const file = join(dir, 'friends.csv');
        writeFileSync(file, `from,to\n${rows.map((row) => row.join(',')).join('\n')}\n`);
        return file;
      },
    });
  } finally {
    simulator.close();
    rmSync(dir, { recursive: true, force: true });
  }
}
