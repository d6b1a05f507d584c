import { codeBlocks } from './markdown.ts';

/** A command line of befriend, npm or docker in a document. */
export interface Named {
  line: number;
  /** As typed, without `npx`, comment and redirections. */
  command: string;
}

const PARTS = /;|&&|\|\|?|&(?=\s|$)|\$\(/;
const COMMAND = /^(?:(?:until|if|while|do|then) )?(?:npx )?((?:befriend|npm|docker)(?: .*)?)$/;

/** Command lines in the sh and console blocks of a document; what here-documents hold is no command. */
export function commandsIn(text: string): Named[] {
  return codeBlocks(text).flatMap(({ language, line, lines }) => {
    if (language !== 'sh' && language !== 'console') return [];
    let end: string | null = null;
    return lines.flatMap((typed, index): Named[] => {
      if (end !== null) {
        if (typed === end) end = null;
        return [];
      }
      end = /<<'?(\w+)'?/.exec(typed)?.[1] ?? null;
      if (language === 'console' && !typed.startsWith('$ ')) return [];
      return partsOf(typed.replace(/^\$ /, '')).map((command) => ({ line: line + index, command }));
    });
  });
}

function partsOf(typed: string): string[] {
  const plain = typed.replace(/(^|\s)#.*$/, '');
  return plain.split(PARTS).flatMap((part) => {
    const words = part.replace(/\s\d?>.*$/, '').replace(/\)+$/, '');
    const [, command] = COMMAND.exec(words.trim()) ?? [];
    return command === undefined ? [] : [command.replaceAll(/\s+/g, ' ')];
  });
}

/** The words of a command as a shell without expansions gives them. */
export function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? (c as string));
}

/** befriend's commands named in the running text: `befriend results JOB`. */
export function inlineCommands(text: string): string[] {
  return [...text.matchAll(/`(?:npx )?(befriend (?:[a-z-]+[|]?)+)/g)].flatMap(([, named = '']) =>
    named.slice('befriend '.length).split('|'),
  );
}
