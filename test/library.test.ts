/** What a program that imports befriend can name: every error it may meet, every type that a signature mentions. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as library from '../src/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
/** The names in the braces of imports or exports from files of befriend. */
const namesIn = (text: string, keyword: 'import' | 'export'): string[] =>
  [...text.matchAll(new RegExp(`${keyword} (?:type )?\\{([^}]*)\\} from '\\.`, 'g'))]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== '');

/** Errors that end inside, as an outcome or a verdict. */
const INSIDE = new Set(['TransportError']);

test('every error that a caller can meet is exported', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !/^(?:cli|simulator)\//.test(name),
  );
  const errors = files
    .flatMap((name) => [...read(join('src', name)).matchAll(/export class (\w+) extends Error/g)])
    .map(([, name]) => name as string)
    .filter((name) => !INSIDE.has(name));
  expect(errors).toContain('JobElsewhere');
  expect(errors.filter((name) => !Object.hasOwn(library, name))).toEqual([]);
});

test.each([
  'befriend',
  'domain/job',
  'domain/outcome',
  'results/report',
  'intake/prepare',
  'intake/rejects',
  'intake/row',
])('every type that the public signatures of %s mention is exported', (name) => {
  const exported = new Set(namesIn(read('dist/src/index.d.ts'), 'export'));
  // What those files need for what is not public.
  const own = new Set(['Operation', 'Places', 'Again', 'Item', 'Fields', 'Column']);
  const mentioned = namesIn(read(`dist/src/${name}.d.ts`), 'import').filter((type) => !own.has(type));
  expect(mentioned.filter((type) => !exported.has(type))).toEqual([]);
  expect(exported).toContain('Befriend');
});
