import { z } from 'zod';

const rate = z.number().min(0).max(1);
const code = z.string().regex(/^\d{5}$/, 'an error code has five digits');
/** Commands a rule is for. Absent: every command whose name begins with `friend_`. */
const commands = z.array(z.string()).optional();
/** ResultInfo or ErrorInfo beside the code. Absent: the simulator's own text. */
const info = z.string().optional();

const callFaults = z.strictObject({
  commands,
  /** HTTP 502 of a gateway, the call not applied. */
  badGateway: rate.default(0),
  /** HTTP 502, a write applied all the same. */
  badGatewayAfter: rate.default(0),
  /** Connection reset, nothing applied. */
  resetBefore: rate.default(0),
  /** Connection reset instead of the answer, a write applied. */
  resetAfter: rate.default(0),
  /** The answer is held for `hangMs`, a write is applied. */
  hang: rate.default(0),
  hangMs: z.number().min(0).default(15_000),
  /** HTTP 200 with a body that is no JSON, a write applied. */
  malformed: rate.default(0),
  /** The body breaks off in the middle and the connection ends, a write applied. */
  truncated: rate.default(0),
  /** ErrorCode of the whole call → rate; nothing applied. */
  codes: z.record(code, rate).default({}),
  /** ErrorCode of the whole call → rate; a write is applied all the same (60008: outcome unknown). */
  codesAfter: z.record(code, rate).default({}),
  /** ErrorInfo of `codes` and `codesAfter`. */
  info,
});

/**
 * What transient and permanent rules have in common. A call without items (friend_get, friend_delete_all) is hit as a
 * whole, drawn by its From, whatever the level.
 */
const rule = {
  commands,
  code: z.number().int().min(10_000, 'a code has five digits').max(99_999, 'a code has five digits'),
  info,
  /**
   * `item`: the hit item answers the code. `envelope`: the whole call does, for every call of a hit From, and nothing is
   * applied; account commands have no From, so all of their calls are hit or none.
   */
  level: z.enum(['item', 'envelope']).default('item'),
};

const transientRule = z.strictObject({
  ...rule,
  /** Share of the pairs that are hit. */
  fraction: rate,
  /** The n-th try of a hit pair passes; the tries before it answer the code. */
  passesAt: z.number().int().min(2).default(2),
  /** A write is applied although the code says no (30007: outcome unknown). */
  applied: z.boolean().default(false),
});

const permanentRule = z.strictObject({
  ...rule,
  /** Share of the pairs (or of the To or From accounts) that are hit. */
  fraction: rate,
  of: z.enum(['pair', 'to', 'from']).default('pair'),
});

/**
 * What goes wrong, and how often. Rates are probabilities of a call; one call has at most one call fault, so the rates
 * of `calls` add up to 1 at most. Everything is drawn by hashing, see `hash.ts`.
 */
export const faultPlanSchema = z
  .strictObject({
    calls: callFaults.prefault({}),
    /** Delay of every answer: base ± jitter, milliseconds. */
    latency: z
      .strictObject({ baseMs: z.number().min(0).default(0), jitterMs: z.number().min(0).default(0) })
      .prefault({}),
    /** Item faults. Of several rules that hit a pair, permanent ones come first, then the order given. */
    transient: z.array(transientRule).default([]),
    permanent: z.array(permanentRule).default([]),
    /** Share of the accounts that were never imported (30003), unless imported by a command or the control plane. */
    missing: rate.default(0),
  })
  .refine((plan) => sumOfRates(plan.calls) <= 1 + 1e-9, { message: 'the rates of calls add up to more than 1' });

export type FaultPlan = z.output<typeof faultPlanSchema>;
export type FaultPlanInput = z.input<typeof faultPlanSchema>;

export type CallFaults = z.output<typeof callFaults>;

const WRITES = ['friend_import', 'friend_add', 'friend_update', 'friend_delete', 'friend_delete_all'];
export const PLAIN_KINDS = [
  'badGateway',
  'badGatewayAfter',
  'resetBefore',
  'resetAfter',
  'hang',
  'malformed',
  'truncated',
] as const;

/** What goes wrong with one call. */
export type CallFault =
  | { kind: (typeof PLAIN_KINDS)[number] }
  /** The call as a whole answers `code`. */
  | { kind: 'code' | 'codeAfter'; code: number };

export function sumOfRates(calls: CallFaults): number {
  const rates = [
    ...PLAIN_KINDS.map((kind) => calls[kind]),
    ...Object.values(calls.codes),
    ...Object.values(calls.codesAfter),
  ];
  return rates.reduce((sum, one) => sum + one, 0);
}

/** Named plans: `none`; `mild`, a service on a normal day; `rough`, a bad one. */
export const FAULT_PRESETS = {
  none: {},
  mild: {
    calls: {
      badGateway: 0.002,
      resetBefore: 0.001,
      resetAfter: 0.001,
      codes: { 60008: 0.001, 70500: 0.001 },
      codesAfter: { 60008: 0.001 },
    },
    latency: { baseMs: 30, jitterMs: 10 },
    transient: [
      { code: 30006, fraction: 0.002, passesAt: 2 },
      { code: 30007, fraction: 0.001, passesAt: 2, applied: true },
    ],
    missing: 0.001,
  },
  rough: {
    calls: {
      badGateway: 0.02,
      badGatewayAfter: 0.01,
      resetBefore: 0.02,
      resetAfter: 0.02,
      hang: 0.002,
      malformed: 0.01,
      truncated: 0.01,
      codes: { 60007: 0.001, 60008: 0.01, 70500: 0.01, 30006: 0.005 },
      codesAfter: { 60008: 0.01 },
    },
    latency: { baseMs: 60, jitterMs: 50 },
    transient: [
      { code: 30006, fraction: 0.02, passesAt: 2 },
      { code: 30007, fraction: 0.01, passesAt: 3, applied: true },
      { code: 30008, fraction: 0.01, passesAt: 2, commands: WRITES },
    ],
    permanent: [
      { code: 30516, fraction: 0.01, of: 'to', commands: ['friend_add'] },
      { code: 30525, fraction: 0.005, commands: ['friend_add'] },
    ],
    missing: 0.01,
  },
} as const satisfies Record<string, FaultPlanInput>;

export type FaultPreset = keyof typeof FAULT_PRESETS;

/** Reads a preset's name or a plan. Throws an error that lists what is wrong. */
export function readFaultPlan(given: unknown): FaultPlan {
  if (typeof given === 'string' && !Object.hasOwn(FAULT_PRESETS, given)) {
    throw new Error(`no fault preset "${given}" (there are: ${Object.keys(FAULT_PRESETS).join(', ')})`);
  }
  const plan = typeof given === 'string' ? FAULT_PRESETS[given as FaultPreset] : given;
  const read = faultPlanSchema.safeParse(plan);
  if (!read.success) throw new Error(`fault plan: ${z.prettifyError(read.error)}`);
  return read.data;
}
