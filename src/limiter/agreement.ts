import type { Redis } from 'ioredis';
import { defineScript, type ScriptArg } from '../redis/script.ts';
import { micros } from './bucket.ts';
import type { LimiterLog } from './limiter.ts';
import type { Timing } from './timing.ts';

/** What all processes that call a command must mean by its limit. */
export interface CommandLimits {
  command: string;
  calls: number;
  windowMs: number;
  /** 0: not known. */
  appCalls: number;
  marginMs: number;
  /** How long the token of a call without an answer is held; 0: it is not. */
  heldMs: number;
}

const SAY_EVERY_MS = 10_000;
/** A process that was killed is remembered for so long; one that misses a turn is not forgotten. */
const MEMORY_MS = 25_000;

const agree = defineScript<[limits: string], ScriptArg[], Buffer[]>(import.meta.url, './agree.lua');

/**
 * Whether all processes of the app mean the same limits. With different ones the largest is what the service sees, and
 * whoever has less waits for nearly ever; one that holds no tokens breaks the window for all that hold theirs. Nothing can
 * mend that, so it is told.
 */
export class Agreement {
  /** Limits that others have instead of these, in words. */
  others: readonly string[] = [];
  private readonly redis: Redis;
  private readonly key: string;
  private readonly mine: CommandLimits;
  private readonly log: LimiterLog | undefined;
  private readonly timer: NodeJS.Timeout;
  private told: ReadonlySet<string> = new Set();

  constructor(parts: { redis: Redis; app: number | string; command: string; timing: Timing; log?: LimiterLog }) {
    const { redis, app, command, timing, log } = parts;
    this.redis = redis;
    this.key = `{befriend:${app}}:limits`;
    const { rate, appCalls, marginMs, bookedMs: heldMs } = timing;
    this.mine = { command, ...rate, appCalls, marginMs, heldMs };
    this.log = log;
    this.timer = setInterval(() => void this.say(), SAY_EVERY_MS).unref();
    void this.say();
  }

  /** Also for a new connection. Resolves when it is said; never rejects: what could not be is said at the next turn. */
  async say(): Promise<void> {
    if (this.redis.status !== 'ready') return;
    try {
      const said = await agree(this.redis, [this.key], [JSON.stringify(this.mine), micros(MEMORY_MS)]);
      this.hear(said.map((limits) => JSON.parse(limits.toString()) as CommandLimits));
    } catch {
      // The limiter itself tells of a Redis that refuses.
    }
  }

  /** These limits are nobody's any more; other processes that have them say so again. */
  async leave(): Promise<void> {
    clearInterval(this.timer);
    if (this.redis.status === 'ready') await this.redis.zrem(this.key, JSON.stringify(this.mine)).catch(() => 0);
  }

  private hear(said: readonly CommandLimits[]): void {
    this.others = said.filter((limits) => disagree(this.mine, limits)).map(inWords);
    const news = this.others.filter((words) => !this.told.has(words));
    this.told = new Set(this.others);
    for (const others of news) {
      this.log?.error(
        { ours: inWords(this.mine), others },
        'another process has other limits: those that allow most count, for all; set limits, margin and hold mode alike',
      );
    }
  }
}

/** Of one command: its rate, margin and hold. Of the whole app: its limit, where one of them knows it, and the same. */
export function disagree(ours: CommandLimits, theirs: CommandLimits): boolean {
  const alike = (['windowMs', 'marginMs', 'heldMs'] as const).every((name) => ours[name] === theirs[name]);
  if (ours.command === theirs.command && !(alike && ours.calls === theirs.calls)) return true;
  if (ours.appCalls === 0 && theirs.appCalls === 0) return false;
  return !(alike && ours.appCalls === theirs.appCalls);
}

function inWords({ command, calls, windowMs, appCalls, marginMs, heldMs }: CommandLimits): string {
  const whole = appCalls === 0 ? 'of the app not known' : `${appCalls} of the app`;
  const held = heldMs === 0 ? 'tokens not held' : `tokens held ${heldMs} ms`;
  return `${command}: ${calls} calls in ${windowMs} ms, ${whole}; margin ${marginMs} ms, ${held}`;
}
