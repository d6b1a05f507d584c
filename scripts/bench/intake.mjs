// How fast rows become a spool, and in how much memory: for an operation that is not planned and for a planned check, beside
// a loop that only reads the lines, and the engine that only sorts them.
//
//   npm run bench:intake -- [--rows 1000000,10000000] [--folder FOLDER] [--quick] [--write]
//
// The files' bad lines must be rejected by their very numbers, else the bench fails. The file is generated in FOLDER
// (default: the system's for temporary files) and removed; it takes 24 bytes a row, and the work three times that, four for
// a planned check. A minute at 10 M rows, ten at 100 M.
import { spawnSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../dist/src/simulator/graph.js';
import { redisVersion } from './ceiling/system.mjs';
import { circumstances, commandTyped, table, text, writeTables } from './document.mjs';

const MEASURE = fileURLToPath(new URL('./intake/measure.mjs', import.meta.url));
const kinds = ['import', 'check', 'lines', 'sort'];
const NAMES = {
  import: 'befriend, CSV to spool',
  check: 'befriend, CSV to spool, planned check',
  lines: 'a loop that reads the lines',
  sort: 'DuckDB that reads and sorts them',
};
const ROWS_AN_ACCOUNT = 50;
const BAD_EVERY = 1_000_000;

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    rows: { type: 'string' },
    folder: { type: 'string', default: tmpdir() },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const sizes = (values.rows ?? (values.quick ? '300000' : '1000000,10000000')).split(',').map(Number);

const found = [];
for (const rows of sizes) {
  const folder = mkdtempSync(join(values.folder, 'befriend-bench-'));
  try {
    const file = join(folder, 'friends.csv');
    await generate(file, rows);
    for (const kind of kinds) {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [MEASURE, kind, file, join(folder, kind), String(Math.floor((rows + 1) / BAD_EVERY)), String(BAD_EVERY)],
        {
          encoding: 'utf8',
        },
      );
      if (status !== 0) throw new Error(`${kind} of ${rows} rows ended with ${status}:\n${stderr}`);
      const run = { rows, kind, ...JSON.parse(stdout) };
      console.error(`${kind}, ${rows} rows: ${run.seconds.toFixed(1)} s, ${run.peakMb.toFixed(0)} MB`);
      found.push(run);
      rmSync(join(folder, kind), { recursive: true, force: true });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const secondsOf = (rows, kind) => found.find((run) => run.rows === rows && run.kind === kind).seconds;
const tables = [
  circumstances(redisVersion, commandTyped('bench:intake', args), ['@duckdb/node-api']),
  table(
    ['rows', 'what', 'seconds', 'M rows/s', '× the loop’s time', '× the sort’s time', 'calls', 'RSS peak, MB'],
    found.map(({ rows, kind, seconds, calls, peakMb }) => [
      String(rows),
      NAMES[kind],
      text(seconds, 1),
      text(rows / seconds / 1e6, 2),
      text(seconds / secondsOf(rows, 'lines'), 2),
      text(seconds / secondsOf(rows, 'sort'), 2),
      calls === null ? '' : String(calls),
      text(peakMb, 0),
    ]),
  ),
].join('\n\n');
if (values.write) writeTables('intake', tables);
else console.log(tables);

/** Rows in no order; some accounts have a thousand times as many as others. Each line whose number is a whole million is no row. */
async function generate(path, rows) {
  const random = seededRandom(rows);
  const accounts = Math.ceil(rows / ROWS_AN_ACCOUNT);
  const out = createWriteStream(path);
  const idOf = () => `u${1_000_000_000 + Math.floor(accounts * random() ** 3)}`;
  let piece = 'from,to\n';
  for (let n = 0; n < rows; n += 1) {
    const isBad = (n + 2) % BAD_EVERY === 0;
    piece += isBad ? 'no row\n' : `${idOf()},f${1_000_000_000 + Math.floor(accounts * random())}\n`;
    if (piece.length < 1 << 20) continue;
    if (!out.write(piece)) await once(out, 'drain');
    piece = '';
  }
  out.end(piece);
  await once(out, 'close');
}
