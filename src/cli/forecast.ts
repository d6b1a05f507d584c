import type { AppConfig, Config } from '../config.ts';
import { openBefriend } from '../befriend.ts';
import { type Load, loadOf, secondsBeside } from '../domain/forecast.ts';
import { ceilingOf } from '../domain/frequency.ts';
import { type OperationName, OPERATIONS } from '../domain/operation.ts';
import type { Log } from '../log.ts';
import { placeOf } from '../redis/place.ts';
import { probe } from '../redis/probe.ts';

/** How long calls take, alone at the limit and beside the jobs that run now. */
export interface Forecast {
  /** Calls a second at the limit. */
  ceiling: number;
  /** Alone. */
  seconds: number;
  /** Null where there is nobody to ask: no app is set, or no Redis answers. */
  beside: { jobs: number; calls: number; seconds: number } | null;
}

/** A forecast is a courtesy: what cannot be asked is left out, and nothing is started for it. */
export async function forecast(
  operation: OperationName,
  mine: Load,
  { config, log }: { config: Config; log: Log },
): Promise<Forecast> {
  const { tuning } = config;
  const ceiling = ceilingOf(OPERATIONS[operation].command, tuning);
  const alone = { ceiling, seconds: mine.calls / ceiling };
  if (config.sdkAppId === null || !(await redisRuns(config))) return { ...alone, beside: null };
  try {
    const befriend = await openBefriend({ config: config as AppConfig, log });
    try {
      const { jobs, limit } = await befriend.outlook(operation);
      const others = jobs.map(loadOf);
      const calls = others.reduce((sum, other) => sum + other.calls, 0);
      return { ...alone, beside: { jobs: jobs.length, calls, seconds: secondsBeside(mine, others, limit) } };
    } finally {
      await befriend.close();
    }
  } catch {
    return { ...alone, beside: null };
  }
}

async function redisRuns({ redisUrl, home }: Config): Promise<boolean> {
  if (redisUrl !== null) return true;
  return (await probe(placeOf(home).socket).catch(() => 'gone')) === 'ready';
}
