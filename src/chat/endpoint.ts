import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { transportError } from '../transport/transport-error.ts';

/** How far the way to the API leads, and how long its steps take. Nothing of the app is told on it. */
export interface EndpointFacts {
  host: string;
  /** Where the name leads; null when it leads nowhere, or is an address itself. */
  address: string | null;
  /** Milliseconds from the start to the end of each step; null where it did not come to it. */
  resolvedMs: number | null;
  connectedMs: number | null;
  securedMs: number | null;
  /** Its clock less ours, from the `Date` header, which counts whole seconds; null where there is none. */
  clockOffsetMs: number | null;
  /** What the offset may be wrong by. */
  clockErrorMs: number;
  /** Why there was no answer at all; null when there was one. */
  failed: string | null;
}

/**
 * Asks the API's host for the head of its root: no call, no credentials, nothing that counts against a limit. Never
 * rejects. @param now monotonic ms @param wallClock ms since 1970
 */
export function inspectEndpoint(
  baseUrl: string,
  { now, wallClock, timeoutMs }: { now: () => number; wallClock: () => number; timeoutMs: number },
): Promise<EndpointFacts> {
  const url = new URL(baseUrl);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const startedAt = now();
  const facts: EndpointFacts = {
    host,
    address: null,
    resolvedMs: null,
    connectedMs: null,
    securedMs: null,
    clockOffsetMs: null,
    clockErrorMs: 0,
    failed: null,
  };
  return new Promise((resolve) => {
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    let askedAt = startedAt;
    const made = request(url, { method: 'HEAD', agent: false });
    const end = (failed: string | null): void => {
      clearTimeout(timer);
      facts.failed = failed;
      resolve(facts);
      made.destroy();
    };
    const timer = setTimeout(() => end(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    made.on('socket', (socket) => {
      socket.on('lookup', (error: Error | null, address: string) => {
        if (error || isIP(host)) return;
        facts.address ??= address;
        facts.resolvedMs ??= now() - startedAt;
      });
      socket.on('connect', () => {
        facts.connectedMs = now() - startedAt;
        askedAt = now();
      });
      (socket as TLSSocket).on('secureConnect', () => {
        facts.securedMs = now() - startedAt;
        askedAt = now();
      });
    });
    made.on('error', (error) => end(transportError(error).message));
    made.on('response', (response) => {
      const tookMs = now() - askedAt;
      const date = Date.parse(response.headers.date ?? '');
      if (!Number.isNaN(date)) {
        // Cut to the second when it was made, half a round trip ago: half a second and half the trip either way.
        facts.clockOffsetMs = date + 500 - (wallClock() - tookMs / 2);
        facts.clockErrorMs = 500 + tookMs / 2;
      }
      end(null);
    });
    made.end();
  });
}
