import { isIP } from 'node:net';

/** Where an app's data centre answers (Chat API 1047/34620, 1047/34903). A wrong one is answered with 60026. */
const HOSTS = {
  china: 'console.tim.qq.com',
  singapore: 'adminapisgp.im.qcloud.com',
  seoul: 'adminapikr.im.qcloud.com',
  tokyo: 'adminapijpn.im.qcloud.com',
  frankfurt: 'adminapiger.im.qcloud.com',
  'silicon-valley': 'adminapiusa.im.qcloud.com',
  jakarta: 'adminapiidn.im.qcloud.com',
} as const;

export type Region = keyof typeof HOSTS;
export const REGIONS = Object.keys(HOSTS) as readonly Region[];

export function isRegion(name: string): name is Region {
  return Object.hasOwn(HOSTS, name);
}

/** `https://<host>` without a trailing slash. */
export function baseUrlOf(region: Region): string {
  return `https://${HOSTS[region]}`;
}

export type CheckedBaseUrl = { url: string; problem: null } | { url: null; problem: string };

/**
 * A base URL as given by a user, without its trailing slash, or what is wrong with it in words for the user.
 * Calls carry the UserSig in their URL: plain http is for this machine only, unless `allowPlainHttp` is set.
 */
export function checkBaseUrl(text: string, options: { allowPlainHttp?: boolean } = {}): CheckedBaseUrl {
  if (!URL.canParse(text)) return refuse('is not a URL; expected something like https://console.tim.qq.com');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse('must begin with https:// (or http://)');
  if (url.username || url.password) return refuse('must not hold a user name or password');
  if (url.search || url.hash) return refuse('must not hold a query or fragment: give scheme and host only');
  if (url.protocol === 'http:' && !options.allowPlainHttp && !isLoopback(url.hostname)) {
    return refuse(`must use https: over plain http the signature could be read on the way to ${url.hostname}`);
  }
  return { url: url.origin + url.pathname.replace(/\/+$/, ''), problem: null };
}

function refuse(problem: string): CheckedBaseUrl {
  return { url: null, problem };
}

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
