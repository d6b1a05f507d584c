// What a Dockerfile does, told without an engine: its instructions, and the files that .dockerignore lets in.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `[{ name: 'COPY', text: 'src ./src' }, …]`, continued lines joined, comments left out. */
export function instructionsOf(text) {
  const lines = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n\s*/g, '');
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line);
      return { name, text: rest };
    });
}

/** A COPY: where from (null: the context), what, and where to. */
export function copyOf(text) {
  const words = text.split(/\s+/);
  const flags = words.filter((word) => word.startsWith('--'));
  const paths = words.filter((word) => !word.startsWith('--'));
  const from = flags.find((flag) => flag.startsWith('--from='))?.slice('--from='.length) ?? null;
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) };
}

/** Whether a path is in the build context: of all patterns that match it or a folder it is in, the last one decides. */
export function contextFilter(dockerignore) {
  const patterns = dockerignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ out: !line.startsWith('!'), matches: matcherOf(line.replace(/^!/, '')) }));
  return (path) => !patterns.reduce((out, pattern) => (pattern.matches(path) ? pattern.out : out), false);
}

function matcherOf(pattern) {
  const source = pattern
    .split(/(\*\*\/|\*)/)
    .map((part) => ({ '**/': '(?:.*/)?', '*': '[^/]*' })[part] ?? part.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join('');
  const whole = new RegExp(`^${source}(?:/.*)?$`);
  return (path) => whole.test(path);
}

/** All files under `root`, relative to it, that the context holds. */
export function contextOf(root, dockerignore) {
  const isIn = contextFilter(dockerignore);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .filter(isIn);
}
