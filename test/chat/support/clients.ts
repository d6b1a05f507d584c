import { onTestFinished } from 'vitest';
import { type ChatClient, type ChatClientOptions, createChatClient } from '../../../src/chat/client.ts';
import { userSigFromKey } from '../../../src/chat/usersig-source.ts';
import type { Item } from '../../../src/domain/chunk.ts';

export const SECRET = 'kkkkkkkk-not-a-real-key-0123456789';
export const SDKAPPID = 1400000001;

/** A client with a made-up app, closed after the test. */
export function testClient(baseUrl: string, options: Partial<ChatClientOptions> = {}): ChatClient {
  const client = createChatClient({
    baseUrl,
    sdkappid: SDKAPPID,
    admin: 'administrator',
    userSig: testUserSig(),
    random: () => 0.5,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

export function testUserSig(now: () => number = () => 1_700_000_000_000) {
  return userSigFromKey({ sdkappid: SDKAPPID, key: SECRET, identifier: 'administrator', now });
}

export function itemsOf(...to: string[]): Item[] {
  return to.map((account) => ({ to: account, rows: 'forward' }));
}
