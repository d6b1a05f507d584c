// What a process used, as Linux counts it.
import { readFileSync } from 'node:fs';

/** /proc counts CPU in ticks of 10 ms (USER_HZ), on every machine that Node runs on. */
const TICK_MS = 10;
/** Of the line after the name: utime and stime are fields 14 and 15 (proc(5)), the name is the second. */
const UTIME = 14 - 3;

/** CPU so far, ms. */
export function cpuMsOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // A name may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME]) + Number(fields[UTIME + 1])) * TICK_MS;
}

/** The most memory that it has had resident, MiB. */
export function peakMbOf(pid) {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
