import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a real Redis that ends at a chosen command. */
export interface RedisProxy {
  url: string;
  /** Resolves when the command came that is not passed on. */
  held: Promise<void>;
  close(): Promise<void>;
}

/**
 * Passes everything on to the Redis at a loopback port until the first `command` comes. That and all that follows is
 * kept back: `silent` keeps the connections, `gone` ends them, and every new one.
 */
export async function redisProxy(port: number, command: string, how: 'silent' | 'gone'): Promise<RedisProxy> {
  const wanted = new RegExp(`\\r\\n${command}\\r\\n`, 'i');
  const sockets = new Set<Socket>();
  let over = false;
  let tell = (): void => {};
  const held = new Promise<void>((resolve) => (tell = resolve));
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    return socket.once('close', () => sockets.delete(socket));
  };
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    keep(client);
    if (over && how === 'gone') return void client.destroy();
    const redis = keep(connect(port, '127.0.0.1'));
    redis.on('data', (data) => void (over || client.write(data)));
    redis.once('close', () => void (over || client.destroy()));
    client.once('close', () => redis.destroy());
    client.on('data', (data) => {
      if (!over && wanted.test(data.toString('latin1'))) {
        over = true;
        if (how === 'gone') endAll();
        tell();
      }
      if (!over) redis.write(data);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    held,
    async close() {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
