// All benches in turn, each in a process of its own, with its tables written into docs/benchmarks.md where it has any.
// Goes on where one fails, and ends with the exit code of the first that did.
//
//   npm run bench -- [--quick] [--write]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

/** In each: what it is given for `--quick`, and whether it writes tables. */
const BENCHES = [
  { name: 'limiter', quick: ['--seconds', '5', '--load', 'idle', '--network', 'plain'], writes: true },
  { name: 'ceiling', quick: ['--quick'], writes: true },
  { name: 'intake', quick: ['--quick'], writes: true },
  { name: 'plan', quick: ['--quick'], writes: true },
  { name: 'two-way', quick: [], writes: false },
];

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});

for (const { name, quick, writes } of BENCHES) {
  console.error(`bench:${name}`);
  const args = [...(values.quick ? quick : []), ...(values.write && writes ? ['--write'] : [])];
  const { status } = spawnSync('npm', ['run', '--silent', `bench:${name}`, '--', ...args], { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`bench:${name} ended with ${status}`);
    process.exitCode ||= status ?? 1;
  }
}
