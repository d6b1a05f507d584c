import { Command, InvalidArgumentError, Option } from 'commander';
import { FAULT_PRESETS, parseSwitches, simulate, type SimulatorOptionsInput, SWITCHES } from '../simulator/index.ts';
import { EXIT, onInterrupt, UsageError } from './context.ts';
import { wrapped } from './report-text.ts';

interface Flags {
  port: number;
  host: string;
  limit: number;
  appLimit?: number;
  windowMs: number;
  readMs: number;
  writeMs: number;
  seed: number;
  faults: string;
  switch: string[];
  accounts: 'any' | 'known';
  json?: boolean;
}

const whole = (text: string): number => {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('expected a whole number.');
  return number;
};
const collect = (text: string, before: string[]): string[] => [...before, text];

/** `befriend simulate`: the simulated service, to rehearse on. */
export function simulateCommand(exit: (code: number) => void): Command {
  const readings = Object.entries(SWITCHES).map(
    ([name, { readings: list, question }]) => `  ${name}=${list.join('|')}\n${wrapped(question).join('\n')}`,
  );
  return new Command('simulate')
    .description('a simulated Chat API on this machine, with the limits and faults of the real one')
    .option('--port <port>', '0: any free port', whole, 7301)
    .option('--host <host>', 'where it listens', '127.0.0.1')
    .option('--limit <calls>', 'calls a window of each friend command', whole, 200)
    .option('--app-limit <calls>', 'calls a window of all commands together (default: no such limit)', whole)
    .option('--window-ms <ms>', 'length of the rate window', whole, 1000)
    .option('--read-ms <ms>', 'service time of a read', whole, 20)
    .option('--write-ms <ms>', 'service time of a write', whole, 30)
    .option('--seed <number>', 'of the faults', whole, 1)
    .option('--faults <preset>', `${Object.keys(FAULT_PRESETS).join(', ')}, or a fault plan as JSON`, 'none')
    .option('--switch <name=reading>', 'answer an open question of the API otherwise; may be repeated', collect, [])
    .addOption(
      new Option('--accounts <mode>', 'any: every id counts as imported; known: only imported ones')
        .choices(['any', 'known'])
        .default('any'),
    )
    .option('--json', 'print the settings for a client as one JSON object')
    .addHelpText('after', '\nExample:\n  befriend simulate --faults mild --switch missing-to=envelope-only')
    .addHelpText('after', `\nSwitches (the first reading is the default):\n${readings.join('\n')}`)
    .action(async (flags: Flags) => exit(await run(flags)));
}

async function run(flags: Flags): Promise<number> {
  const { signal, release } = onInterrupt();
  try {
    await simulate(optionsOf(flags), {
      signal,
      onReady: ({ baseUrl, sdkappid, admin, key }) => {
        if (flags.json) process.stdout.write(`${JSON.stringify({ baseUrl, sdkappid, admin, key })}\n`);
        else {
          const settings = { CHAT_BASE_URL: baseUrl, CHAT_SDKAPPID: sdkappid, CHAT_ADMIN: admin, CHAT_SECRET_KEY: key };
          const lines = Object.entries(settings).map(([name, value]) => `export ${name}=${value}`);
          process.stdout.write(`# The simulated Chat API listens. In another terminal:\n${lines.join('\n')}\n`);
        }
      },
    });
    return EXIT.ok;
  } catch (error) {
    // A port in use, options that make no sense.
    throw new UsageError((error as Error).message);
  } finally {
    release();
  }
}

function optionsOf(flags: Flags): SimulatorOptionsInput {
  const { port, host, limit, appLimit, windowMs, seed, accounts } = flags;
  try {
    return {
      port,
      host,
      limit,
      appLimit,
      windowMs,
      seed,
      serviceTimeMs: { read: flags.readMs, write: flags.writeMs },
      faults: flags.faults.startsWith('{') ? JSON.parse(flags.faults) : flags.faults,
      switches: parseSwitches(flags.switch),
      accounts: { mode: accounts },
    };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
