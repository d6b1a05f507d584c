import { allCommands, type CommandNode, type Kind, nameOf } from './tree.ts';

/**
 * The script for bash 3.2 (macOS) and later; it needs no bash-completion package. A table of the commands, and one
 * function that walks the line along it.
 */
export function bashScript(root: CommandNode): string {
  return `# befriend: completion for bash. In ~/.bashrc: eval "$(befriend completion bash)"
_befriend_command() {
  case $1 in
${allCommands(root).map(commandCase).join('\n')}
  esac
}

_befriend_value() {
  case $1 in
${allCommands(root).flatMap(valueCases).join('\n')}
  *) kind=other ;;
  esac
}
${WALK}`;
}

/** Words of commands, options and choices have no character that a shell would read otherwise. */
function commandCase({ path, options, commands, arguments: list, repeats }: CommandNode): string {
  const names = options.flatMap((option) => option.names);
  const valued = options.filter(({ value }) => value !== null).flatMap((option) => option.names);
  const settings = [
    `commands='${commands.map(nameOf).join(' ')}'`,
    `options='${names.join(' ')}'`,
    `valued='${valued.join(' ')}'`,
    `repeats='${repeats ? 'yes' : ''}'`,
    `places=(${list.map((kind) => `'${kindText(kind)}'`).join(' ')})`,
  ];
  return `  '${path.join(' ')}') ${settings.join(' ')} ;;`;
}

function valueCases({ path, options }: CommandNode): string[] {
  return options.flatMap(({ names, value }) =>
    value === null
      ? []
      : [`  ${names.map((name) => `'${[...path, name].join(' ')}'`).join(' | ')}) kind='${kindText(value)}' ;;`],
  );
}

const kindText = (kind: Kind): string => (typeof kind === 'string' ? kind : `words ${kind.join(' ')}`);

const WALK = `
_befriend_offer() {
  local IFS=$'\\n'
  case $1 in
  file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
  folder) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")) ;;
  job) COMPREPLY=($(compgen -W "$(command ls -t -- "\${BEFRIEND_HOME:-.befriend}/jobs" 2>/dev/null)" -- "$cur")) ;;
  'words '*) IFS=$' \\n'; COMPREPLY=($(compgen -W "\${1#words }" -- "$cur")) ;;
  esac
}

_befriend() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path=befriend option='' place=0 ended='' i word kind
  local commands options valued places repeats
  COMPREPLY=()
  _befriend_command "$path"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # bash gives --name=value as three words.
    if [[ -n $option ]]; then
      [[ $word == '=' ]] || option=''
    elif [[ -z $ended && $word == -- ]]; then
      ended=yes
    elif [[ -z $ended && $word == -?* ]]; then
      [[ " $valued " == *" $word "* ]] && option=$word
    elif [[ -z $ended && " $commands " == *" $word "* ]]; then
      path="$path $word" place=0
      _befriend_command "$path"
    else
      place=$((place + 1))
    fi
  done
  [[ -n $repeats && place -ge \${#places[@]} ]] && place=$((\${#places[@]} - 1))
  [[ $cur == '=' ]] && cur=''
  if [[ -n $option ]]; then
    _befriend_value "$path $option"
    _befriend_offer "$kind"
  elif [[ -z $ended && $cur == -* ]]; then
    _befriend_offer "words $options"
  elif [[ -n $commands && $place -eq 0 ]]; then
    _befriend_offer "words $commands"
  else
    _befriend_offer "\${places[place]:-other}"
  fi
}
complete -F _befriend befriend
`;
