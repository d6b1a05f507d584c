// The whole system on one machine: imports and checks a friend graph on the simulator with the command line, and reads
// the simulator's meter. Prints ratios: use of the limit while there was a backlog, makespan over the ideal.
//
//   node scripts/setup.mjs && node scripts/bench/graph.mjs [FILE] [--faults mild]
//
// FILE: CSV or TSV of from,to (.gz too); without it a graph is generated. Expect: certain max ≤ 200, use ≥ 0.98 on a
// quiet machine (answers take 30 ± 10 ms under `mild`; the more they vary, the lower the use).
import { parseArgs } from 'node:util';
import { onStage } from './stage.mjs';

const LIMIT = 200;
const { values, positionals } = parseArgs({
  options: { faults: { type: 'string', default: 'mild' } },
  allowPositionals: true,
});

await onStage({ faults: values.faults }, async ({ run, ask, graph }) => {
  const file = await graph(positionals[0]);
  for (const operation of ['import', 'check']) {
    const report = run(operation, file);
    const meter = await ask(`meter?command=friend_${operation}`);
    const arrivals = (await ask(`arrivals?command=friend_${operation}`)).map(([, at]) => at);
    console.log(
      `${operation}: ${report.totals.accepted} rows, ${report.calls.made} calls (${report.calls.planned} planned); ` +
        `certain max ${meter.certainMax} of ${LIMIT}; use with backlog ${useOf(arrivals, report.calls.planned).toFixed(4)}; ` +
        `makespan ÷ (calls ÷ limit) ${(report.seconds / (report.calls.made / LIMIT)).toFixed(3)}`,
    );
  }
});

/** From a second after the first call until the last of the planned ones: later calls are retries that wait. */
function useOf(arrivals, planned) {
  const first = arrivals.findIndex((at) => at >= arrivals[0] + 1e6);
  const last = Math.floor(planned * 0.95);
  return (last - first) / ((arrivals[last] - arrivals[first]) / 1e6) / LIMIT;
}
