import { execFileSync } from 'node:child_process';

/** Tests that start processes start what ships: dist/, built once before the first test. */
export default function build(): void {
  execFileSync(process.execPath, ['scripts/build.mjs', '--if-changed'], { stdio: 'inherit' });
}
