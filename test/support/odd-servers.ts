import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:tls';
import { CERT, KEY } from '../chat/support/certificate.ts';

/** What can stand where a Redis should: each on a free loopback port, until `closeAll`. */
export interface OddServers {
  /** Takes connections and never says a word. */
  silent(): Promise<number>;
  /** Says one line to everybody at once, as a mail or ssh server does. */
  greeting(line: string): Promise<number>;
  web(): Promise<number>;
  /** Ends every connection at its first byte. */
  closing(): Promise<number>;
  /** Speaks TLS with a certificate nobody signed, and answers within as `replies` says. */
  tls(replies: Replies): Promise<number>;
  /** A server of few words: answers commands by their name. */
  redisLike(replies: Replies): Promise<number>;
  /** A port where nothing listens. */
  nothing(): Promise<number>;
  closeAll(): Promise<void>;
}

/** By command in capitals; `*` for every other. */
export type Replies = Record<string, string>;

export function oddServers(): OddServers {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const listen = async (server: Server): Promise<number> => {
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    return (server.address() as AddressInfo).port;
  };
  return {
    silent: () => listen(createServer()),
    greeting: (line) => listen(createServer((socket) => socket.write(`${line}\r\n`))),
    web: () => listen(createHttpServer((_, response) => response.end('hello'))),
    closing: () => listen(createServer((socket) => socket.once('data', () => socket.end()))),
    tls: (replies) => listen(createTlsServer({ cert: CERT, key: KEY }, (socket) => answer(socket, replies))),
    redisLike: (replies) => listen(createServer((socket) => answer(socket, replies))),
    async nothing() {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return port;
    },
    async closeAll() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** A bulk string as Redis writes it. */
export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

/** Commands come whole, in RESP arrays: `*2 $6 SELECT $1 3`. */
function answer(socket: Socket, replies: Replies): void {
  let heard = '';
  socket.on('error', () => {});
  socket.on('data', (data) => {
    heard += data.toString('latin1');
    for (;;) {
      const command = /^\*(\d+)\r\n/.exec(heard);
      if (command === null) return;
      const lines = heard.split('\r\n');
      const length = 2 * Number(command[1]) + 1;
      if (lines.length <= length) return;
      heard = lines.slice(length).join('\r\n');
      const name = (lines[2] as string).toUpperCase();
      socket.write(replies[name] ?? replies['*'] ?? '+OK\r\n');
    }
  });
}
