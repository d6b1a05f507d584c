import { once } from 'node:events';
import { readSimulatorOptions, type SimulatorOptionsInput } from './options.ts';
import { startSimulator } from './simulator.ts';

/** What a client needs to call a running simulator. The key is no secret: it signs for nothing else. */
export interface SimulatorSettings {
  baseUrl: string;
  sdkappid: number;
  admin: string;
  key: string;
}

/**
 * Runs the simulator until `signal` is aborted; `onReady` hears where it listens and how to call it.
 * Rejects on wrong options and when the port is taken.
 */
export async function simulate(
  given: SimulatorOptionsInput,
  { signal, onReady }: { signal: AbortSignal; onReady: (settings: SimulatorSettings) => void },
): Promise<void> {
  const { sdkappid, admin, key } = readSimulatorOptions(given);
  const simulator = await startSimulator(given);
  onReady({ baseUrl: simulator.url, sdkappid, admin, key });
  if (!signal.aborted) await once(signal, 'abort');
  await simulator.close();
}
