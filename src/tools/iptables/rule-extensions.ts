// The matches and the target that one command line names: their options join the table of long options, and what is
// given fills their data. Answers to command_match, command_jump and command_default of iptables/xshared.c and to
// libxtables/xtoptions.c.

import type { ExtSpec } from "../../net/netfilter/xt-rule.ts";
import { type AnyExtension, checkOptions, type OptionCall, parseValue, type UserExtension } from "./extension.ts";
import type { Getopt, LongTables } from "./getopt.ts";
import { type ExtensionOption, extensionOptions, LONG_OPTIONS, type OptionValue } from "./options.ts";
import { type Output, parameterProblem } from "./xtables.ts";

/** An extension in use, with its data. */
interface Loaded {
  readonly extension: UserExtension<unknown>;
  readonly info: unknown;
  readonly used: Set<string>;
  /** a later use of the same match takes the options from here on */
  completed: boolean;
}

function load(extension: AnyExtension): Loaded {
  const ext = extension as unknown as UserExtension<unknown>;
  return { extension: ext, info: ext.init(), used: new Set(), completed: false };
}

function spec({ extension, info }: Loaded): ExtSpec {
  return { name: extension.kernelName ?? extension.name, info };
}

/** What an option's parser has to know of the rest of the line. */
export type CallContext = Pick<OptionCall<unknown>, "invert" | "proto" | "invProto" | "names" | "output">;

export class RuleExtensions {
  /** all long options there are now: iptables' own, then those of the newest extension */
  long: LongTables<OptionValue> = [LONG_OPTIONS];
  #target: Loaded | undefined;
  readonly #matches: Loaded[] = [];

  get any(): boolean {
    return this.#target !== undefined || this.#matches.length > 0;
  }

  get matches(): ExtSpec[] {
    return this.#matches.map(spec);
  }

  get target(): ExtSpec | undefined {
    return this.#target && spec(this.#target);
  }

  /** @param extension undefined: a verdict or a chain */
  setTarget(extension: AnyExtension | undefined): void {
    if (!extension) return;
    this.#target = load(extension);
    this.#addOptions(extension);
  }

  addMatch(extension: AnyExtension): void {
    const earlier = this.#matches.filter((match) => match.extension.name === extension.name);
    for (const match of earlier) match.completed = true;
    this.#matches.push(load(extension));
    if (earlier.length === 0) this.#addOptions(extension);
  }

  #addOptions(extension: AnyExtension): void {
    const [own, ...before] = this.long;
    this.long = [own!, extensionOptions(extension), ...before];
  }

  /** Gives an option to its extension; false when none has it. */
  call({ extension, spec }: ExtensionOption, words: Getopt<OptionValue>, context: CallContext): boolean {
    const isOwner = (loaded: Loaded): boolean => (loaded.extension as unknown) === extension;
    const owner =
      this.#target && isOwner(this.#target)
        ? this.#target
        : this.#matches.find((match) => isOwner(match) && !match.completed);
    if (!owner) return false;
    const { extension: ext, used } = owner;
    if (!ext.raw) {
      if (!spec.multi && used.has(spec.name))
        parameterProblem(`${ext.name}: option "--${spec.name}" can only be used once.\n`);
      if (context.invert && !spec.invert)
        parameterProblem(`${ext.name}: option "--${spec.name}" cannot be inverted.\n`);
    }
    const arg = words.argument ?? "";
    const value = parseValue(ext.name, spec, arg, context.names, context.output.version);
    ext.parse?.({
      info: owner.info,
      option: spec.name,
      arg,
      invert: context.invert,
      proto: context.proto,
      invProto: context.invProto,
      names: context.names,
      output: context.output,
      used,
      nextArg: () => words.takeWord(),
      num: value.num,
      range: value.range,
      count: value.count,
      mask: value.mask,
      mac: value.mac,
    });
    used.add(spec.name);
    return true;
  }

  /** After the last word: is each extension content with what it got? */
  check(output: Output): void {
    for (const loaded of this.#target ? [...this.#matches, this.#target] : this.#matches) {
      const { extension, info, used } = loaded;
      extension.check?.(info, used, output);
      if (!extension.raw) checkOptions(extension.name, extension.options, used);
    }
  }
}
