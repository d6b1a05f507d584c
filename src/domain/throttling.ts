/**
 * The service's codes for "too fast" (Chat API 1047/34348), and whose limit each speaks of: one command's, or that of all
 * commands of the app.
 */
export const TOO_FAST: Readonly<Record<number, 'command' | 'app'>> = {
  60007: 'command',
  60011: 'app',
  60018: 'command',
  60019: 'command',
};
