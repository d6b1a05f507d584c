import { styleText } from 'node:util';
import type { Finding } from '../domain/finding.ts';
import { type Group, problemsOf } from './group.ts';

const COLUMNS = 80;
const SIGNS = { ok: '✓', warning: '!', problem: '✗' } as const;
const COLOURS = { ok: 'green', warning: 'yellow', problem: 'red' } as const;
const LEVEL_COLUMNS = 'problem'.length;
/** Longer names get a line of their own. */
const MOST_AREA = 24;

/** The findings as a person reads them, within 80 columns where words allow. Coloured where `stream` shows colours. */
export function doctorText(groups: readonly Group[], stream: NodeJS.WriteStream): string {
  const shown = groups.filter(({ findings }) => findings.length > 0);
  return [...shown.flatMap((group) => [...groupLines(group, stream), '']), ...folded(lastLine(groups), ''), ''].join(
    '\n',
  );
}

function groupLines({ title, findings }: Group, stream: NodeJS.WriteStream): string[] {
  const width = Math.min(MOST_AREA, Math.max(...findings.map(({ area }) => area.length)));
  return [title, ...findings.flatMap((finding) => findingLines(finding, width, stream))];
}

function findingLines({ level, area, text, advice }: Finding, width: number, stream: NodeJS.WriteStream): string[] {
  const mark = `${SIGNS[level]} ${level.padEnd(LEVEL_COLUMNS)}`;
  // The stream decides: a terminal that shows colours, and no NO_COLOR.
  const coloured = styleText(COLOURS[level], mark, { stream, validateStream: true });
  const indent = ' '.repeat(2 + mark.length + 2 + width + 2);
  const [first = '', ...rest] = folded(text, indent);
  const head = `  ${coloured}  ${area.padEnd(width)}`;
  const lines = area.length > width ? [head, first] : [`${head}  ${first.trimStart()}`];
  return [...lines, ...rest, ...(advice === undefined ? [] : adviceLines(advice, indent))];
}

function adviceLines(advice: string, indent: string): string[] {
  const [first = '', ...rest] = folded(advice, `${indent}  `);
  return [`${indent}→ ${first.trimStart()}`, ...rest];
}

/** A text in lines of at most 80 columns, each behind the indent; a word that is longer stays whole. */
function folded(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(/\s+/)) {
    if (line !== indent && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = indent;
    }
    line = line === indent ? indent + word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** What to do next. */
function lastLine(groups: readonly Group[]): string {
  const problems = problemsOf(groups);
  const [first] = problems;
  if (first !== undefined) {
    const others = problems.length > 1 ? ` and ${problems.length - 1} more` : '';
    return `not ready: mend ${first.area}${others}, then run befriend doctor again`;
  }
  const warnings = groups.flatMap(({ findings }) => findings.filter(({ level }) => level === 'warning')).length;
  if (warnings === 0) return 'ready: befriend import FILE --dry-run reads a file and sends nothing';
  return `ready, with ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
}
