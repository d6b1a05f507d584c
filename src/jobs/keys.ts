/**
 * Every key of an app begins with the same hash tag, so that an app's keys share a slot on Redis Cluster and apps
 * spread over its shards. Scripts that meet keys named inside them rely on it.
 */
export interface Keys {
  app: string;
  /** Jobs by time of submission. */
  jobs: string;
  /** Jobs with rows open or outcomes not yet delivered. */
  active: string;
  /** Jobs that are over while a durable group has outcomes of them to come. */
  held: string;
  /** Durable groups of all jobs, those to come included. */
  durable: string;
  /** Why feed adds nothing, for a person; absent while it does. Expires. */
  backlog: string;
  /** Stream of job changes. */
  events: string;
  /** Written when a process starts, to see whether it may. Expires at once. */
  writeCheck: string;
  /** There while nobody of the app may call: why, for a person. Expires. */
  quiet: string;
  lockPrefix: string;
  jobPrefix: string;
  identity(key: string): string;
  job(id: string): string;
  /** There while a feeder that has the job's spool looks after it. Expires. */
  fed(id: string): string;
  open(id: string): string;
  closed(id: string): string;
  counts(id: string): string;
  results(id: string): string;
  /** There when a folder that no job named was removed: it may not be submitted any more. Expires. */
  withdrawn(id: string): string;
  /** From_Accounts of a job whose further rows cannot pass, and why. */
  bars(id: string): string;
  /** What each worker says of itself: a hash. */
  workers: string;
  /** What callers of a command say is wrong now; absent when nothing is. */
  trouble(command: string): string;
  chunkPrefix(id: string): string;
  /** Code of the last "too fast" for a command, or for the whole app (null). Expires. */
  tooFast(command: string | null): string;
  /** BullMQ's sorted set of a command's chunks that wait out a delay. */
  delayed(command: string): string;
  /** BullMQ's settings of a command's queue, a hash: `concurrency`, the chunks in hand at most. */
  queueMeta(command: string): string;
  /** Prefix of the keys of a job's BullMQ jobs. */
  queuePrefix(command: string, id: string): string;
  withdrawnPrefix: string;
  /** Spools of producers that share only Redis, as long as they want a home. */
  handovers: string;
  /** Of one of them: what it is and how far it got; pieces in Redis; there while a worker takes them. All expire. */
  handover(id: string): string;
  pieces(id: string): string;
  adopter(id: string): string;
}

/** Consumer groups of results streams whose names begin so are durable: what they have not acknowledged stays. */
export const DURABLE = 'durable:';

export function keysOf(sdkappid: number): Keys {
  const app = `{befriend:${sdkappid}}`;
  const jobPrefix = `${app}:job:`;
  const withdrawnPrefix = `${app}:withdrawn:`;
  return {
    app,
    jobs: `${app}:jobs`,
    active: `${app}:active`,
    held: `${app}:held`,
    durable: `${app}:durable`,
    backlog: `${app}:backlog`,
    events: `${app}:events`,
    writeCheck: `${app}:write-check`,
    quiet: `${app}:quiet`,
    workers: `${app}:workers`,
    lockPrefix: `${app}:lock:`,
    jobPrefix,
    identity: (key) => `${app}:key:${key}`,
    job: (id) => `${jobPrefix}${id}`,
    fed: (id) => `${app}:fed:${id}`,
    open: (id) => `${app}:open:${id}`,
    closed: (id) => `${app}:closed:${id}`,
    counts: (id) => `${app}:counts:${id}`,
    results: (id) => `${jobPrefix}${id}:results`,
    withdrawn: (id) => `${withdrawnPrefix}${id}`,
    withdrawnPrefix,
    handovers: `${app}:handovers`,
    handover: (id) => `${app}:handover:${id}`,
    pieces: (id) => `${app}:pieces:${id}`,
    adopter: (id) => `${app}:adopter:${id}`,
    bars: (id) => `${app}:bars:${id}`,
    trouble: (command) => `${app}:trouble:${command}`,
    chunkPrefix: (id) => `${app}:chunk:${id}:`,
    tooFast: (command) => `${app}:too-fast${command === null ? '' : `:${command}`}`,
    delayed: (command) => `${app}:${command}:delayed`,
    queueMeta: (command) => `${app}:${command}:meta`,
    queuePrefix: (command, id) => `${app}:${command}:${id}.`,
  };
}
