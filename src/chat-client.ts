import { type ChatClient, createChatClient } from './chat/client.ts';
import { baseUrlOf } from './chat/regions.ts';
import { fixedUserSig, userSigFromKey } from './chat/usersig-source.ts';
import type { CallConfig, ChatConfig } from './config.ts';
import { OPERATIONS } from './domain/operation.ts';
import { MOST_IN_FLIGHT } from './jobs/flights.ts';

/** Commands that befriend calls. */
const COMMANDS = new Set(Object.values(OPERATIONS).map(({ command }) => command)).size;

/** A client of the configured app for `concurrency` calls of each command at once. Close it. */
export function chatClient(
  { sdkAppId, admin, credentials, endpoint }: ChatConfig,
  timeoutMs: number,
  concurrency: number,
) {
  const userSig =
    'secretKey' in credentials
      ? userSigFromKey({
          sdkappid: sdkAppId,
          key: credentials.secretKey.reveal(),
          identifier: admin,
          now: Date.now,
        })
      : fixedUserSig(credentials.userSig.reveal());
  const baseUrl = 'region' in endpoint ? baseUrlOf(endpoint.region) : endpoint.baseUrl;
  // All commands share the client; each holds at most its concurrency, and what is in flight.
  return createChatClient({
    baseUrl,
    sdkappid: sdkAppId,
    admin,
    userSig,
    timeoutMs,
    maxSockets: COMMANDS * (concurrency + MOST_IN_FLIGHT),
    random: Math.random,
  });
}

/** A command's first look at the API: nobody waits the whole time of a call for it. */
const FIRST_LOOK_MS = 5000;

/** A client for one call at a time. Close it. */
export function firstLookClient({ chat, tuning }: CallConfig): ChatClient {
  return chatClient(chat, Math.min(FIRST_LOOK_MS, tuning.callTimeoutMs), 1);
}

/** Connects to the API and calls nothing. @throws TransportError when nothing answers there */
export async function reachChat(config: CallConfig): Promise<void> {
  const client = firstLookClient(config);
  try {
    (await client.ready()).release();
  } finally {
    client.close();
  }
}
