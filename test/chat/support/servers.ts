import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { CERT, KEY } from './certificate.ts';

/** One request as a server saw it. */
export interface Seen {
  /** The request line's target as it came: a proxy would see a whole URL. */
  target: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
  socket: Socket;
}

/** A real HTTP server on loopback that keeps what it saw, and is closed after the test. */
export async function httpServer(
  answer: (seen: Seen, response: ServerResponse) => void,
  options: { tls?: boolean } = {},
): Promise<{ url: string; seen: Seen[]; server: Server }> {
  const seen: Seen[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part as Buffer);
    } catch {
      return; // the client went away, which is what some tests want
    }
    const url = new URL(request.url ?? '', 'http://localhost');
    const one = {
      target: request.url ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(parts).toString(),
      socket: request.socket,
    };
    seen.push(one);
    answer(one, response);
  };
  const server = options.tls
    ? createHttps({ cert: CERT, key: KEY }, (request, response) => void handle(request, response))
    : createHttp((request, response) => void handle(request, response));
  const port = await listen(server);
  return { url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`, seen, server };
}

export interface TcpServer {
  url: string;
  /** Connections in the order of their arrival. */
  connections: Socket[];
  /** Every byte of every connection. */
  received: () => Buffer;
  /** How many connections were opened up to now: one more, opened here, arrives after all of them. */
  opened: () => Promise<number>;
}

/** A bare TCP server that keeps every byte it got. */
export async function tcpServer(onConnection: (socket: Socket) => void = () => {}): Promise<TcpServer> {
  const connections: Socket[] = [];
  const bytes: Buffer[] = [];
  const server = createTcp((socket) => {
    connections.push(socket);
    socket.on('data', (data) => bytes.push(data));
    onConnection(socket);
  });
  const port = await listen(server);
  const opened = async () => {
    const probe = connect({ host: '127.0.0.1', port });
    await once(probe, 'connect');
    const isProbe = (socket: Socket) => socket.remotePort === probe.localPort;
    while (!connections.some(isProbe)) await once(server, 'connection');
    const count = connections.findIndex(isProbe);
    connections.splice(count, 1);
    probe.destroy();
    return count;
  };
  return { url: `http://127.0.0.1:${port}`, connections, received: () => Buffer.concat(bytes), opened };
}

/** A port on loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createTcp();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
