import { allCommands, type CommandNode, type Kind, nameOf, type OptionNode } from './tree.ts';

/** The script for zsh: a function a command, each an `_arguments` of its own. */
export function zshScript(root: CommandNode): string {
  return `#compdef befriend
# befriend: completion for zsh. In ~/.zshrc, after compinit: eval "$(befriend completion zsh)"
__befriend_job_ids() {
  local -a jobs
  jobs=(\${BEFRIEND_HOME:-.befriend}/jobs/*(N/om:t))
  (( $#jobs )) && compadd -V jobs -a jobs
}

${allCommands(root).map(commandFunction).join('\n\n')}

if [[ \${funcstack[1]} == _befriend ]]; then _befriend "$@"; else compdef _befriend befriend; fi
`;
}

function commandFunction(node: CommandNode): string {
  const specs = node.options.map(optionSpec);
  const name = functionName(node);
  if (node.commands.length === 0) {
    const last = node.arguments.length - 1;
    const places = node.arguments.map((kind, n) =>
      quote(`${node.repeats && n === last ? '*' : ''}:${placeName(kind)}:${action(kind)}`),
    );
    return `${name}() {\n  _arguments -S${lines([...specs, ...places])}\n}`;
  }
  const described = node.commands.map((child) => quote(`${nameOf(child)}:${child.about}`));
  const cases = node.commands.map((child) => `    ${nameOf(child)}) ${functionName(child)} ;;`);
  return `${name}() {
  local state
  local -a line commands
  commands=(${lines(described, '\n    ')}
  )
  _arguments -C -S${lines([...specs, "': :->command'", "'*:: :->arguments'"])}
  case $state in
  command) _describe command commands ;;
  arguments)
    case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}`;
}

function functionName({ path }: CommandNode): string {
  return `_${path.join('_').replaceAll('-', '_')}`;
}

/** `(-h --help)-h[about]`: a name that was typed takes the others of the option out. */
function optionSpec({ names, about, value }: OptionNode): string {
  const text = about.replace(/[[\]\\]/g, String.raw`\$&`);
  const argument = value === null ? '' : `:${placeName(value)}:${action(value)}`;
  return names
    .map((name) => {
      const takes = value !== null && name.startsWith('--') ? '=' : '';
      const others = names.length > 1 ? `(${names.join(' ')})` : '';
      return quote(`${others}${name}${takes}[${text}]${argument}`);
    })
    .join(' ');
}

const placeName = (kind: Kind): string => (typeof kind === 'string' ? kind : 'choice');

function action(kind: Kind): string {
  if (typeof kind !== 'string') return `(${kind.join(' ')})`;
  return { file: '_files', folder: '_files -/', job: '__befriend_job_ids', other: ' ' }[kind];
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const lines = (items: readonly string[], between = ' \\\n    '): string => items.map((item) => between + item).join('');
