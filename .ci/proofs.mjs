// `node .ci/proofs.mjs REPORT`: every path under test/ that docs/guarantees.md names as a proof is there, and of every
// `*.test.ts` among them, or below a folder among them, a vitest JSON report has tests that ran and passed. Suites that run
// by themselves (`*.suite.ts`) need only be there. Exit code 1: a guarantee names what does not prove it.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = process.cwd();
const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const passed = new Set(
  report.testResults
    .filter(({ assertionResults }) => assertionResults.some(({ status }) => status === 'passed'))
    .filter(({ assertionResults }) => assertionResults.every(({ status }) => status !== 'failed'))
    .map(({ name }) => relative(root, name)),
);
const text = readFileSync(join(root, 'docs/guarantees.md'), 'utf8');
const named = [...new Set([...text.matchAll(/`(test\/[\w./-]+)`/g)].map(([, path]) => path))];
const wrong = named.flatMap((path) => {
  if (!existsSync(join(root, path))) return [`${path} is not there`];
  const isFolder = statSync(join(root, path)).isDirectory();
  const ran = isFolder ? [...passed].some((file) => file.startsWith(`${path}/`)) : passed.has(path);
  return ran || !(isFolder || path.endsWith('.test.ts')) ? [] : [`${path} did not run, or failed`];
});
console.log(`${named.length} proofs named, ${wrong.length} missing`);
for (const line of wrong) console.error(line);
if (named.length === 0 || wrong.length > 0) process.exitCode = 1;
