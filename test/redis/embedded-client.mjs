// A befriend process as far as the embedded Redis sees it: connects, tells who serves it, and stays until killed.
import { connectEmbeddedRedis } from '../../dist/src/redis/embedded.js';

const [home] = process.argv.slice(2);
let guardian = null;
const log = { debug: (fields) => (guardian = fields.guardian), warn: () => {} };
const redis = await connectEmbeddedRedis(home, { env: process.env, log });
const server = Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]);
await redis.set(`client:${process.pid}`, 'was here');
process.send({ guardian, server });
