import type { Door } from './talk.ts';

/** What a REDIS_URL says: one server, or those that know where the master is. */
export interface Route {
  kind: 'server' | 'sentinel' | 'cluster';
  /** The server; or Sentinels, or nodes of a cluster, at least one. */
  seeds: readonly { host: string; port: number }[];
  tls: boolean;
  /** Of the servers that keep data. */
  username?: string;
  password?: string;
  db: number;
  /** The name under which the Sentinels watch the master. */
  master?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
}

export const URL_FORMS =
  'redis://[user:password@]host[:port][/db], redis+sentinel://[user:password@]host:port,…/master-name[/db] or ' +
  'redis+cluster://[user:password@]host:port,…; with TLS rediss…';

const PORTS = { server: 6379, sentinel: 26_379, cluster: 6379 };

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#\s]*)@)?([^@/?#\s]*)(?:\/([^?#\s]*))?(?:\?([^#\s]*))?$/i;

/** @throws when it is none of URL_FORMS, without its text, which may hold a password */
export function routeOf(url: string): Route {
  const parts = FORM.exec(url);
  if (parts === null) throw new Error(`expected ${URL_FORMS}`);
  const [, scheme = '', kindText, userinfo = '', hosts = '', path = '', query = ''] = parts;
  const kind = (kindText?.toLowerCase() ?? 'server') as Route['kind'];
  const [user = '', ...rest] = userinfo.split(':');
  const [username, password] = [decodeURIComponent(user), decodeURIComponent(rest.join(':'))];
  const seeds = hosts.split(',').map((host) => seedOf(host, PORTS[kind], kind === 'server'));
  const sections = path === '' ? [] : path.split('/').map(decodeURIComponent);
  const master = kind === 'sentinel' ? sections.shift() : undefined;
  const [db = '0', ...more] = sections;
  const asked = new URLSearchParams(query);
  const [sentinelUsername, sentinelPassword] = [asked.get('sentinelUsername'), asked.get('sentinelPassword')];
  const fits =
    (kind === 'server' ? seeds.length === 1 : true) &&
    (kind === 'sentinel' ? master !== undefined && master !== '' : true) &&
    (kind === 'cluster' ? path === '' : more.length === 0 && /^\d{0,5}$/.test(db));
  if (!fits) throw new Error(`expected ${URL_FORMS}`);
  return {
    kind,
    seeds,
    tls: scheme.toLowerCase() === 'rediss',
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    db: Number(db),
    ...(master !== undefined && { master }),
    ...(kind === 'sentinel' && sentinelUsername && { sentinelUsername }),
    ...(kind === 'sentinel' && sentinelPassword && { sentinelPassword }),
  };
}

function seedOf(text: string, port: number, mayBeLeftOut: boolean): { host: string; port: number } {
  if (text === '' && !mayBeLeftOut) throw new Error(`expected ${URL_FORMS}`);
  const url = new URL(`redis://${text}`);
  const host = url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  return { host, port: url.port === '' ? port : Number(url.port) };
}

/** How to introduce oneself to a server that keeps data. */
export function doorTo({ tls, username, password, db }: Route, at: { host: string; port: number }): Door {
  return { ...at, tls, db, ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

/** How to introduce oneself to one that knows where the master is. */
export function doorToSeed(route: Route, at: { host: string; port: number }): Door {
  if (route.kind !== 'sentinel') return doorTo({ ...route, db: 0 }, at);
  const { tls, sentinelUsername: username, sentinelPassword: password } = route;
  return doorTo({ ...route, tls, db: 0, username, password }, at);
}

/** The URL without what may be secret in it. */
export const shownUrl = (url: string): string => url.replace(/\/\/[^/?#]*@/, '//').replace(/[?#].*$/, '');

/** Every secret that a URL holds. */
export function secretsIn(url: string): string[] {
  const { password, sentinelPassword } = routeOf(url);
  return [password, sentinelPassword].filter((value) => value !== undefined);
}
