import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { nameOf, type Phase } from './points.ts';
import { isError, isNull, isPush, Messages, wordsOf } from './resp.ts';

/** A place to die at: the `nth` time from now that `name` gets to `phase`. */
export interface Trap {
  name: string;
  phase: Phase;
  nth: number;
}

/** One process' way to Redis. It reads along, and tells when the process has come to a chosen place. */
export interface KillProxy {
  url: string;
  /** What was answered, by name. */
  answered: ReadonlyMap<string, number>;
  /**
   * Watches for the first of the traps; `kill` must end the process at once (SIGKILL). From then on nothing that it
   * sent is passed on, as if its machine was gone.
   */
  arm(traps: readonly Trap[], kill: (trap: Trap) => void): void;
  close(): Promise<void>;
}

/** How long a process has to work on an answer after which it dies. */
const AFTER_MS = 10;

/** @param target loopback port of the Redis */
export async function killProxy(target: number): Promise<KillProxy> {
  const sockets = new Set<Socket>();
  const answered = new Map<string, number>();
  let armed: { traps: Trap[]; kill: (trap: Trap) => void } | null = null;

  /** The trap that this step springs, if any. Only one does: all others are gone then. */
  const sprung = (name: string | null, phase: Phase): (() => void) | null => {
    if (name === null || armed === null) return null;
    const { traps, kill } = armed;
    const trap = traps.find((one) => one.name === name && one.phase === phase);
    if (trap === undefined || (trap.nth -= 1) > 0) return null;
    armed = null;
    return () => {
      kill(trap);
      for (const socket of sockets) socket.destroy();
    };
  };
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    return socket.once('close', () => sockets.delete(socket));
  };

  const server = createServer((client) => {
    keep(client);
    const redis = keep(connect(target, '127.0.0.1'));
    client.once('close', () => redis.destroy());
    redis.once('close', () => client.destroy());
    const asked = new Units();
    const commands = new Messages();
    const answers = new Messages();
    client.on('data', (data) => {
      for (const command of commands.add(data)) {
        const die = sprung(asked.add(wordsOf(command)), 'before');
        if (die !== null) return die();
        redis.write(command);
      }
    });
    redis.on('data', (data) => {
      for (const answer of answers.add(data)) {
        const name = isPush(answer) ? null : asked.answered(answer);
        if (name !== null) answered.set(name, (answered.get(name) ?? 0) + 1);
        const die = sprung(name, 'lost');
        if (die !== null) return die();
        client.write(answer);
        const dieAfter = sprung(name, 'after');
        if (dieAfter !== null) setTimeout(dieAfter, AFTER_MS);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered,
    arm(traps, kill) {
      armed = { traps: traps.map((trap) => ({ ...trap })), kill };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What one connection has asked and was not answered yet. A transaction is applied, and named, by its EXEC. */
class Units {
  readonly #waiting: (string | null)[] = [];
  #transaction: string[] | null = null;

  /** @returns the name of what is applied with this command */
  add(words: readonly Buffer[]): string | null {
    const name = this.#nameOf(words);
    this.#waiting.push(name);
    return name;
  }

  /** @returns the name of what this answers, null also where that did not happen: an error, nothing to read */
  answered(answer: Buffer): string | null {
    const name = this.#waiting.shift() ?? null;
    return isError(answer) || isNull(answer) ? null : name;
  }

  #nameOf(words: readonly Buffer[]): string | null {
    const command = String(words[0]).toUpperCase();
    if (command === 'MULTI') {
      this.#transaction = [];
      return null;
    }
    if (command === 'EXEC' && this.#transaction !== null) {
      const [name = null] = this.#transaction;
      this.#transaction = null;
      return name;
    }
    const name = nameOf(words);
    if (this.#transaction === null) return name;
    if (name !== null) this.#transaction.push(name);
    return null;
  }
}
