import { once } from 'node:events';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { classify } from '../../src/chat/classify.ts';
import type { ChatClient } from '../../src/chat/client.ts';
import { fixedUserSig } from '../../src/chat/usersig-source.ts';
import { verifyUserSig } from '../../src/chat/usersig.ts';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { itemsOf, SDKAPPID, SECRET, testClient, testUserSig } from './support/clients.ts';
import { freePort, httpServer, type Seen, tcpServer } from './support/servers.ts';

const yes = { beforeWrite: () => true };
const OK = '{"ResultItem":[{"To_Account":"b","ResultCode":0,"ResultInfo":""}],"ActionStatus":"OK","ErrorCode":0}';
const items = itemsOf('b');

function importOne(client: ChatClient) {
  return client.prepare(OPERATIONS.import, 'a', items, {});
}

/** Sends one import and says what the call's fault is. */
async function faultOf(client: ChatClient, options: Partial<Parameters<ChatClient['send']>[1]> = {}) {
  const answer = await client.send(importOne(client), { ...yes, ...options });
  if (answer.kind === 'not-sent') throw new Error('not sent');
  const shown = inspect(answer, { depth: 20, showHidden: true });
  expect(shown).not.toMatch(/usersig/i);
  expect(shown).not.toContain(testUserSig().current().text);
  return classify(OPERATIONS.import, items, answer).fault;
}

function unanswered(info: string) {
  return { kind: 'transient', curve: 'network', code: null, info, answered: false };
}

function unsent(info: string) {
  return { kind: 'transient', curve: 'network', code: null, info, answered: true };
}

describe('a request', () => {
  test('is what the service’s pages ask for', async () => {
    const { url, seen } = await httpServer((_seen, response) => response.end(OK));
    const client = testClient(url);
    const call = importOne(client);
    expect(await client.send(call, yes)).toEqual({ kind: 'response', status: 200, body: OK });

    const [{ path, query, headers, body }] = seen as [Seen];
    expect(path).toBe('/v4/sns/friend_import');
    expect([...query.keys()].toSorted()).toEqual(['contenttype', 'identifier', 'random', 'sdkappid', 'usersig']);
    expect(query.get('sdkappid')).toBe(String(SDKAPPID));
    expect(query.get('identifier')).toBe('administrator');
    expect(query.get('contenttype')).toBe('json');
    expect(query.get('random')).toBe(String(2 ** 31));
    const expected = { sdkappid: SDKAPPID, key: SECRET, identifier: 'administrator', now: 1_700_000_000 };
    expect(verifyUserSig(query.get('usersig') as string, expected)).toEqual({ ok: true });
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(call.bytes),
      connection: 'keep-alive',
    });
    expect(headers['transfer-encoding']).toBeUndefined();
    expect(body).toBe(call.body.toString());
  });

  test('keeps the path of a base URL and escapes the identifier', async () => {
    const { url, seen } = await httpServer((_seen, response) => response.end(OK));
    const client = testClient(`${url}/gate`, { admin: 'ad&min ü' });
    await client.send(importOne(client), yes);
    expect(seen[0]?.path).toBe('/gate/v4/sns/friend_import');
    expect(seen[0]?.query.get('identifier')).toBe('ad&min ü');
  });

  test.each([
    [0, '0'],
    [0.999_999_999_9, '4294967295'],
  ])('random is an unsigned 32-bit integer', async (random, text) => {
    const { url, seen } = await httpServer((_seen, response) => response.end(OK));
    const client = testClient(url, { random: () => random });
    await client.send(importOne(client), yes);
    expect(seen[0]?.query.get('random')).toBe(text);
  });

  test('ignores the proxies of the environment', async () => {
    const { url, seen } = await httpServer((_seen, response) => response.end(OK));
    vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
    vi.stubEnv('no_proxy', '');
    vi.stubEnv('NO_PROXY', '');
    onTestFinished(() => void vi.unstubAllEnvs());
    const client = testClient(url);
    expect(await client.send(importOne(client), yes)).toMatchObject({ kind: 'response', status: 200 });
    expect(seen[0]?.target).toMatch(/^\/v4\//);
  });

  test('goes over one connection after the other: sockets are reused', async () => {
    const { url, seen } = await httpServer((_seen, response) => response.end(OK));
    const client = testClient(url);
    for (let i = 0; i < 5; i += 1) {
      const connection = await client.ready();
      await client.send(importOne(client), { ...yes, connection });
    }
    expect(seen).toHaveLength(5);
    expect(new Set(seen.map(({ socket }) => socket)).size).toBe(1);
  });

  test('a compressed answer is unpacked', async () => {
    const { url } = await httpServer((_seen, response) => {
      response.setHeader('Content-Encoding', 'gzip');
      response.end(gzipSync(OK));
    });
    const client = testClient(url);
    expect(await client.send(importOne(client), yes)).toMatchObject({ body: OK });
  });
});

describe('the check before writing', () => {
  test('false writes no byte on a ready connection, and the next call works', async () => {
    const { url, connections, received, opened } = await tcpServer((socket) => {
      socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${OK.length}\r\n\r\n${OK}`));
    });
    const client = testClient(url);
    const connection = await client.ready();
    expect(await opened()).toBe(1);
    const [accepted] = connections;
    let written = false;
    const answer = await client.send(importOne(client), {
      beforeWrite: () => false,
      onWritten: () => (written = true),
      connection,
    });
    expect(answer).toEqual({ kind: 'not-sent' });
    expect(written).toBe(false);
    if (accepted && !accepted.closed) await once(accepted, 'close');
    expect(connections).toHaveLength(1);
    expect(received()).toHaveLength(0);
    expect(await client.send(importOne(client), yes)).toMatchObject({ kind: 'response', body: OK });
    expect(received().toString()).toMatch(/^POST /);
  });

  test('false writes no byte on a connection that was opened for the request', async () => {
    const { url, connections, received, opened } = await tcpServer();
    const client = testClient(url);
    expect(await client.send(importOne(client), { beforeWrite: () => false })).toEqual({ kind: 'not-sent' });
    expect(await opened()).toBe(1);
    const [accepted] = connections;
    if (accepted && !accepted.closed) await once(accepted, 'close');
    expect(received()).toHaveLength(0);
  });

  test('false writes no byte over TLS', async () => {
    const { url, seen } = await httpServer((_seen, response) => response.end(OK), { tls: true });
    const client = testClient(url, { tls: { rejectUnauthorized: false } });
    const connection = await client.ready();
    expect(await client.send(importOne(client), { beforeWrite: () => false, connection })).toEqual({
      kind: 'not-sent',
    });
    expect(await client.send(importOne(client), yes)).toMatchObject({ body: OK });
    expect(seen).toHaveLength(1);
  });

  test('is asked once, on a connected socket, in the tick in which the bytes leave', async () => {
    const { url, seen } = await httpServer((_seen, response) => response.end(OK));
    const client = testClient(url);
    for (const warm of [true, false]) {
      const connection = warm ? await client.ready() : undefined;
      const events: string[] = [];
      const answer = await client.send(importOne(client), {
        beforeWrite() {
          events.push('check');
          // Runs after everything else of this tick.
          setImmediate(() => events.push('next tick'));
          return true;
        },
        onWritten: () => events.push('written'),
        connection,
      });
      expect(answer.kind).toBe('response');
      expect(events).toEqual(['check', 'written', 'next tick']);
    }
    expect(seen).toHaveLength(2);
  });

  test('the whole request is with the kernel before the next turn of the event loop', async () => {
    const { url, connections, received, opened } = await tcpServer();
    const client = testClient(url);
    const connection = await client.ready();
    await opened();
    // In this process the server reads in a later turn: what it gets after the client is gone was written before.
    const sent = client.send(importOne(client), {
      beforeWrite() {
        setImmediate(() => client.close());
        return true;
      },
      connection,
    });
    expect(await sent).toMatchObject({ kind: 'error' });
    const [socket] = connections;
    if (socket && !socket.closed) await once(socket, 'close');
    expect(received().toString()).toMatch(/^POST [^]*\r\n\r\n\{.*\}$/);
  });

  test('a check that throws sends nothing and is an error of the call', async () => {
    const { url, seen } = await httpServer((_seen, response) => response.end(OK));
    const client = testClient(url);
    const fault = await faultOf(client, {
      beforeWrite() {
        throw new Error('bug');
      },
    });
    expect(fault).toEqual(unsent('network error'));
    expect(seen).toHaveLength(0);
  });
});

describe('what can go wrong on the way', () => {
  test('connection refused', async () => {
    const client = testClient(`http://127.0.0.1:${await freePort()}`);
    await expect(client.ready()).rejects.toMatchObject({ message: 'connection refused', sent: false });
    expect(await faultOf(client)).toEqual(unsent('connection refused'));
  });

  test('host name not found', async () => {
    const client = testClient('http://no-such-host.invalid:81');
    await expect(client.ready()).rejects.toMatchObject({ sent: false });
    expect(await faultOf(client)).toMatchObject({ kind: 'transient', curve: 'network', answered: true });
  });

  test('connection reset after the request', async () => {
    const { url } = await tcpServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await faultOf(testClient(url))).toEqual(unanswered('connection reset'));
  });

  test('connection closed without an answer', async () => {
    const { url } = await tcpServer((socket) => socket.once('data', () => socket.end()));
    expect(await faultOf(testClient(url))).toEqual(unanswered('connection reset'));
  });

  test('connection closed in the middle of the answer', async () => {
    const half = `HTTP/1.1 200 OK\r\nContent-Length: ${OK.length}\r\n\r\n${OK.slice(0, 20)}`;
    const { url } = await tcpServer((socket) => socket.once('data', () => socket.end(half)));
    expect(await faultOf(testClient(url))).toEqual(unanswered('the answer broke off or was too large'));
  });

  test('something that is not HTTP', async () => {
    const { url } = await tcpServer((socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n')));
    expect(await faultOf(testClient(url))).toEqual(unanswered('the answer is not HTTP'));
  });

  test('a TLS client at a plain server, and a certificate nobody knows', async () => {
    const plain = await httpServer((_seen, response) => response.end(OK));
    const atPlain = testClient(plain.url.replace('http:', 'https:'));
    expect(await faultOf(atPlain)).toMatchObject({ kind: 'transient', answered: true });
    const tls = await httpServer((_seen, response) => response.end(OK), { tls: true });
    expect(await faultOf(testClient(tls.url))).toEqual(unsent('the certificate is self-signed'));
    expect(tls.seen).toHaveLength(0);
  });

  test('no answer in time', async () => {
    const { url } = await tcpServer();
    expect(await faultOf(testClient(url, { timeoutMs: 50 }))).toEqual(unanswered('no answer within 0.05 s'));
  });

  test('an answer that trickles: the time-out is for the whole call', async () => {
    const { url } = await tcpServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n');
        const drip = setInterval(() => socket.write('x'), 5);
        socket.once('close', () => clearInterval(drip));
      });
    });
    expect(await faultOf(testClient(url, { timeoutMs: 100 }))).toEqual(unanswered('no answer within 0.1 s'));
  });

  test('a connection that never completes: nothing was sent', async () => {
    // A plain server that accepts and stays silent: TLS never comes to an end.
    const { url, received } = await tcpServer();
    const client = testClient(url.replace('http:', 'https:'), { timeoutMs: 50 });
    await expect(client.ready()).rejects.toMatchObject({ message: 'no connection within 0.05 s', sent: false });
    expect(await faultOf(client)).toMatchObject({ kind: 'transient', code: null, answered: true });
    expect(received().toString('latin1')).not.toContain('POST');
  });

  test('aborted before, while connecting, and in flight', async () => {
    const { url, received } = await tcpServer();
    const client = testClient(url);
    expect(await faultOf(client, { signal: AbortSignal.abort() })).toEqual(unsent('aborted'));

    const connecting = new AbortController();
    const early = faultOf(client, { signal: connecting.signal });
    connecting.abort();
    expect(await early).toEqual(unsent('aborted'));
    expect(received()).toHaveLength(0);

    const inFlight = new AbortController();
    const late = faultOf(client, { signal: inFlight.signal, onWritten: () => setImmediate(() => inFlight.abort()) });
    expect(await late).toEqual(unanswered('aborted'));
    await expect(testClient(url).ready(AbortSignal.abort())).rejects.toMatchObject({ message: 'aborted', sent: false });
  });

  test.each([
    [502, 'transient'],
    [503, 'transient'],
    [429, 'transient'],
    [404, 'unknown-code'],
  ])('status %i', async (status, kind) => {
    const { url } = await httpServer((_seen, response) => response.writeHead(status).end('<html>'));
    expect(await faultOf(testClient(url))).toMatchObject({ kind });
  });

  test('a redirect is not followed: the UserSig goes nowhere else', async () => {
    const elsewhere = await httpServer((_seen, response) => response.end(OK));
    const { url } = await httpServer((_seen, response) => response.writeHead(307, { Location: elsewhere.url }).end());
    expect(await faultOf(testClient(url))).toMatchObject({ kind: 'unknown-code', code: 307 });
    expect(elsewhere.seen).toHaveLength(0);
  });

  test('an answer that is no JSON', async () => {
    const { url } = await httpServer((_seen, response) => response.end('<html>'));
    expect(await faultOf(testClient(url))).toEqual({ kind: 'unreadable', info: 'the answer is not JSON' });
  });

  test('close ends calls in flight', async () => {
    const { url } = await tcpServer();
    const client = testClient(url);
    const fault = faultOf(client, { onWritten: () => setImmediate(() => client.close()) });
    expect(await fault).toMatchObject({ kind: 'transient', answered: false });
    await expect(client.ready()).rejects.toMatchObject({ message: 'aborted' });
  });
});

/** A server that refuses every UserSig but the good ones, as expired. */
function refusing(good: (usersig: string) => boolean) {
  return httpServer(({ query }, response) => {
    const refused = '{"ActionStatus":"FAIL","ErrorCode":70001,"ErrorInfo":"expired"}';
    response.end(good(query.get('usersig') as string) ? OK : refused);
  });
}

describe('the UserSig', () => {
  test('is renewed once when it is refused, also with many calls in flight', async () => {
    const clock = { ms: 1_700_000_000_000 };
    const first = testUserSig(() => clock.ms).current().text;
    const { url, seen } = await refusing((usersig) => usersig !== first);
    const client = testClient(url, { userSig: testUserSig(() => clock.ms) });
    clock.ms += 1000;
    await Promise.all(Array.from({ length: 5 }, () => client.send(importOne(client), yes)));
    expect(client.renewUserSig()).toBe(true);
    expect(client.renewUserSig()).toBe(true);
    await Promise.all(Array.from({ length: 5 }, () => client.send(importOne(client), yes)));
    expect(client.renewUserSig()).toBe(true);
    expect(new Set(seen.map(({ query }) => query.get('usersig'))).size).toBe(2);
  });

  test('is given up when the renewed one is refused too', async () => {
    const { url } = await refusing(() => false);
    const client = testClient(url);
    await client.send(importOne(client), yes);
    expect(client.renewUserSig()).toBe(true);
    await client.send(importOne(client), yes);
    expect(client.renewUserSig()).toBe(false);
  });

  test('cannot be renewed when it is fixed', async () => {
    const { url } = await refusing(() => false);
    const client = testClient(url, { userSig: fixedUserSig('abc') });
    await client.send(importOne(client), yes);
    expect(client.renewUserSig()).toBe(false);
  });

  test('and the key cannot be read off a client', () => {
    const userSig = testUserSig();
    const client = testClient('http://127.0.0.1:9', { userSig });
    for (const shown of [inspect(client, { depth: 20, showHidden: true }), JSON.stringify(client)]) {
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain(userSig.current().text);
    }
  });

  test('is cut out of an answer that repeats it', async () => {
    const userSig = testUserSig();
    const { text } = userSig.current();
    const { url } = await httpServer(({ query }, response) => {
      response.end(`{"ActionStatus":"FAIL","ErrorCode":60025,"ErrorInfo":"bad ${query.get('usersig')}"}`);
    });
    const client = testClient(url, { userSig });
    const answer = await client.send(importOne(client), yes);
    expect(JSON.stringify(answer)).not.toContain(text);
    expect(answer).toMatchObject({ body: expect.stringContaining('bad ***') });
  });
});
