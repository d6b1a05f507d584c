import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { decodeChunk, encodeChunk } from '../../src/domain/block.ts';
import { discardSpool, openSpool } from '../../src/intake/spool.ts';
import { makeFolder, optionsFor, readChunks, takeFile } from './support.ts';

const folder = makeFolder();
afterAll(folder.remove);

const csv = Array.from({ length: 400 }, (_, i) => `u${i % 40},t${i}`).join('\n');

it('reads any stretch of chunks', async () => {
  const base = folder.next();
  await takeFile(base, csv);
  const spool = await openSpool(optionsFor(base).dir);
  const all = await readChunks(optionsFor(base).dir);
  expect(all).toHaveLength(40);
  for (const [first, count] of [
    [0, 1],
    [39, 1],
    [13, 5],
    [38, 10],
    [40, 3],
    [0, 1000],
  ] as const) {
    const blocks = await spool.read(first, count);
    expect(blocks.map((block) => decodeChunk(block))).toEqual(all.slice(first, first + count));
  }
  expect(spool.totals).toEqual({ rows: 400, invalid: 0, duplicate: 0, accepted: 400 });
  await spool.close();
});

it('leaves three files and nothing else, and keeps them from being overwritten', async () => {
  const base = folder.next();
  await takeFile(base, csv);
  const { dir } = optionsFor(base);
  expect(readdirSync(dir).toSorted()).toEqual(['spool.blocks', 'spool.index', 'spool.json']);
  const before = readFileSync(join(dir, 'spool.json'), 'utf8');
  await expect(takeFile(base, 'a,b\n')).rejects.toMatchObject({ code: 'spool-exists' });
  expect(readFileSync(join(dir, 'spool.json'), 'utf8')).toBe(before);
  await discardSpool(dir);
  expect(existsSync(dir)).toBe(false);
  await discardSpool(dir);
});

it('says what is damaged, and where', async () => {
  const spoil = async (harm: (dir: string) => void) => {
    const base = folder.next();
    await takeFile(base, csv);
    const { dir } = optionsFor(base);
    harm(dir);
    return readChunks(dir);
  };
  const damage: [string, (dir: string) => void][] = [
    ['spool.json', (dir) => writeFileSync(join(dir, 'spool.json'), '{')],
    ['version 9', (dir) => writeFileSync(join(dir, 'spool.json'), '{"version":9}')],
    ['counts', (dir) => writeFileSync(join(dir, 'spool.json'), '{"version":2}')],
    ['spool.index', (dir) => truncateSync(join(dir, 'spool.index'), 10)],
    ['spool.blocks', (dir) => truncateSync(join(dir, 'spool.blocks'), 10)],
    [
      'corrupt at chunk',
      (dir) => {
        const bytes = readFileSync(join(dir, 'spool.blocks'));
        bytes[100] = (bytes[100] as number) ^ 1;
        writeFileSync(join(dir, 'spool.blocks'), bytes);
      },
    ],
  ];
  for (const [word, harm] of damage) {
    await expect(spoil(harm)).rejects.toMatchObject({
      code: 'spool-damaged',
      message: expect.stringMatching(new RegExp(`${word}[^]*prepare the input again`)) as unknown,
    });
  }
  await expect(openSpool(join(folder.path, 'nowhere'))).rejects.toMatchObject({ code: 'spool-missing' });
});

it('leaves no spool when it is killed on the way, and the next one clears up', async () => {
  const base = folder.next();
  const options = optionsFor(base);
  const dist = fileURLToPath(new URL('../../dist/src/', import.meta.url));
  const script = `
    import { prepare } from ${JSON.stringify(join(dist, 'intake/prepare.js'))};
    import { OPERATIONS } from ${JSON.stringify(join(dist, 'domain/operation.js'))};
    async function* rows() {
      for (let i = 0; i < 50000; i++) yield { from: 'a' + i, to: 'b' };
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => {});
    }
    await prepare({ kind: 'rows', rows: rows() }, {
      operation: OPERATIONS.check, options: {}, dir: ${JSON.stringify(options.dir)}, rejectsPath: ${JSON.stringify(options.rejectsPath)},
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  expect(existsSync(options.dir)).toBe(true);
  await expect(openSpool(options.dir)).rejects.toMatchObject({ code: 'spool-missing' });
  expect((await takeFile(base, 'u1,u2\n')).pairs).toEqual(['u1>u2']);
  expect(readdirSync(options.dir).toSorted()).toEqual(['spool.blocks', 'spool.index', 'spool.json']);
});

it('does not take a draft of the manifest for one', async () => {
  const base = folder.next();
  const { dir } = optionsFor(base);
  await takeFile(`${base}x`, csv);
  mkdirSync(dir);
  for (const name of ['spool.blocks', 'spool.index', 'spool.json']) {
    const draft = name === 'spool.json' ? 'spool.json.draft' : name;
    writeFileSync(join(dir, draft), readFileSync(join(optionsFor(`${base}x`).dir, name)));
  }
  await expect(openSpool(dir)).rejects.toMatchObject({ code: 'spool-missing' });
  expect((await takeFile(base, 'u1,u2\n')).pairs).toEqual(['u1>u2']);
});

it('encodes chunks small and large', () => {
  for (const count of [1, 5, 6, 7, 1000]) {
    const items = Array.from({ length: count }, (_, i) => ({ to: `用${i}`, rows: 'forward' as const }));
    const chunk = { from: count === 5 ? null : 'a', items };
    expect(decodeChunk(encodeChunk(chunk))).toEqual(chunk);
  }
  expect(() => decodeChunk(Buffer.from('nonsense'))).toThrow(/damaged/);
});
