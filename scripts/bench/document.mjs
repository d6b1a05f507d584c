// Tables, the machine they were measured on, and their place in docs/benchmarks.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

/** Puts the text between the marks of that name, in place of what stands there. */
export function writeTables(name, tables) {
  const [beginMark, endMark] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const before = readFileSync(DOCUMENT, 'utf8');
  const begin = before.indexOf(beginMark);
  const end = before.indexOf(endMark);
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no place for the tables: ${beginMark} … ${endMark}`);
  writeFileSync(DOCUMENT, `${before.slice(0, begin)}${beginMark}\n\n${tables}\n\n${before.slice(end)}`);
}

/** A Markdown table; empty where there are no rows. */
export function table(head, rows) {
  if (rows.length === 0) return '';
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function text(value, digits) {
  return value === null ? '–' : value.toFixed(digits);
}

/** Machine, versions, date, load before the first run, and the command to type. */
export function circumstances(redisVersion, command, packages) {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const memory = Math.round(totalmem() / 2 ** 30);
  const load = (loadavg()[0] ?? 0).toFixed(1);
  return [
    `- \`${command}\`, ${new Date().toISOString().slice(0, 10)}`,
    `- ${cpus().length} cores (${model}), ${memory} GiB, ${process.platform}; load before the first run ${load}`,
    `- Node ${process.versions.node}, Redis ${redisVersion}, ${packages.map((name) => `${name} ${versionOf(name)}`).join(', ')}`,
  ].join('\n');
}

/** `npm run NAME`, with the arguments as they were given, less the one that says where the tables go. */
export function commandTyped(name, args) {
  const given = args.filter((arg) => arg !== '--write');
  return [`npm run ${name}`, ...(given.length === 0 ? [] : ['--', ...given])].join(' ');
}

function versionOf(name) {
  const manifest = fileURLToPath(new URL(`../../node_modules/${name}/package.json`, import.meta.url));
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}
