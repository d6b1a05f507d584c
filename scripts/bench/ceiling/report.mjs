// Makes tables of what was measured.
import { table, text } from '../document.mjs';

const BITS = 8;

export function jobsTableOf(runs) {
  const head = [
    'job',
    'calls',
    'items a call',
    'answers take',
    'workers',
    'use',
    'outcomes/s',
    'makespan',
    'certain max',
  ];
  return table(
    [...head, 'not ok', 'Redis peak, MB', 'bytes an outcome'],
    runs.map((run) => [
      run.operation,
      String(run.calls),
      String(run.items),
      run.latencyMs > 0 ? `${run.latencyMs} ms` : 'no time',
      String(run.workers.length),
      text(run.use, 4),
      run.use === null ? '–' : (run.use * run.limit * run.items).toFixed(0),
      text(run.makespan, 3),
      String(run.certainMax),
      String(run.open),
      text(run.redisPeakMb, 1),
      text(run.bytesAnOutcome, 1),
    ]),
  );
}

/** What each process used, in the order of the jobs. */
export function rolesTableOf(runs) {
  return table(
    ['job', 'calls', 'items a call', 'answers take', 'roles', 'cores', 'RSS peak, MB'],
    runs.flatMap((run) => {
      const name = [
        run.operation,
        String(run.calls),
        String(run.items),
        run.latencyMs > 0 ? `${run.latencyMs} ms` : 'no time',
      ];
      const all = run.workers.reduce((sum, { cores }) => sum + cores, 0);
      return [
        ...run.workers.map(({ roles, cores, peakMb }) => [...name, roles, text(cores, 3), text(peakMb, 0)]),
        [...name, 'all workers', text(all, 3), ''],
        [...name, 'Redis', text(run.redisCores, 3), ''],
      ];
    }),
  );
}

/** How what a finished job leaves in Redis grows with its chunks: between the smallest and the largest of an operation. */
export function ledgerText(runs) {
  const full = runs
    .filter(({ latencyMs, items }) => latencyMs === 0 && items > 1)
    .toSorted((a, b) => a.calls - b.calls);
  const [small, large] = [full[0], full.findLast(({ operation }) => operation === full[0].operation)];
  if (small === undefined || small.calls === large.calls) return '';
  const bits = ((large.ledgerBytes - small.ledgerBytes) * BITS) / (large.calls - small.calls);
  return `The ledger of a job that is over: ${small.ledgerBytes} bytes at ${small.calls} chunks, ${large.ledgerBytes} at ${large.calls}: ${bits.toFixed(2)} bits a chunk.`;
}

export function uncappedTableOf(runs) {
  const [own, loop] = runs;
  if (own === undefined) return '';
  const caller = own.workers.find(({ roles }) => roles === 'call');
  return table(
    ['no limit, 1000 items a call', 'calls/s', '÷ bare axios', 'cores of the process', 'RSS peak, MB'],
    [
      [
        'befriend, one caller',
        own.perSecond.toFixed(0),
        text(own.perSecond / loop.perSecond, 3),
        text(caller.cores, 3),
        text(caller.peakMb, 0),
      ],
      ['bare axios loop', loop.perSecond.toFixed(0), '1', text(loop.cores, 3), text(loop.peakMb, 0)],
    ],
  );
}

export function takeoverText(runs) {
  if (runs.length === 0) return '';
  const each = runs.map(({ inHand, seconds }) => `${seconds.toFixed(1)} s (${inHand} in hand)`).join(', ');
  return `From kill -9 of one of two callers until all chunks in hand then were called again and recorded: ${each}.`;
}

export function peersTableOf(runs) {
  return table(
    ['instead of befriend', 'calls', 'use', 'makespan', 'certain max', 'refused', 'cores', 'RSS peak, MB'],
    runs.map(({ kind, calls, use, makespan, certainMax, refused, cores, peakMb }) => [
      kind,
      String(calls),
      text(use, 4),
      text(makespan, 3),
      String(certainMax),
      `${(refused * 100).toFixed(1)} %`,
      text(cores, 3),
      text(peakMb, 0),
    ]),
  );
}
