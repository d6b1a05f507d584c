import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Where a server should be, and how to introduce oneself there. */
export interface Door {
  host: string;
  port: number;
  tls: boolean;
  username?: string;
  password?: string;
  db: number;
}

/** One question after the other to a server that may be no Redis at all, over one connection. */
export class Talk {
  readonly #socket: Socket;
  #heard = '';
  #over = false;
  #failed: Error | null = null;
  #wake: () => void = () => {};
  readonly #timer: NodeJS.Timeout;

  constructor({ host, port, tls }: Door, timeoutMs: number) {
    const socket = tls
      ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) })
      : connectPlain(port, host);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#fail(Object.assign(new Error('no answer'), { code: 'SILENT' })), timeoutMs);
    socket.on('data', (data) => {
      this.#heard += data.toString('latin1');
      this.#wake();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** The first line of the answer, or what came before the connection ended. @throws the system's error */
  async ask(...words: string[]): Promise<string> {
    this.#heard = '';
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`);
    for (;;) {
      // Whoever says something and hangs up has answered, even if a write of ours fails afterwards.
      if (this.#heard.includes('\n') || (this.#over && this.#heard !== '')) return this.#heard;
      if (this.#heard.startsWith('\x15\x03')) return this.#heard;
      if (this.#failed) throw this.#failed;
      if (this.#over) return '';
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#wake();
  }
}
