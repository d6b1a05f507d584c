import { allCommands, type CommandNode, type Kind, nameOf, type OptionNode } from './tree.ts';

/** The script for fish 3: a rule a word, with the command it belongs to as its condition. */
export function fishScript(root: CommandNode): string {
  const children = allCommands(root).flatMap(({ commands }) => commands);
  return `# befriend: completion for fish. befriend completion fish > ~/.config/fish/completions/befriend.fish
function __befriend_at
    set -l path befriend
    for word in (commandline -opc)[2..]
        switch "$path $word"
            case ${children.map(({ path }) => quote(path.join(' '))).join(' ')}
                set path "$path $word"
        end
    end
    test "$path" = "$argv"
end

function __befriend_jobs
    set -l home .befriend
    test -n "$BEFRIEND_HOME"; and set home $BEFRIEND_HOME
    command ls -t -- $home/jobs 2>/dev/null
end

complete -c befriend -e
complete -c befriend -f
${allCommands(root).flatMap(rules).join('\n')}
`;
}

function rules(node: CommandNode): string[] {
  const rule = `complete -c befriend -n ${quote(`__befriend_at ${node.path.join(' ')}`)}`;
  return [
    ...node.commands.map((child) => `${rule} -a ${nameOf(child)} -d ${quote(child.about)}`),
    ...node.options.map((option) => `${rule}${optionText(option)}`),
    ...new Set(node.arguments.filter((kind) => kind !== 'other').map((kind) => rule + offer(kind))),
  ];
}

function optionText({ names, about, value }: OptionNode): string {
  const typed = names.map((name) => (name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`));
  const takes = value === null ? '' : ` -r${value === 'file' ? '' : ' -f'}${offer(value)}`;
  return `${typed.join('')}${takes} -d ${quote(about)}`;
}

function offer(kind: Kind): string {
  if (typeof kind !== 'string') return ` -a ${quote(kind.join(' '))}`;
  return { file: ' -F', folder: ` -a '(__fish_complete_directories)'`, job: ` -k -a '(__befriend_jobs)'`, other: '' }[
    kind
  ];
}

const quote = (text: string): string => `'${text.replace(/[\\']/g, String.raw`\$&`)}'`;
