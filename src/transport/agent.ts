import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { type Socket, connect as connectTcp, isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { ABORTED, TIMED_OUT, TransportError, transportError } from './transport-error.ts';

/** The promise of one connected socket. It ends when a request gets the socket, or with `release`, whichever is first. */
export interface Connection {
  /** Gives the promise back; may be called at any time and more than once. */
  release(): void;
}

export interface WarmAgentOptions {
  /** Scheme, host and port of every call. */
  origin: URL;
  /** Most sockets at once: at least as many as calls in flight. Beyond it `ready` promises nothing. */
  maxSockets: number;
  /** Longest time to connect, TLS included, ms. */
  connectTimeoutMs: number;
  /** Idle sockets are closed after this time, or earlier where the server says so (`Keep-Alive: timeout=`), ms. */
  idleMs: number;
  /** Extra TLS options, e.g. `ca`. */
  tls?: ConnectionOptions;
}

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
  readonly #ahead: Socket[] = [];
  readonly #connecting = new Set<Socket>();
  /** Connections given out by `ready` that no request has used yet. */
  #promised = 0;
  /** How many of the sockets being connected are for promises; the others have a request waiting for them. */
  #coming = 0;
  #closed = false;
  #session: Buffer | undefined;

  constructor(options: WarmAgentOptions) {
    this.#options = options;
    const Agent = options.origin.protocol === 'https:' ? HttpsAgent : HttpAgent;
    this.http = new Agent({ keepAlive: true, maxSockets: options.maxSockets, timeout: options.idleMs });
    // Documented: a socket is returned, or handed to the callback later.
    this.http.createConnection = (_options, callback) => {
      const socket = this.#takeAhead();
      if (socket) return socket;
      if (callback) void this.#handOut(callback);
      return undefined;
    };
  }

  /** Resolves when a connected socket is there for one request more. Rejects with a TransportError. */
  async ready(signal?: AbortSignal): Promise<Connection> {
    this.#promised += 1;
    const connection = { release: once(() => (this.#promised -= 1)) };
    try {
      if (this.#needsAnother()) await this.#openAhead(signal);
    } catch (error) {
      connection.release();
      throw error;
    }
    return connection;
  }

  /** Destroys every socket; calls in flight end with an error. */
  close(): void {
    this.#closed = true;
    this.http.destroy();
    for (const socket of [...this.#ahead, ...this.#connecting]) socket.destroy();
  }

  #needsAnother(): boolean {
    const idle = count(this.http.freeSockets);
    const unused = idle + this.#ahead.length + this.#coming;
    return unused < this.#promised && unused + count(this.http.sockets) < this.#options.maxSockets;
  }

  async #openAhead(signal?: AbortSignal): Promise<void> {
    this.#coming += 1;
    try {
      this.#keepAhead(await this.#connect(signal));
    } finally {
      this.#coming -= 1;
    }
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
    for (;;) {
      const socket = this.#ahead.pop();
      if (!socket) return undefined;
      socket.removeListener('close', this.#forget);
      socket.ref();
      if (isOpen(socket)) return socket;
    }
  }

  #keepAhead(socket: Socket): void {
    if (!isOpen(socket)) return; // closed in the meantime: the request will open its own
    socket.unref();
    socket.setTimeout(this.#options.idleMs, () => this.#ahead.includes(socket) && socket.destroy());
    socket.once('close', this.#forget);
    this.#ahead.push(socket);
  }

  readonly #forget = (): void => {
    const open = this.#ahead.filter(isOpen);
    this.#ahead.splice(0, this.#ahead.length, ...open);
  };

  #connect(signal?: AbortSignal): Promise<Socket> {
    if (this.#closed || signal?.aborted) return Promise.reject(new TransportError('aborted', ABORTED, false));
    const { socket, event } = this.#open();
    this.#connecting.add(socket);
    return new Promise((resolve, reject) => {
      const { connectTimeoutMs } = this.#options;
      const timer = setTimeout(() => {
        fail(new TransportError(`no connection within ${connectTimeoutMs / 1000} s`, TIMED_OUT, false));
      }, connectTimeoutMs);
      const abort = () => fail(new TransportError('aborted', ABORTED, false));
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
