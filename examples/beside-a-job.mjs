// A support tool reads some friend lists while befriend's jobs read thousands: both take their calls from one limit.
// node examples/beside-a-job.mjs ann bob   (with the settings of the README, and the REDIS_URL of befriend)
import { createHmac } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { create } from 'axios';
import { readConfig, readEnvironment } from 'befriend';
import { connectRedis, createLimiter, limited, sharedOptions } from 'befriend/limiter';

const accounts = process.argv.slice(2);
if (accounts.length === 0) throw new Error('usage: node examples/beside-a-job.mjs ACCOUNT…');

// The same settings as befriend's, read by the same code: so both mean the same limit.
const env = readEnvironment(process.cwd(), process.env);
const { redisUrl, sdkAppId, chat, tuning } = readConfig(env, { need: 'chat' });
if (redisUrl === null) throw new Error('REDIS_URL is not set: the limit is shared where befriend keeps it');

const command = 'friend_get';
const redis = await connectRedis({ url: redisUrl.reveal() });
const limiter = createLimiter({
  redis,
  app: sdkAppId,
  command,
  ...sharedOptions(command, tuning),
  log: { info() {}, warn: console.error, error: console.error },
});
// From here on axios is what it always is; it only waits until it may send.
const client = limited(
  create({
    baseURL: `${env.CHAT_BASE_URL ?? 'https://console.tim.qq.com'}/v4/sns`,
    params: { sdkappid: sdkAppId, identifier: chat.admin, usersig: userSig(), contenttype: 'json' },
  }),
  limiter,
);

async function friendsOf(account) {
  const { data } = await client.post(
    command,
    { From_Account: account, StartIndex: 0, StandardSequence: 0, CustomSequence: 0 },
    { params: { random: Math.floor(Math.random() * 2 ** 32) } },
  );
  return data.ErrorCode === 0 ? `${data.FriendNum} friends` : `failed with ${data.ErrorCode} ${data.ErrorInfo}`;
}

try {
  await Promise.all(accounts.map(async (account) => console.log(`${account}: ${await friendsOf(account)}`)));
  const { sent, ceilingPerSecond, otherLimits } = limiter.state;
  const agreed = otherLimits.length === 0 ? 'all processes agree' : `others have ${otherLimits.join(', ')}`;
  console.error(`${sent} calls of at most ${ceilingPerSecond} a second; ${agreed}`);
} finally {
  await limiter.close();
  redis.disconnect();
}

/** As the console makes it (Chat API 1047/34385). */
function userSig() {
  if ('userSig' in chat.credentials) return chat.credentials.userSig.reveal();
  const signed = { identifier: chat.admin, sdkappid: sdkAppId, time: Math.floor(Date.now() / 1000), expire: 3600 };
  const ticket = { 'TLS.ver': '2.0', ...Object.fromEntries(Object.entries(signed).map(([k, v]) => [`TLS.${k}`, v])) };
  const text = Object.entries(signed).map(([name, value]) => `TLS.${name}:${value}\n`);
  const sig = createHmac('sha256', chat.credentials.secretKey.reveal()).update(text.join('')).digest('base64');
  const packed = deflateSync(JSON.stringify({ ...ticket, 'TLS.sig': sig })).toString('base64');
  return packed.replaceAll('+', '*').replaceAll('/', '-').replaceAll('=', '_');
}
