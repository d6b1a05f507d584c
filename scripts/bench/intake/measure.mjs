// One measurement in a process of its own: `measure.mjs KIND FILE FOLDER`. Prints JSON: seconds, calls, peakMb.
import { createReadStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';
import { OPERATIONS } from '../../../dist/src/domain/operation.js';
import { prepare } from '../../../dist/src/intake/prepare.js';

const [kind, file, folder] = process.argv.slice(2);
mkdirSync(folder);
const began = performance.now();
const calls = await { import: spool, check: spool, lines, sort }[kind]();
const seconds = (performance.now() - began) / 1000;
const peakMb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
console.log(JSON.stringify({ seconds, calls, peakMb }));

async function spool() {
  const { chunks } = await prepare(
    { kind: 'file', path: file },
    {
      operation: OPERATIONS[kind],
      options: {},
      dir: join(folder, 'spool'),
      rejectsPath: join(folder, 'rejects.jsonl'),
    },
  );
  return chunks;
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
    `COPY (SELECT * FROM read_csv('${file}') ORDER BY "from", "to") TO '${join(folder, 'sorted.csv')}' (FORMAT csv)`,
  );
  return null;
}
