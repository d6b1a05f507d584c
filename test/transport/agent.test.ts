import { once } from 'node:events';
import { request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { type Connection, WarmAgent, type WarmAgentOptions } from '../../src/transport/agent.ts';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { CERT } from '../chat/support/certificate.ts';
import { itemsOf, testClient } from '../chat/support/clients.ts';
import { freePort, httpServer, tcpServer } from '../chat/support/servers.ts';

function agentFor(url: string, options: Partial<WarmAgentOptions> = {}): WarmAgent {
  const agent = new WarmAgent({
    origin: new URL(url),
    maxSockets: 4,
    connectTimeoutMs: 5000,
    idleMs: 60_000,
    ...options,
  });
  onTestFinished(() => agent.close());
  return agent;
}

/** One GET; resolves with whether the socket was connected when the request got it. */
async function get(
  agent: WarmAgent,
  url: string,
  held = false,
): Promise<{ connected: boolean; end: () => Promise<void> }> {
  const sent = request(url, { agent: agent.http });
  const got = once(sent, 'socket').then(([socket]) => !socket.connecting);
  sent.end();
  const connected = await got;
  const end = async () => {
    const [response] = await once(sent, 'response');
    response.resume();
    await once(response, 'end');
  };
  if (!held) await end();
  return { connected, end };
}

test('a promised connection is open before its request, and one promise opens one', async () => {
  const { url, opened } = await tcpServer();
  const agent = agentFor(url);
  await Promise.all([agent.ready(), agent.ready(), agent.ready()]);
  expect(await opened()).toBe(3);
});

test('idle sockets keep a promise without opening more', async () => {
  const { url, seen, server } = await httpServer((_seen, response) => response.end('{}'));
  let opened = 0;
  server.on('connection', () => (opened += 1));
  const agent = agentFor(url);
  for (let i = 0; i < 3; i += 1) {
    const connection = await agent.ready();
    expect((await get(agent, url)).connected).toBe(true);
    connection.release();
  }
  expect(seen).toHaveLength(3);
  expect(opened).toBe(1);
});

test('a released promise is open for the next, however often it is released', async () => {
  const { url, opened } = await tcpServer();
  const agent = agentFor(url);
  const first = await agent.ready();
  first.release();
  first.release();
  await agent.ready();
  expect(await opened()).toBe(1);
  await agent.ready();
  expect(await opened()).toBe(2);
});

test('a request never sees a socket that is still connecting', async () => {
  const { url } = await httpServer((_seen, response) => response.end('{}'));
  const agent = agentFor(url);
  expect((await get(agent, url)).connected).toBe(true);
});

test('a ready socket that the server closes is not handed out', async () => {
  const { url, connections, opened } = await tcpServer((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'));
  });
  const agent = agentFor(url);
  await agent.ready();
  expect(await opened()).toBe(1);
  const [first] = connections;
  first?.end();
  if (first && !first.closed) await once(first, 'close');
  expect((await get(agent, url)).connected).toBe(true);
  expect(connections).toHaveLength(2);
});

test('a ready socket that the server resets ends nothing, and is replaced', async () => {
  const { url, connections, opened } = await tcpServer();
  const agent = agentFor(url);
  const lost = await agent.ready();
  expect(await opened()).toBe(1);
  const [first] = connections;
  first?.resetAndDestroy();
  lost.release();
  // The reset reaches us some turns of the event loop later; ready is asked until it has.
  do {
    (await agent.ready()).release();
  } while ((await opened()) < 2);
  expect(connections).toHaveLength(2);
});

test('beyond maxSockets ready waits, first come first served, for a socket that is answered or given back', async () => {
  const { url, connections, opened } = await tcpServer();
  const agent = agentFor(url, { maxSockets: 2 });
  const [first] = (await Promise.all([agent.ready(), agent.ready()])) as [Connection, Connection];
  const { end } = await get(agent, url, true);
  first.release(); // it was for that request
  const granted: string[] = [];
  const wait = async (name: string) => {
    const connection = await agent.ready();
    granted.push(name);
    return connection;
  };
  const [third, fourth] = [wait('third'), wait('fourth')];
  const stop = new AbortController();
  const aborted = agent.ready(stop.signal);
  expect(await opened()).toBe(2);
  expect(granted).toEqual([]);
  stop.abort();
  await expect(aborted).rejects.toMatchObject({ message: 'aborted', sent: false });
  while (!connections.some((socket) => socket.bytesRead > 0)) await new Promise(setImmediate);
  const busy = connections.find((socket) => socket.bytesRead > 0);
  busy?.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
  await end();
  const given = await third;
  expect(granted).toEqual(['third']);
  given.release();
  await fourth;
  expect(granted).toEqual(['third', 'fourth']);
  expect(await opened()).toBe(2);
});

test('a promised socket that was idle too long is replaced; one of nobody is not', async () => {
  const { url, connections, opened } = await tcpServer();
  const agent = agentFor(url, { idleMs: 30 });
  const connection = await agent.ready();
  expect(connection.open).toBe(true);
  while (connections.length < 3) await new Promise(setImmediate);
  await agent.ready().then(({ release }) => release());
  expect(connection.open).toBe(true);
  connection.release();
  while (connections.some((socket) => !socket.closed)) await new Promise(setImmediate);
  const before = connections.length;
  expect(await opened()).toBe(before);
});

test('a promised socket that the server closes at once is not: that would go on without end', async () => {
  const { url, connections, opened } = await tcpServer((socket) => socket.end());
  const connection = await agentFor(url).ready();
  while (connection.open) await new Promise(setImmediate);
  expect(await opened()).toBe(1);
  expect(connections).toHaveLength(1);
});

test('a service that refuses connections is an error for everybody who waits', async () => {
  const agent = agentFor(`http://127.0.0.1:${await freePort()}`, { maxSockets: 2 });
  const outcomes = await Promise.allSettled(Array.from({ length: 7 }, () => agent.ready()));
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'connection refused', sent: false } });
  }
});

test('an abort while connecting rejects and leaves no promise behind', async () => {
  const { url, connections } = await tcpServer();
  const agent = agentFor(url.replace('http:', 'https:'));
  const controller = new AbortController();
  const ready = agent.ready(controller.signal);
  controller.abort();
  await expect(ready).rejects.toMatchObject({ message: 'aborted', sent: false });
  for (const socket of connections) if (!socket.closed) await once(socket, 'close');
});

test('close destroys ready sockets', async () => {
  const { url, connections, opened } = await tcpServer();
  const agent = agentFor(url);
  await agent.ready();
  expect(await opened()).toBe(1);
  agent.close();
  const [socket] = connections;
  if (socket && !socket.closed) await once(socket, 'close');
  await expect(agent.ready()).rejects.toMatchObject({ message: 'aborted' });
});

test('over TLS: certificates are checked, handshakes are done before the request, sessions are resumed', async () => {
  const { url, seen, server } = await httpServer((_seen, response) => response.end('{}'), { tls: true });
  const resumed: boolean[] = [];
  server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()));
  const client = testClient(url, { tls: { ca: CERT } });
  const call = client.prepare(OPERATIONS.check, 'a', itemsOf('b'), {});
  const send = async () => client.send(call, { beforeWrite: () => true, connection: await client.ready() });
  expect(await send()).toMatchObject({ kind: 'response', status: 200 });
  const [first, second] = await Promise.all([client.ready(), client.ready()]);
  expect(seen).toHaveLength(1);
  await Promise.all([first, second].map((connection) => client.send(call, { beforeWrite: () => true, connection })));
  expect(seen).toHaveLength(3);
  expect(resumed).toEqual([false, true]);
});
