/** Outcomes that wait in Redis: for the results file, or for durable groups. */
export interface Backlog {
  /** Of Redis; `mostBytes` 0: as much as the machine has. */
  memory: { usedBytes: number; mostBytes: number };
  jobs: {
    job: string;
    /** Of its results stream. */
    bytes: number;
    entries: number;
    /** Durable groups, and how many entries they have not acknowledged. */
    groups: { group: string; entries: number }[];
  }[];
}

/** How a durable group stands. */
export interface GroupStanding {
  group: string;
  /** Jobs of which it has not acknowledged all. */
  jobs: number;
  /** Entries of these, one a call, that it has not acknowledged. */
  entries: number;
}

/** @param names groups that may have nothing to come now */
export function standingOf(names: readonly string[], { jobs }: Backlog): GroupStanding[] {
  const all = jobs.flatMap(({ groups }) => groups);
  return [...new Set([...names, ...all.map(({ group }) => group)])].toSorted().map((group) => {
    const waiting = all.filter((one) => one.group === group && one.entries > 0);
    return { group, jobs: waiting.length, entries: waiting.reduce((sum, { entries }) => sum + entries, 0) };
  });
}

export interface BacklogLimits {
  /** What may wait beyond what is kept of each stream anyway. */
  mostBytes: number;
  /** What is kept of each. */
  keptBytes: number;
}

/** Feed adds nothing when Redis has so much of its memory in use: calls in hand and their outcomes need the rest. */
const NEARLY_FULL = 0.85;

/** Bytes that wait beyond what is kept anyway. */
export function waitingBytes({ jobs }: Backlog, { keptBytes }: BacklogLimits): number {
  return jobs.reduce((sum, { bytes }) => sum + Math.max(0, bytes - keptBytes), 0);
}

/** Why nothing may be added to what Redis has, for a person; null where something may. */
export function heldBackText(backlog: Backlog, limits: BacklogLimits): string | null {
  const { usedBytes, mostBytes } = backlog.memory;
  const waiting = waitingBytes(backlog, limits);
  const tooMuch = waiting > limits.mostBytes;
  const nearlyFull = mostBytes > 0 && usedBytes > NEARLY_FULL * mostBytes;
  if (!tooMuch && !nearlyFull) return null;
  const wait = `${megabytes(waiting)} of outcomes wait in Redis, since ${causeOf(backlog)}`;
  if (tooMuch) return wait;
  const full = `Redis is nearly full (${megabytes(usedBytes)} of ${megabytes(mostBytes)})`;
  return waiting < MEGABYTE ? full : `${full}, and ${wait}`;
}

const MEGABYTE = 1e6;
const megabytes = (bytes: number): string => `${Math.round(bytes / MEGABYTE)} MB`;

/** The durable group that is furthest behind, or else whoever should write the results files. */
function causeOf({ jobs }: Backlog): string {
  const largest = jobs.toSorted((a, b) => b.bytes - a.bytes)[0];
  const slowest = largest?.groups.toSorted((a, b) => b.entries - a.entries)[0];
  if (largest === undefined || slowest === undefined || slowest.entries * 2 < largest.entries)
    return 'no worker writes them to the results file (role record), or its disk is full';
  return `durable group ${slowest.group} does not acknowledge those of job ${largest.job}`;
}
