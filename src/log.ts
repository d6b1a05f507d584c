import { type DestinationStream, destination as openDestination, type Logger, pino, stdTimeFunctions } from 'pino';
import { scrub, type Secret } from './domain/secret.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Log = Logger;

export interface LogOptions {
  level: LogLevel;
  /** Default: stderr, written synchronously, so that the last words of a process are not lost. */
  destination?: DestinationStream;
  /** Values hidden wherever they appear, beside all that looks like a secret (`secretsOf(config)`). */
  secrets?: readonly Secret[];
}

/**
 * A log of JSON lines. Every line is scrubbed as a whole just before it is written, so a secret is hidden wherever it
 * hides: in a URL, an error's text or stack, an object in an object. `log.child({ job, chunk })` binds fields.
 */
export function createLog({ level, destination, secrets = [] }: LogOptions): Log {
  const known = secrets.map((secret) => secret.reveal());
  return pino(
    {
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      hooks: { streamWrite: (line) => scrub(line, known) },
    },
    destination ?? openDestination({ fd: 2, sync: true }),
  );
}

/** What of an error belongs in a log. Not its other properties: an axios error carries the whole request. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: name,
    message,
    ...(code !== undefined && { code }),
    stack,
    ...(cause !== undefined && { cause: describeError(cause) }),
  };
}
