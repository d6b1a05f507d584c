import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { type Socket, connect as connectTcp, isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { ABORTED, TIMED_OUT, TransportError, transportError } from './transport-error.ts';

/**
 * The promise of one connected socket. It ends when a request has been made with it, or with `release`, whichever is
 * first. A socket that closes meanwhile is replaced.
 */
export interface Connection {
  /** False while no connected socket is there for it: a request would have to connect first. */
  readonly open: boolean;
  /** Gives the promise back; may be called at any time and more than once. */
  release(): void;
}

export interface WarmAgentOptions {
  /** Scheme, host and port of every call. */
  origin: URL;
  /** Most sockets at once: at least as many as calls in flight. Beyond it `ready` waits until one is free. */
  maxSockets: number;
  /** Longest time to connect, TLS included, ms. */
  connectTimeoutMs: number;
  /** Idle sockets are closed after this time, or earlier where the server says so (`Keep-Alive: timeout=`), ms. */
  idleMs: number;
  /** Extra TLS options, e.g. `ca`. */
  tls?: ConnectionOptions;
}

/** Who waits for a socket. */
interface Waiter {
  grant(): void;
  fail(error: unknown): void;
}

/** A promised socket that the other side closes sooner is not replaced: that would go on as fast as connecting does. */
const LASTING_MS = 1000;

/**
 * A keep-alive pool that can promise a connected socket before a call takes its slot: connecting takes one to three
 * round trips, and a call that left late would break the spacing of the calls.
 *
 * Sockets that are open ahead of their first request wait in a list of our own; after it node's agent keeps them.
 * Requests never see a socket that is still connecting.
 */
export class WarmAgent {
  readonly http: HttpAgent;
  readonly #options: WarmAgentOptions;
  /** Connected, and not known to node's agent yet. */
  readonly #ahead = new Set<Socket>();
  readonly #connected = new Set<Socket>();
  /** Also those that a request waits for. */
  readonly #connecting = new Set<Socket>();
  /** Of them, those that are for promises: how to give each up. */
  readonly #coming = new Set<AbortController>();
  /** First come, first served. */
  readonly #waiting = new Set<Waiter>();
  /** Connections given out by `ready` that no request has used yet. */
  #promised = 0;
  #closed = false;
  #session: Buffer | undefined;

  constructor(options: WarmAgentOptions) {
    this.#options = options;
    const { idleMs: timeout, maxSockets } = options;
    const Agent = options.origin.protocol === 'https:' ? HttpsAgent : HttpAgent;
    this.http = new Agent({ keepAlive: true, maxSockets, maxFreeSockets: maxSockets, timeout });
    // Documented: a socket is returned, or handed to the callback later.
    this.http.createConnection = (_options, callback) => {
      const socket = this.#takeAhead();
      if (socket) return socket;
      if (callback) void this.#handOut(callback);
      return undefined;
    };
    // After node's own listener: the socket is idle, or has gone to a request that waited for it.
    this.http.on('free', () => this.#serve());
  }

  /** Resolves when a connected socket is there for one request more. Rejects with a TransportError. */
  ready(signal?: AbortSignal): Promise<Connection> {
    if (this.#closed || signal?.aborted) return Promise.reject(aborted());
    return new Promise((resolve, reject) => {
      const abort = () => {
        waiter.fail(aborted());
        this.#giveUpSurplus();
      };
      const leave = () => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener('abort', abort);
      };
      const waiter: Waiter = {
        grant: () => {
          leave();
          resolve(this.#promise());
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.add(waiter);
      this.#serve();
    });
  }

  /** Destroys every socket; calls in flight end with an error. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting) waiter.fail(aborted());
    this.http.destroy();
    for (const socket of [...this.#ahead, ...this.#connecting]) socket.destroy();
  }

  #promise(): Connection {
    this.#promised += 1;
    const release = once(() => {
      this.#promised -= 1;
      this.#serve();
    });
    const hasSocket = () => this.#unused > 0;
    return {
      get open() {
        return hasSocket();
      },
      release,
    };
  }

  /** Connected sockets without a request. */
  get #unused(): number {
    return count(this.http.freeSockets) + this.#ahead.size;
  }

  /**
   * Keeps the promises: after everything that makes a socket free or takes one away. One socket at most is opened each
   * time, so that a service that cannot be reached is not stormed.
   */
  #serve(): void {
    if (this.#closed) return;
    for (const waiter of this.#waiting) {
      if (this.#unused <= this.#promised) break;
      waiter.grant();
    }
    const missing = this.#promised + this.#waiting.size - this.#unused - this.#coming.size;
    const sockets = this.#connected.size + this.#connecting.size;
    if (missing > 0 && sockets < this.#options.maxSockets) void this.#openAhead();
  }

  async #openAhead(): Promise<void> {
    const givenUp = new AbortController();
    this.#coming.add(givenUp);
    try {
      const socket = await this.#connect(givenUp.signal);
      this.#coming.delete(givenUp);
      this.#keepAhead(socket);
    } catch (error) {
      const [first] = this.#waiting;
      // Where nobody waits, it was to replace a promised one: the request will connect, or say why not.
      if (!this.#coming.delete(givenUp) || !first) return;
      first.fail(error);
    }
    this.#serve();
  }

  /** After a wait that was given up: what is being connected for nobody. */
  #giveUpSurplus(): void {
    const last = [...this.#coming].at(-1);
    if (!last || this.#unused + this.#coming.size <= this.#promised + this.#waiting.size) return;
    this.#coming.delete(last);
    last.abort();
  }

  /** For a request that found no socket: it gets one when connected, not before. */
  async #handOut(callback: (error: Error | null, socket: Socket) => void): Promise<void> {
    try {
      callback(null, await this.#connect());
    } catch (error) {
      callback(transportError(error, false), undefined as unknown as Socket);
    }
  }

  #takeAhead(): Socket | undefined {
    for (const socket of this.#ahead) {
      this.#ahead.delete(socket);
      socket.ref();
      if (isOpen(socket)) return socket;
    }
    return undefined;
  }

  #keepAhead(socket: Socket): void {
    if (!isOpen(socket)) return; // closed in the meantime: the request will open its own
    socket.unref();
    socket.setTimeout(this.#options.idleMs, () => this.#ahead.has(socket) && socket.destroy());
    this.#ahead.add(socket);
  }

  #keepAccount(socket: Socket): void {
    const since = performance.now();
    const lastingMs = Math.min(LASTING_MS, this.#options.idleMs / 2);
    this.#connected.add(socket);
    socket.once('close', () => {
      this.#connected.delete(socket);
      this.#ahead.delete(socket);
      const lasted = performance.now() - since >= lastingMs;
      // Later: node's agent hears of it after us.
      if (lasted || this.#waiting.size > 0) queueMicrotask(() => this.#serve());
    });
  }

  #connect(signal?: AbortSignal): Promise<Socket> {
    if (this.#closed || signal?.aborted) return Promise.reject(aborted());
    const { socket, event } = this.#open();
    this.#connecting.add(socket);
    return new Promise((resolve, reject) => {
      const { connectTimeoutMs } = this.#options;
      const timer = setTimeout(() => {
        fail(new TransportError(`no connection within ${connectTimeoutMs / 1000} s`, TIMED_OUT, false));
      }, connectTimeoutMs);
      const abort = () => fail(aborted());
      const closed = () => fail(new TransportError('connection closed while connecting', 'ECONNRESET', false));
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        socket.removeListener('close', closed);
        this.#connecting.delete(socket);
      };
      const fail = (error: unknown) => {
        settle();
        socket.destroy();
        reject(transportError(error, false));
      };
      signal?.addEventListener('abort', abort, { once: true });
      socket.once('close', closed);
      // Stays for good: an idle socket that is reset must not end the process.
      socket.on('error', fail);
      socket.once(event, () => {
        settle();
        this.#keepAccount(socket);
        resolve(socket);
      });
    });
  }

  #open(): { socket: Socket; event: 'connect' | 'secureConnect' } {
    const { origin, tls } = this.#options;
    const host = origin.hostname.replace(/^\[|\]$/g, '');
    const secure = origin.protocol === 'https:';
    const port = Number(origin.port) || (secure ? 443 : 80);
    if (!secure) return { socket: connectTcp({ host, port, noDelay: true, keepAlive: true }), event: 'connect' };
    const session = this.#session;
    const name = isIP(host) ? {} : { servername: host };
    const socket = connectTls({
      ALPNProtocols: ['http/1.1'],
      ...name,
      ...tls,
      host,
      port,
      ...(session && { session }),
    });
    socket.setNoDelay(true);
    // Resuming saves a round trip and most of the handshake's CPU.
    socket.on('session', (ticket) => (this.#session = ticket));
    return { socket, event: 'secureConnect' };
  }
}

function aborted(): TransportError {
  return new TransportError('aborted', ABORTED, false);
}

function isOpen(socket: Socket): boolean {
  return !socket.destroyed && socket.writable && !socket.readableEnded;
}

function count(sockets: NodeJS.ReadOnlyDict<Socket[]>): number {
  return Object.values(sockets).reduce((sum, list) => sum + (list?.length ?? 0), 0);
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}
