// Waits for the lock of a home's recorder, says so, and keeps it until killed.
import { lockHome } from '../../dist/src/results/home-lock.js';

const log = { debug() {}, warn: (_, message) => console.log(message) };
const lock = await lockHome(process.argv[2], { sdkAppId: 1, redis: null }, log, new AbortController().signal);
console.log('mine');
process.stdin.resume();
process.stdin.on('end', async () => {
  await lock.giveUp();
  console.log('given up');
});
