import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A network between processes and a server on a loopback port, with what networks do. */
export interface Link {
  port: number;
  /** How often the counted words were sent to the server, whether they arrived or not. */
  sent(): number;
  /** Ends all connections, as a reset does. */
  cut(): void;
  /** Everything takes so much longer from now on, both ways; 0: as it comes. */
  delay(ms: number): void;
  /** Half-open: present connections stay, and nothing comes through any more, either way, until they are cut. */
  freeze(): void;
  close(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
  frozen: boolean;
}

/** @param counted words that stand once in what shall be counted, near its beginning */
export async function link(target: number, counted?: string): Promise<Link> {
  const pairs = new Set<Pair>();
  let sent = 0;
  let delayMs = 0;
  /** Bytes come out in the order they went in, whatever the delay became meanwhile. */
  const pass = (pair: Pair, from: Socket, to: Socket): void => {
    let last = Promise.resolve();
    const passOn = async (before: Promise<void>, data: Buffer, due: number): Promise<void> => {
      await before;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      if (!pair.frozen) to.write(data);
    };
    from.on('data', (data) => (last = passOn(last, data, performance.now() + delayMs)));
    from.on('error', () => {});
    from.once('close', () => {
      if (!pair.frozen) to.destroy();
    });
  };
  const listener = createServer((client) => {
    const pair = { client, server: connect(target, '127.0.0.1'), frozen: false };
    for (const socket of [client, pair.server]) socket.setNoDelay(true);
    pairs.add(pair);
    client.once('close', () => pairs.delete(pair));
    if (counted !== undefined) client.on('data', (data) => (sent += data.toString('latin1').split(counted).length - 1));
    pass(pair, client, pair.server);
    pass(pair, pair.server, client);
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const cut = (): void => {
    for (const { client, server } of pairs) {
      server.destroy();
      client.resetAndDestroy();
    }
  };
  return {
    port: (listener.address() as AddressInfo).port,
    sent: () => sent,
    cut,
    delay(ms) {
      delayMs = ms;
    },
    freeze() {
      for (const pair of pairs) pair.frozen = true;
    },
    async close() {
      cut();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
