/**
 * Breaks lines at spaces so that none is longer than `columns`, where its words allow; what is broken off is indented
 * by `indent` more than its line.
 */
export function fold(text: string, columns: number, indent = ''): string {
  return text
    .split('\n')
    .map((line) => foldLine(line, columns, indent))
    .join('\n');
}

function foldLine(line: string, columns: number, indent: string): string {
  const own = /^ */.exec(line)?.[0] ?? '';
  const lines = [own];
  for (const word of line.trim().split(' ')) {
    const last = lines.at(-1) as string;
    const start = lines.length === 1 ? own : own + indent;
    if (last === start) lines[lines.length - 1] = last + word;
    else if (last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(own + indent + word);
  }
  return lines.join('\n');
}
