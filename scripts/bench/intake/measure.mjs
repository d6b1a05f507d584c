// One measurement in a process of its own: `measure.mjs KIND FILE FOLDER BAD EVERY`, where the lines EVERY, 2 × EVERY, … of
// the file, BAD of them, are no rows. Prints JSON: seconds, calls, peakMb.
import assert from 'node:assert/strict';
import { createReadStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';
import { OPERATIONS } from '../../../dist/src/domain/operation.js';
import { prepare } from '../../../dist/src/intake/prepare.js';

const [kind, file, folder, bad, every] = process.argv.slice(2);
mkdirSync(folder);
let checked = async () => {};
const began = performance.now();
const calls = await { import: spool, check: spool, lines, sort }[kind]();
const seconds = (performance.now() - began) / 1000;
const peakMb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
await checked();
console.log(JSON.stringify({ seconds, calls, peakMb }));

async function spool() {
  const rejectsPath = join(folder, 'rejects.jsonl');
  const { chunks, totals } = await prepare(
    { kind: 'file', path: file },
    { operation: OPERATIONS[kind], options: {}, dir: join(folder, 'spool'), rejectsPath },
  );
  checked = () => check(totals, rejectsPath);
  return chunks;
}

/** Every row is accounted for, and every bad one with its line. */
async function check({ rows, invalid, duplicate, accepted }, rejectsPath) {
  assert.equal(invalid + duplicate + accepted, rows);
  assert.equal(invalid, Number(bad));
  let [rejects, found] = [0, 0];
  if (rows > accepted) {
    for await (const line of createInterface({ input: createReadStream(rejectsPath, { highWaterMark: 1 << 20 }) })) {
      rejects += 1;
      if (line.includes('"reason":"duplicate')) continue;
      found += 1;
      assert.equal(JSON.parse(line).line, found * Number(every));
    }
  }
  assert.deepEqual([rejects, found], [invalid + duplicate, invalid]);
}

async function lines() {
  for await (const line of createInterface({ input: createReadStream(file, { highWaterMark: 1 << 20 }) })) void line;
  return null;
}

async function sort() {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: '256MB',
    temp_directory: folder,
    preserve_insertion_order: 'false',
  });
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT * FROM read_csv('${file}', ignore_errors=true) ORDER BY "from", "to") TO '${join(folder, 'sorted.csv')}' (FORMAT csv)`,
  );
  return null;
}
