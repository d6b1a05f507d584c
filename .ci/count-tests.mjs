// `node .ci/count-tests.mjs REPORT`: prints "passed failed" of a vitest JSON report. A test file that could not be
// loaded has no tests to count and is one failure.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const unloaded = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
);
console.log(`${report.numPassedTests} ${report.numFailedTests + unloaded.length}`);
