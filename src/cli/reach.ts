import type { Befriend } from '../befriend.ts';
import { baseUrlOf } from '../chat/regions.ts';
import type { CallConfig, Endpoint } from '../config.ts';
import { FRIEND_CALLS_PER_SECOND } from '../domain/frequency.ts';
import { ApiRefused, ApiUnreachable, type CliContext, tell } from './context.ts';

/**
 * Before anything is read: does the API answer, and does it take the credentials? A wrong key costs a second here, and
 * an intake of many minutes later. An answer that is merely odd (too fast, an internal error) is left to the job.
 * @throws ApiUnreachable, ApiRefused; the signal's reason
 */
export async function reach(
  befriend: Befriend,
  { config }: CliContext<CallConfig>,
  signal: AbortSignal,
): Promise<void> {
  const { callsPerSecond } = config.tuning;
  if (callsPerSecond > FRIEND_CALLS_PER_SECOND) {
    tell(
      `warning: ${callsPerSecond} calls a second are above the documented ${FRIEND_CALLS_PER_SECOND}: unless the vendor ` +
        'raised your limit, calls will be refused. Lower CHAT_CALLS_PER_SECOND.',
    );
  }
  const where = whereOf(config.chat.endpoint);
  const { reachChat } = await import('../chat-client.ts');
  await reachChat(config).catch((error: Error) => {
    throw new ApiUnreachable(
      `The Chat API (${where}) cannot be reached: ${error.message}. ${NOTHING} ${wayOut(process.env)}`,
    );
  });
  const verdict = await befriend.tryCredentials(signal);
  if (verdict?.kind === 'unusable') {
    throw new ApiUnreachable(
      `What answers at ${where} cannot be used as the Chat API: ${verdict.text}. ${NOTHING} ${wayOut(process.env)}`,
    );
  }
  if (verdict?.kind === 'refused') {
    throw new ApiRefused(`The Chat API (${where}) refuses every call: ${verdict.text}. ${NOTHING}`);
  }
}

const NOTHING = 'Nothing was read or sent.';

/** Region and address, as a person looks for them. */
export function whereOf(endpoint: Endpoint): string {
  return 'region' in endpoint ? `${endpoint.region}, ${baseUrlOf(endpoint.region)}` : endpoint.baseUrl;
}

const PROXIES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];

/** What to look at where the way to the API is at fault. */
export function wayOut(env: NodeJS.ProcessEnv): string {
  const proxy = PROXIES.find((name) => env[name]);
  const check = 'Check CHAT_REGION or CHAT_BASE_URL, and the way out of this machine (proxy, firewall)';
  return proxy === undefined ? `${check}.` : `${check}: ${proxy} is set, and befriend uses no proxy.`;
}
