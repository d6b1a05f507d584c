import type { EndpointFacts } from '../chat/endpoint.ts';
import type { ProbeVerdict } from '../chat/probe.ts';
import { isoOf } from '../chat/usersig-check.ts';
import { readUserSig } from '../chat/usersig.ts';
import type { ChatConfig } from '../config.ts';
import type { Finding } from '../domain/finding.ts';
import { ceilingOf } from '../domain/frequency.ts';
import { OPERATIONS } from '../domain/operation.ts';
import { MOST_IN_FLIGHT } from '../jobs/flights.ts';
import type { Probed } from '../jobs/probe.ts';
import type { Tuning } from '../jobs/roles.ts';

/** A clock may be off by so much beyond the error of measuring before it is worth a word, ms. */
const CLOCK_OFF_MS = 2000;
const DAY_SECONDS = 86_400;

/** How far the way to the API leads. `advice`: what to look at where it ends. */
export function judgeEndpoint(facts: EndpointFacts, where: string, advice: string): Finding[] {
  const { host, address, resolvedMs, connectedMs, securedMs, failed } = facts;
  if (failed !== null) {
    return [{ level: 'problem', area: 'connection', text: `${where} cannot be reached: ${failed}`, advice }];
  }
  const name = address === null ? '' : `${host} is ${address} (${shown(resolvedMs)}); `;
  const secured = securedMs === null ? 'no TLS' : `TLS after ${shown(securedMs)}`;
  return [
    { level: 'ok', area: 'connection', text: `${where}: ${name}TCP after ${shown(connectedMs)}, ${secured}` },
    ...judgeClock(facts),
  ];
}

function judgeClock({ clockOffsetMs, clockErrorMs }: EndpointFacts): Finding[] {
  if (clockOffsetMs === null) return [];
  const area = 'clock';
  const error = `±${(clockErrorMs / 1000).toFixed(1)} s`;
  const beyond = Math.abs(clockOffsetMs) - clockErrorMs;
  if (beyond <= CLOCK_OFF_MS) return [{ level: 'ok', area, text: `as the API's (${error})` }];
  const seconds = Math.round(Math.abs(clockOffsetMs) / 1000);
  return [
    {
      level: 'warning',
      area,
      text: `this machine is ${seconds} s ${clockOffsetMs > 0 ? 'behind' : 'ahead of'} the API (${error})`,
      advice: 'Let it follow NTP: UserSigs are made and expire by the clock.',
    },
  ];
}

/** What the service said to the harmless calls; empty: no slot was to be had. */
export function judgeProbes(probes: readonly Probed[], { sdkAppId, admin }: ChatConfig, advice: string): Finding[] {
  const area = 'credentials';
  const last = probes.at(-1)?.verdict;
  if (last === undefined) {
    const text = 'not tried: no slot for a call was to be had';
    return [{ level: 'warning', area, text, advice: 'Others use the limit of account_check up: try again later.' }];
  }
  return [judgeVerdict(last, area, `SDKAppID ${sdkAppId}, admin ${admin}`, advice)];
}

function judgeVerdict(verdict: ProbeVerdict, area: string, who: string, advice: string): Finding {
  switch (verdict.kind) {
    case 'accepted':
      return { level: 'ok', area, text: `accepted: ${who}` };
    case 'refused': {
      const { text, advice: cure } = splitAdvice(verdict.text);
      return { level: 'problem', area, text: `refused (${who}): ${text}`, advice: cure };
    }
    case 'odd': {
      const { text, advice: cure } = splitAdvice(verdict.text);
      return { level: 'warning', area, text: `not settled, the API answers ${text}`, advice: cure };
    }
    case 'unusable':
      return { level: 'problem', area: 'answers', text: `not the Chat API's: ${verdict.text}`, advice };
  }
}

/** `meaning: advice`, as `explainCode` words it. */
function splitAdvice(text: string): { text: string; advice: string } {
  const end = text.indexOf(': ');
  return { text: text.slice(0, end), advice: text.slice(end + 2) };
}

/** How fast it answers, and whether that is fast enough for the limit. */
export function judgeAnswers(probes: readonly Probed[], tuning: Tuning): Finding[] {
  const times = probes.filter(({ verdict }) => verdict.kind === 'accepted').map(({ tookMs }) => tookMs);
  if (times.length === 0) return [];
  const p50 = times.toSorted((a, b) => a - b)[times.length >> 1] as number;
  const rate = ceilingOf(OPERATIONS.check.command, tuning);
  const atOnce = Math.max(MOST_IN_FLIGHT, tuning.concurrency);
  const mostMs = (atOnce / rate) * 1000;
  const text = `${shown(p50)} at the median of ${times.length}`;
  if (p50 <= mostMs) return [{ level: 'ok', area: 'answers', text }];
  return [
    {
      level: 'warning',
      area: 'answers',
      text: `${text}: too slow for ${rate} calls/s by one process with ${atOnce} in flight`,
      advice: 'Run several workers.',
    },
  ];
}

/** How long a UserSig made elsewhere lasts. One that is wrong is told among the settings. `now` in Unix seconds. */
export function judgeUserSig(userSig: string, now: number): Finding[] {
  const contents = readUserSig(userSig);
  if (contents.kind === 'malformed') return [];
  const area = 'usersig';
  if (contents.kind === 'other') return [{ level: 'ok', area, text: 'of an older scheme: only the API can judge it' }];
  const left = contents.expiresAt - now;
  if (left < 0) return [];
  const text = `expires at ${isoOf(contents.expiresAt)}, in ${lasting(left)}`;
  if (left >= DAY_SECONDS) return [{ level: 'ok', area, text }];
  const advice = 'Jobs stop then: make a new one in time, or set CHAT_SECRET_KEY, from which befriend renews them.';
  return [{ level: 'warning', area, text, advice }];
}

function lasting(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  return hours >= 48 ? `${Math.floor(hours / 24)} days` : hours >= 1 ? `${hours} h` : `${Math.ceil(seconds / 60)} min`;
}

function shown(ms: number | null): string {
  return ms === null ? '?' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
