// A network between callers and service, in a process of its own: what comes is passed on later, in its order, by a
// random time of up to `jitterMs` each way. A blip holds everything that comes in the first `blipMs` of each two seconds.
//
// Forked with [port of the service, jitterMs, blipMs]; says the port to connect to.
import { connect, createServer } from 'node:net';

const BLIP_EVERY_MS = 2000;
const [port, jitterMs, blipMs] = process.argv.slice(2).map(Number);

const server = createServer({ noDelay: true }, (caller) => {
  const service = connect({ port, host: '127.0.0.1', noDelay: true });
  pass(caller, service);
  pass(service, caller);
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit());

function pass(from, to) {
  let lastAt = 0;
  from.on('data', (data) => {
    lastAt = Math.max(lastAt, performance.now() + delay());
    setTimeout(() => to.write(data), lastAt - performance.now());
  });
  from.on('error', () => {});
  from.on('close', () => to.destroy());
}

function delay() {
  return Math.max(Math.random() * jitterMs, blipMs - (performance.now() % BLIP_EVERY_MS));
}
