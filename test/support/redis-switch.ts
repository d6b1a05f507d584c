import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to one of several real Redis servers, as a proxy, a name or a Sentinel gives it to clients. */
export interface RedisSwitch {
  port: number;
  url: string;
  /** Ends all connections; new ones go to the Redis at this loopback port, or, with null, nowhere. */
  turnTo(port: number | null): void;
  /** Open connections pass nothing on any more, and nobody is told; new ones work. */
  fallSilent(): void;
  close(): Promise<void>;
}

export async function redisSwitch(to: number): Promise<RedisSwitch> {
  let target: number | null = to;
  const sockets = new Set<Socket>();
  const silence = new EventEmitter().setMaxListeners(0);
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
    if (target === null) return void client.destroy();
    const redis = keep(connect(target, '127.0.0.1'));
    client.pipe(redis).pipe(client);
    silence.once('fall', () => {
      client.unpipe(redis).resume();
      redis.unpipe(client).resume();
    });
    client.once('close', () => redis.destroy());
    redis.once('close', () => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    turnTo(next) {
      target = next;
      endAll();
    },
    fallSilent: () => void silence.emit('fall'),
    async close() {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
