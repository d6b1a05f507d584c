// Makes tables of what was measured.
import { table, text } from '../document.mjs';
import { BEFRIEND } from './candidates.mjs';

/** The codes of a call that came too fast. */
const TOO_FAST = ['60007', '60011', '60018', '60019'];
export const PACKAGES = ['bullmq', 'bottleneck', 'rate-limiter-flexible', 'p-throttle', 'ioredis'];

/**
 * Several runs of one setting as one: of figures that must hold the worst, of the others the mean.
 * @param runs what `measure` gave
 */
export function summaryOf(runs) {
  const mean = (read) => runs.map(read).reduce((sum, value) => sum + value, 0) / runs.length;
  const most = (read) => Math.max(...runs.map(read));
  const spans = (name) => runs.map((run) => run[name]).filter((span) => span !== null);
  const span = (name) => (spans(name).length === 0 ? null : Math.min(...spans(name)) / 1000);
  const used = runs.map(({ use }) => use).filter((use) => use !== null);
  return {
    certainMax: most(({ certainMax }) => certainMax),
    spanMs: span('spanOfNPlus1'),
    certainSpanMs: span('certainSpanOfNPlus1'),
    meterDelayMs: most(({ meterDelay }) => meterDelay.max) / 1000,
    use: used.length === 0 ? null : used.reduce((sum, use) => sum + use, 0) / used.length,
    refused: most(refusedOf),
    commands: mean(({ commands, calls }) => commands / calls),
    allCommands: mean(({ allCommands, calls }) => allCommands / calls),
    cpuMs: mean(({ cpuMs, calls }) => cpuMs / calls),
    redisCpuMs: mean(({ redisCpuMs, calls }) => redisCpuMs / calls),
    own: runs[0].own && {
      p50: mean(({ own }) => own.lateness.p50),
      p999: most(({ own }) => own.lateness.p999),
      max: most(({ own }) => own.lateness.max),
      answersMs: mean(({ own }) => own.answersMs),
      predictedUse: mean(({ own }) => own.predictedUse),
      tooOld: most(({ own }) => own.tooOld),
      overdue: most(({ own }) => own.overdue),
    },
  };
}

function refusedOf({ codes, calls }) {
  return TOO_FAST.reduce((sum, code) => sum + (codes[code] ?? 0), 0) / calls;
}

/** What holds for every candidate. */
export function tableOf(rows) {
  return table(
    [
      'limiter',
      'processes',
      'bodies',
      'load',
      'network',
      'certain max',
      'shortest span, ms',
      'use',
      'refused',
      'commands a call',
      'with those in scripts',
      'CPU a call, ms',
      'of Redis',
    ],
    rows.map(({ setting, summary }) => [
      ...nameOf(setting),
      String(summary.certainMax),
      spanText(summary),
      text(summary.use, 4),
      percent(summary.refused),
      text(summary.commands, 2),
      text(summary.allCommands, 2),
      text(summary.cpuMs, 2),
      text(summary.redisCpuMs, 3),
    ]),
  );
}

/** What befriend's limiter says of itself; empty where it did not run. */
export function latenessTableOf(rows) {
  return table(
    [
      'processes',
      'bodies',
      'load',
      'network',
      'p50, ms',
      'p99.9',
      'max',
      'answers, ms',
      'given up',
      'overdue',
      'use by these',
      'use measured',
    ],
    rows
      .filter(({ setting }) => setting.candidate === BEFRIEND)
      .map(({ setting, summary: { own, use } }) => [
        ...nameOf(setting).slice(1),
        text(own.p50, 2),
        text(own.p999, 1),
        text(own.max, 1),
        text(own.answersMs, 2),
        String(own.tooOld),
        String(own.overdue),
        text(own.predictedUse, 4),
        text(use, 4),
      ]),
  );
}

/** What a caller waits that is interactive. */
export function waitsTableOf(runs) {
  return table(
    ['bulk processes', 'its calls', 'wait p50, ms', 'p99', 'max', 'certain max', 'use of all', 'commands a call'],
    runs.map(({ processes, waits, certainMax, use, commands, calls }) => [
      String(processes),
      String(waits.calls),
      text(waits.p50, 1),
      text(waits.p99, 1),
      text(waits.max, 1),
      String(certainMax),
      text(use, 4),
      text(commands / calls, 2),
    ]),
  );
}

/** What each of several jobs of one command has of its calls. */
export function sharesTableOf(shares) {
  return table(
    ['priority of the job', 'calls', 'share', 'by weight'],
    shares.map(({ priority, calls, share, due }) => [priority, String(calls), text(share, 3), text(due, 3)]),
  );
}

function nameOf({ candidate, processes, bodies, load, network }) {
  return [candidate, String(processes), bodies, load, network];
}

/** By the stamps; where the meter itself was late, also the longest that it can truly have been. */
function spanText({ spanMs, certainSpanMs }) {
  const apart = spanMs !== null && certainSpanMs - spanMs >= 0.05;
  return apart ? `${text(spanMs, 1)} … ${text(certainSpanMs, 1)}` : text(spanMs, 1);
}

function percent(share) {
  return share === 0 ? '0' : `${(share * 100).toFixed(1)} %`;
}
