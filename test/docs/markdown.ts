/** The cells of all table rows of a document, without their backquotes. */
export function tableRows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.replaceAll('`', '').replaceAll('\\|', '|').trim()),
    );
}

export interface CodeBlock {
  /** Word behind the opening fence: `sh`, `console`. */
  language: string;
  /** Line of the document where the block's first line stands, from 1. */
  line: number;
  lines: string[];
}

/** The fenced code blocks of a document, in order. */
export function codeBlocks(text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: CodeBlock | null = null;
  for (const [index, line] of text.split('\n').entries()) {
    if (open === null && line.startsWith('```')) open = { language: line.slice(3).trim(), line: index + 2, lines: [] };
    else if (open !== null && line === '```') {
      blocks.push(open);
      open = null;
    } else open?.lines.push(line);
  }
  return blocks;
}
