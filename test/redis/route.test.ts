import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doorTo, doorToSeed, routeOf, secretsIn, shownUrl } from '../../src/redis/route.ts';

const at = (host: string, port: number) => ({ host, port });

describe('a REDIS_URL', () => {
  it.each([
    ['redis://', { kind: 'server', seeds: [at('127.0.0.1', 6379)], tls: false, db: 0 }],
    ['rediss://r.example/3', { kind: 'server', seeds: [at('r.example', 6379)], tls: true, db: 3 }],
    ['redis://u:p%40ss@[::1]:7000', { seeds: [at('::1', 7000)], username: 'u', password: 'p@ss' }],
    ['redis://:p@ss@h', { seeds: [at('h', 6379)], password: 'p@ss' }],
    [
      'redis+cluster://:pw@a:7000,b',
      { kind: 'cluster', seeds: [at('a', 7000), at('b', 6379)], password: 'pw', db: 0, tls: false },
    ],
    [
      'rediss+sentinel://u:pw@a,b:26380/my%20master/2?sentinelPassword=s%26s&sentinelUsername=w',
      {
        kind: 'sentinel',
        seeds: [at('a', 26_379), at('b', 26_380)],
        master: 'my master',
        db: 2,
        tls: true,
        username: 'u',
        password: 'pw',
        sentinelUsername: 'w',
        sentinelPassword: 's&s',
      },
    ],
  ])('%s', (url, expected) => {
    expect(routeOf(url)).toMatchObject(expected);
  });

  it.each([
    'localhost',
    'http://h',
    'redis://h/x',
    'redis://h/1/2',
    'redis://a,b',
    'redis://h:port',
    'redis://:%zz@h',
    'redis+sentinel://a:1',
    'redis+sentinel://a:1/',
    'redis+sentinel://a:1/name/db',
    'redis+cluster://a:1/1',
    'redis+cluster://a:1,,b:2',
    'redis+cluster://',
    'redis+proxy://a:1',
  ])('%s is none', (url) => {
    expect(() => routeOf(url)).toThrow(/expected redis|Invalid URL|URI malformed/);
  });

  it('gives its password to the servers and the other one to the Sentinels', () => {
    const route = routeOf('redis+sentinel://u:data@a/m/2?sentinelPassword=watch');
    expect(doorTo(route, at('x', 1))).toEqual({ ...at('x', 1), tls: false, db: 2, username: 'u', password: 'data' });
    expect(doorToSeed(route, at('a', 26_379))).toEqual({ ...at('a', 26_379), tls: false, db: 0, password: 'watch' });
    const bare = routeOf('redis+sentinel://u:data@a/m');
    expect(doorToSeed(bare, at('a', 26_379))).toEqual({ ...at('a', 26_379), tls: false, db: 0 });
  });

  it('is shown without its secrets, which are all known', () => {
    const secret = fc.string({ minLength: 4 }).map((text) => `s3cr3t${text}`);
    fc.assert(
      fc.property(secret, secret, fc.constantFrom('', '+cluster', '+sentinel'), (password, other, kind) => {
        const [path, query] =
          kind === '+sentinel' ? ['/name', `?sentinelPassword=${encodeURIComponent(other)}`] : ['', ''];
        const url = `redis${kind}://user:${encodeURIComponent(password)}@a:1${path}${query}`;
        expect(shownUrl(url)).toBe(`redis${kind}://a:1${path}`);
        expect(secretsIn(url)).toEqual(kind === '+sentinel' ? [password, other] : [password]);
      }),
    );
  });
});
