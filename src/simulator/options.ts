import { z } from 'zod';
import { readFaultPlan } from './faults.ts';
import { DEFAULT_SWITCHES, readSwitches, type Switches } from './switches.ts';

/** Signs nothing real: the simulator's key is public on purpose. */
export const SIMULATOR_KEY = 'simulator-key-not-a-real-secret-0123456789';

/** Wraps a reader that throws, so that its message ends up beside the field's name. */
function reading<Out>(read: (given: unknown) => Out) {
  return z.unknown().transform((given, context): Out => {
    try {
      return read(given);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });
}

export const simulatorOptionsSchema = z.strictObject({
  /** 0: any free port. */
  port: z.number().int().min(0).max(65_535).default(7301),
  host: z.string().min(1).default('127.0.0.1'),
  sdkappid: z.number().int().positive().default(1_400_000_001),
  key: z.string().min(1).default(SIMULATOR_KEY),
  admin: z.string().min(1).default('administrator'),
  /** Calls a window for friend commands; account commands get half, as documented (200 and 100). */
  limit: z.number().int().positive().default(200),
  /** Calls a window of all commands together (60011). Absent: no such limit. */
  appLimit: z.number().int().positive().optional(),
  /** Limits of single commands; `*` is all of them together. */
  limits: z.record(z.string(), z.number().int().positive()).default({}),
  /** Length of the rate window, milliseconds. Shorter than 1000: compressed time. */
  windowMs: z.number().positive().default(1000),
  /** How long the service works on a call, milliseconds. A write holds its lists that long and is applied at its end. */
  serviceTimeMs: z
    .strictObject({ read: z.number().min(0).default(0), write: z.number().min(0).default(10) })
    .prefault({}),
  seed: z.number().int().default(1),
  /** A preset's name or a plan. */
  faults: reading(readFaultPlan).prefault('none'),
  switches: reading((given): Switches => ({
    ...DEFAULT_SWITCHES,
    ...readSwitches((given ?? {}) as Record<string, string>),
  })).prefault({}),
  accounts: z
    .strictObject({
      /** `any`: every possible UserID counts as imported, but for missing ones. `known`: only imported ones. */
      mode: z.enum(['any', 'known']).default('any'),
      imported: z.array(z.string()).default([]),
      missing: z.array(z.string()).default([]),
    })
    .prefault({}),
  /** Custom tags registered at the console, without the prefix `Tag_SNS_Custom_`. Absent: every well-formed one. */
  customTags: z.array(z.string()).optional(),
  /** Count how often each item is sent, for `POST sent`. Costs memory per item. */
  countSent: z.boolean().default(false),
  /** Of the switch `read-after-write=delayed`. */
  readDelayMs: z.number().min(0).default(500),
  /** Of the switch `body-above-limit`. */
  maxBodyBytes: z.number().int().positive().default(524_288),
});

export type SimulatorOptionsInput = z.input<typeof simulatorOptionsSchema>;
export type SimulatorOptions = z.output<typeof simulatorOptionsSchema>;

/** Fills in defaults. Throws one error that lists everything that is wrong. */
export function readSimulatorOptions(given: SimulatorOptionsInput = {}): SimulatorOptions {
  const read = simulatorOptionsSchema.safeParse(given);
  if (!read.success) throw new Error(`simulator options:\n${z.prettifyError(read.error)}`);
  return read.data;
}
