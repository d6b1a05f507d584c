import { InvalidArgumentError, Option } from 'commander';

/** An option that takes some of `names`, with commas between them; completion offers them. */
export function listOption(flags: string, about: string, names: readonly string[]): Option {
  const option = new Option(flags, about).argParser((list: string): string[] => {
    const given = list.split(',').map((name) => name.trim());
    const odd = given.filter((name) => !names.includes(name));
    if (odd.length === 0) return given;
    throw new InvalidArgumentError(`Expected some of ${names.join(', ')}, with commas between them.`);
  });
  option.argChoices = [...names];
  return option;
}
