import { Argument, Command } from 'commander';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import { type CommandNode, treeOf } from './completion/tree.ts';
import { zshScript } from './completion/zsh.ts';
import { EXIT } from './context.ts';

const SCRIPTS: Record<string, (root: CommandNode) => string> = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** `befriend completion SHELL`: a script made from the command tree, so that every command and option is in it. */
export function completionCommand(exit: (code: number) => void): Command {
  return new Command('completion')
    .description('print a script that completes commands, options, files and job ids in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      `
How to use it:
  bash  echo 'eval "$(befriend completion bash)"' >> ~/.bashrc
  zsh   echo 'eval "$(befriend completion zsh)"' >> ~/.zshrc    # after compinit
  fish  befriend completion fish > ~/.config/fish/completions/befriend.fish

Job ids are the folders of BEFRIEND_HOME/jobs (default ./.befriend/jobs).`,
    )
    .action((shell: string, _flags: object, command: Command) => {
      process.stdout.write(SCRIPTS[shell]!(treeOf(command.parent as Command)));
      exit(EXIT.ok);
    });
}
