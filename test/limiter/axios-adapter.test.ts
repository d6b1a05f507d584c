/** Requests of any program through axios: nothing leaves without a slot, every slot ends, errors are axios' own. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import {
  type AxiosError,
  type AxiosInstance,
  type AxiosRequestConfig,
  type AxiosResponse,
  create,
  isAxiosError,
  isCancel,
} from 'axios';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { chatThrottled, limited, type LimitedOptions, type Slots } from '../../src/limiter/axios-adapter.ts';
import type { Limiter, LimiterOptions } from '../../src/limiter/limiter.ts';
import { CERT } from '../chat/support/certificate.ts';
import { freePort, httpServer, type Seen, tcpServer } from '../chat/support/servers.ts';
import { testRedis, type TestRedis } from '../support/redis.ts';
import { block, until, warmLimiter } from './support.ts';

const RATE = { calls: 50, windowMs: 200 };
let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.close());

function limiterOf(options: Partial<LimiterOptions> = {}): Limiter {
  const limiter = warmLimiter(server.redis, { rate: RATE, ...options });
  onTestFinished(() => limiter.close());
  return limiter;
}

function client(baseURL: string, slots: Slots, options?: LimitedOptions): AxiosInstance {
  return limited(create({ baseURL }), slots, options);
}

/** The same service with `ms` more on every way: a whole connection to it takes several of them. */
async function farAway(url: string, ms: number): Promise<string> {
  const carry = (from: Socket, to: Socket) => {
    from.on('data', (data) => setTimeout(() => to.writable && to.write(data), ms));
    from.on('error', () => {});
    from.on('close', () => to.destroy());
  };
  const far = await tcpServer((near) => {
    const service = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
    carry(near, service);
    carry(service, near);
  });
  return far.url.replace('http:', new URL(url).protocol);
}

/** Every slot was ended: nothing waits, nothing is thought to be on its way. */
function expectQuiet(limiter: Limiter, sent: number): void {
  expect(limiter.state).toMatchObject({ sent, waiting: 0, leased: 0, unanswered: 0, held: 0 });
}

const failure = async (request: Promise<unknown>): Promise<AxiosError> =>
  request.then(
    () => Promise.reject(new Error('it was answered')),
    (error: unknown) => error as AxiosError,
  );

test('a request is what axios makes of it, one slot each, over connections that are kept', async () => {
  const { url, seen, server: http } = await httpServer((_seen, response) => response.end('{"ErrorCode":0}'));
  let opened = 0;
  http.on('connection', () => (opened += 1));
  // The first request runs code that never ran: it may be late.
  const limiter = limiterOf({ coldSlots: undefined });
  const chat = client(`${url}/v4/`, limiter);
  for (let n = 0; n < 3; n += 1) {
    const { status, data, config } = await chat.post(
      'sns/friend_get',
      { From_Account: 'ann' },
      { params: { random: n } },
    );
    expect({ status, data }).toEqual({ status: 200, data: { ErrorCode: 0 } });
    // What is the adapter's own stays with it.
    expect(Object.keys(config).filter((name) => /agent|transport/i.test(name))).toEqual([]);
  }
  const [first] = seen as [Seen];
  expect(first).toMatchObject({ path: '/v4/sns/friend_get', body: '{"From_Account":"ann"}' });
  expect(first.headers['content-type']).toBe('application/json');
  expect(seen.map(({ query }) => query.get('random'))).toEqual(['0', '1', '2']);
  expect(opened).toBe(1);
  expectQuiet(limiter, 3);
});

test('no more than the rate leaves, however many ask at once', async () => {
  const times: number[] = [];
  const { url } = await httpServer((_seen, response) => {
    times.push(performance.now());
    response.end('{}');
  });
  const limiter = limiterOf({ rate: { calls: 10, windowMs: 100 } });
  const chat = client(url, limiter);
  await Promise.all(Array.from({ length: 60 }, () => chat.get('/')));
  expect(times).toHaveLength(60);
  expectQuiet(limiter, 60);
  // 60 calls at 10 per 100 ms: none of six windows can have been shorter.
  expect((times.at(-1) as number) - (times[0] as number)).toBeGreaterThan(400);
});

test('a slot that grew too old before the write is not used: another one is', async () => {
  const { url, seen } = await httpServer((_seen, response) => response.end('{}'));
  const limiter = limiterOf();
  let taken = 0;
  const slow: Slots = {
    callTimeoutMs: limiter.callTimeoutMs,
    take: async (signal) => {
      const slot = await limiter.take(signal);
      taken += 1;
      if (taken <= 2) block(30);
      return slot;
    },
  };
  expect((await client(url, slow).get('/')).status).toBe(200);
  // A busy machine makes more of them late.
  expect(taken).toBeGreaterThanOrEqual(3);
  expect(limiter.state.tooOld).toBeGreaterThanOrEqual(2);
  expect(seen).toHaveLength(1);
  expectQuiet(limiter, 1);
});

test('slots that are too old each time end in an error, not in a wait without end', async () => {
  const { url, seen } = await httpServer((_seen, response) => response.end('{}'));
  const limiter = limiterOf();
  const busy: Slots = {
    callTimeoutMs: limiter.callTimeoutMs,
    take: async (signal) => {
      const slot = await limiter.take(signal);
      block(30);
      return slot;
    },
  };
  expect(await failure(client(url, busy).get('/'))).toMatchObject({
    code: 'ERR_NO_SLOT',
    message: expect.stringMatching(/^nothing was sent: 10 slots were too old to be used; /),
  });
  expect(seen).toHaveLength(0);
  expectQuiet(limiter, 0);
});

test('slots farther apart than a socket stays open, at a service that takes long to connect to', async () => {
  const { url, seen } = await httpServer((_seen, response) => response.end('{}'), { tls: true });
  const far = await farAway(url, 15);
  // Connecting takes longer than a slot lasts.
  const limiter = limiterOf({ rate: { calls: 1, windowMs: 300 } });
  const chat = client(far, limiter, { tls: { ca: CERT }, idleMs: 100 });
  const answers = await Promise.all([1, 2, 3].map(() => chat.get('/')));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(seen).toHaveLength(3);
  expectQuiet(limiter, 3);
});

test('more requests than sockets wait for a socket before they take a slot', async () => {
  const answers: (() => void)[] = [];
  const { url, seen } = await httpServer((_seen, response) => answers.push(() => response.end('{}')));
  const limiter = limiterOf();
  const chat = client(url, limiter, { maxSockets: 2 });
  const requests = Promise.all(Array.from({ length: 6 }, () => chat.get('/')));
  for (let sent = 2; sent <= 6; sent += 2) {
    await until(() => limiter.state.unanswered === 2 && seen.length === sent);
    // The others wait, and not for a slot.
    expect(limiter.state.waiting).toBe(0);
    for (const answer of answers.splice(0)) answer();
  }
  await requests;
  expectQuiet(limiter, 6);
});

test('without a slot nothing is sent: aborted while it waits, the line goes on without it', async () => {
  const { url, seen } = await httpServer((_seen, response) => response.end('{}'));
  const limiter = limiterOf({ rate: { calls: 1, windowMs: 10_000 } });
  const chat = client(url, limiter);
  const stop = new AbortController();
  const request = failure(chat.get('/', { signal: stop.signal }));
  // A new limiter waits for a window before it grants anything.
  await until(() => limiter.state.waiting === 1);
  stop.abort();
  const error = await request;
  expect(isCancel(error)).toBe(true);
  expect(seen).toHaveLength(0);
  expectQuiet(limiter, 0);
});

test('aborted before it began it takes nothing', async () => {
  const limiter = limiterOf();
  const error = await failure(client('http://127.0.0.1:1', limiter).get('/', { signal: AbortSignal.abort() }));
  expect(isCancel(error)).toBe(true);
  expectQuiet(limiter, 0);
});

test('aborted in flight it is over for the limiter too', async () => {
  const { url, connections } = await tcpServer();
  const limiter = limiterOf();
  const stop = new AbortController();
  const request = failure(client(url, limiter).get('/', { signal: stop.signal }));
  await until(() => limiter.state.unanswered === 1);
  stop.abort();
  expect(isCancel(await request)).toBe(true);
  expectQuiet(limiter, 1);
  for (const socket of connections) if (!socket.closed) await once(socket, 'close');
});

test.each([
  { name: 'its own time-out', timeout: 50, callTimeoutMs: 5000, code: 'ECONNABORTED' },
  { name: 'the longest life of a call', timeout: 0, callTimeoutMs: 80, code: 'ETIMEDOUT' },
])('unanswered it ends by $name', async ({ timeout, callTimeoutMs, code }) => {
  const { url } = await tcpServer();
  const limiter = limiterOf({ callTimeoutMs });
  const error = await failure(client(url, limiter).post('/', {}, { timeout }));
  expect(isAxiosError(error)).toBe(true);
  expect(error.code).toBe(code);
  expect(error.config?.url).toBe('/');
  expectQuiet(limiter, 1);
});

test('refused while connecting it takes no slot, and says so as axios does', async () => {
  const limiter = limiterOf();
  const error = await failure(client(`http://127.0.0.1:${await freePort()}`, limiter).get('/'));
  expect(isAxiosError(error)).toBe(true);
  expect(error).toMatchObject({ code: 'ECONNREFUSED', message: 'connection refused' });
  expectQuiet(limiter, 0);
});

test('a reset in flight is an error and the end of the slot', async () => {
  const { url } = await tcpServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
  const limiter = limiterOf();
  const error = await failure(client(url, limiter).get('/'));
  expect(error.code).toBe('ECONNRESET');
  expectQuiet(limiter, 1);
});

test('a status that is refused is an answer all the same, and its connection is kept', async () => {
  const { url, server: http } = await httpServer((_seen, response) => {
    response.statusCode = 503;
    response.end('down');
  });
  let opened = 0;
  http.on('connection', () => (opened += 1));
  const limiter = limiterOf({ coldSlots: undefined });
  const chat = client(url, limiter);
  for (let n = 0; n < 2; n += 1) {
    const error = await failure(chat.get('/'));
    expect(error.response).toMatchObject({ status: 503, data: 'down' });
    expect(Object.keys(error.config ?? {}).filter((name) => /agent|transport/i.test(name))).toEqual([]);
  }
  expect(opened).toBe(1);
  expectQuiet(limiter, 2);
});

test('a redirect is an answer: its target would need a slot', async () => {
  const { url, seen } = await httpServer((_seen, response) => {
    response.writeHead(302, { location: '/elsewhere' });
    response.end();
  });
  const limiter = limiterOf();
  expect((await failure(client(url, limiter).get('/'))).response?.status).toBe(302);
  expect(seen).toHaveLength(1);
  expectQuiet(limiter, 1);
});

test.each([
  { status: 200, body: '{"ActionStatus":"FAIL","ErrorCode":60007}', responseType: 'json' },
  { status: 200, body: '{"ActionStatus":"FAIL","ErrorCode":60007}', responseType: 'arraybuffer' },
  { status: 429, body: 'slow down', responseType: 'json' },
] as const)('too fast, $status $body as $responseType: the shared rate goes down', async (answer) => {
  const { status, body, responseType } = answer;
  const { url } = await httpServer((_seen, response) => {
    response.statusCode = status;
    response.end(body);
  });
  const limiter = limiterOf();
  await client(url, limiter).get('/', { validateStatus: null, responseType });
  await until(() => limiter.state.ratePerSecond < 130);
  expectQuiet(limiter, 1);
});

test('the caller may know better what "too fast" looks like; a predicate that throws still ends the slot', async () => {
  const { url } = await httpServer((_seen, response) => response.end('{"busy":true}'));
  const limiter = limiterOf();
  await client(url, limiter, { throttled: ({ data }) => (/busy/.test(data) ? 'app' : null) }).get('/');
  await until(() => limiter.state.ratePerSecond < 130);
  const broken = client(url, limiter, {
    throttled: () => {
      throw new Error('predicate');
    },
  });
  await expect(broken.get('/')).rejects.toThrow('predicate');
  expectQuiet(limiter, 2);
});

test.each([
  [200, '{"ErrorCode":60007}', 'command'],
  [200, '{"ErrorCode":60018}', 'command'],
  [200, '{"ErrorCode":60019}', 'command'],
  [200, '{"ErrorCode":60011}', 'app'],
  [429, '', 'command'],
  [200, '{"ErrorCode":0}', null],
  // One account's own limit is none of the app's.
  [200, '{"ErrorCode":30540}', null],
  [200, '{"ErrorCode":"60007"}', null],
  [200, 'null', null],
  [502, '<html>60007', null],
  [200, Buffer.from('{"ErrorCode":60007}'), 'command'],
  [200, new TextEncoder().encode('{"ErrorCode":60011}').buffer, 'app'],
  [200, Buffer.from('60007'), null],
])('%d %s is too fast for: %s', (status, data, whose) => {
  expect(chatThrottled({ status, data } as AxiosResponse)).toBe(whose);
});

test.each<{ name: string; config: AxiosRequestConfig; says: string }>([
  { name: 'an agent', config: { httpAgent: {} }, says: 'httpAgent cannot be used' },
  { name: 'a proxy', config: { proxy: { host: 'p', port: 1 } }, says: 'proxy cannot be used' },
  { name: 'redirects', config: { maxRedirects: 3 }, says: 'maxRedirects cannot be used' },
  { name: 'HTTP/2', config: { httpVersion: 2 }, says: 'httpVersion cannot be used' },
  { name: 'a socket path', config: { socketPath: '/s' }, says: 'socketPath cannot be used' },
  { name: 'a slowed body', config: { maxRate: 10 }, says: 'maxRate cannot be used' },
  { name: 'a stream', config: { method: 'post', data: Readable.from(['a']) }, says: 'no stream or form' },
  { name: 'a form', config: { method: 'post', data: new FormData() }, says: 'no stream or form' },
  { name: 'an answer as a stream', config: { responseType: 'stream' }, says: 'responseType cannot be stream' },
  { name: 'no host', config: { baseURL: '' }, says: 'only a URL of http or https' },
  { name: 'a data URL', config: { baseURL: '', url: 'data:,hello' }, says: 'only a URL of http or https' },
])('what would get past the slot is refused before one is taken: $name', async ({ config, says }) => {
  const limiter = limiterOf();
  const error = await failure(client('http://127.0.0.1:1', limiter).request({ url: '/', ...config }));
  expect(isAxiosError(error)).toBe(true);
  expect(error.code).toBe('ERR_BAD_OPTION');
  expect(error.message).toMatch(/^nothing was sent: /);
  expect(error.message).toContain(says);
  expectQuiet(limiter, 0);
});

test('proxies of the environment are not used', async () => {
  const { url } = await httpServer((_seen, response) => response.end('{}'));
  const before = process.env.http_proxy;
  process.env.http_proxy = 'http://127.0.0.1:1';
  onTestFinished(() => {
    if (before === undefined) delete process.env.http_proxy;
    else process.env.http_proxy = before;
  });
  expect((await client(url, limiterOf()).get('/')).status).toBe(200);
});

test('a closed limiter: nothing is sent, and the error says why', async () => {
  const { url, seen } = await httpServer((_seen, response) => response.end('{}'));
  const limiter = limiterOf();
  await limiter.close();
  expect(await failure(client(url, limiter).get('/'))).toMatchObject({
    code: 'ERR_NO_SLOT',
    message: 'nothing was sent: the limiter is closed',
  });
  expect(seen).toHaveLength(0);
});

test('over TLS with an authority of one’s own', async () => {
  const { url, seen } = await httpServer((_seen, response) => response.end('{}'), { tls: true });
  const limiter = limiterOf();
  expect((await client(url, limiter, { tls: { ca: CERT } }).post('/', 'bytes')).status).toBe(200);
  expect(seen[0]?.body).toBe('bytes');
  expect((await failure(client(url, limiter).get('/'))).code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  expectQuiet(limiter, 1);
});
