import { createConnection } from 'node:net';

/**
 * What answers at a unix socket: `ready` a server that serves; `loading` one that still reads its AOF; `silent` one
 * that took the connection, or should have, but says nothing (frozen, overloaded); `gone` nobody.
 */
export type ServerState = 'ready' | 'loading' | 'silent' | 'gone';

/**
 * Asks once, with a connection of its own, so that the answer says nothing but what the server is doing now.
 * @throws the system's error when the socket may not be used (EACCES: it is another user's)
 */
export function probe(socket: string, timeoutMs = 1000): Promise<ServerState> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = createConnection(socket, () => connection.write('PING\r\n'));
    const settle = (state: ServerState): void => {
      connection.destroy();
      resolve(state);
    };
    connection.setTimeout(timeoutMs, () => settle('silent'));
    connection.on('data', (data) => {
      answer += data.toString('latin1');
      if (!answer.includes('\r\n')) return;
      // Any other error (a password, BUSY, too many clients) comes from a server that is up.
      settle(answer.startsWith('-LOADING') ? 'loading' : 'ready');
    });
    connection.on('close', () => settle('gone'));
    connection.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EAGAIN') settle('silent');
      else if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')) settle('gone');
      else reject(error);
    });
  });
}
