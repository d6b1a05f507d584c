/** The simulated service: what other rooms use of it. */
export { parseSwitches, SWITCHES, type SwitchName, type Switches } from './switches.ts';
export { FAULT_PRESETS, faultPlanSchema, readFaultPlan, type FaultPlan, type FaultPlanInput } from './faults.ts';
export {
  readSimulatorOptions,
  SIMULATOR_KEY,
  simulatorOptionsSchema,
  type SimulatorOptions,
  type SimulatorOptionsInput,
} from './options.ts';
export { readMeter, type MeterReading } from './meter.ts';
export type { Arrival } from './arrivals.ts';
export type { ConflictCounts } from './conflicts.ts';
export type { CommandCounts } from './ledger.ts';
export type { AccountTruth, FriendEntry, FriendList, PairTruth } from './truth.ts';
export { simulate, type SimulatorSettings } from './simulate.ts';
export { startSimulator, type Simulator } from './simulator.ts';
