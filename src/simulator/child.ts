import type { SimulatorOptionsInput } from './options.ts';
import { simulate } from './simulate.ts';

/**
 * The simulator as a child process: options as JSON in the first argument, one line of JSON on stdout when it listens,
 * ends when stdin ends (so it never outlives its parent) or on SIGTERM.
 */
const stop = new AbortController();
process.stdin.on('end', () => stop.abort());
process.stdin.on('error', () => stop.abort());
process.stdin.resume();
process.on('SIGTERM', () => stop.abort());

try {
  await simulate(JSON.parse(process.argv[2] ?? '{}') as SimulatorOptionsInput, {
    signal: stop.signal,
    onReady: (settings) => process.stdout.write(`${JSON.stringify(settings)}\n`),
  });
  process.exit(0);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
