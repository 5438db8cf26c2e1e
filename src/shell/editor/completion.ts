// Tab: what the word before the cursor may become. Commands, variables and file names are the shell's own matter; what a
// command's arguments are (containers, interfaces, namespaces) other floors say through `Completers`.

import { NetError } from "../../base/errno.ts";
import type { Process } from "../../posix/process.ts";
import type { VfsNode } from "../../posix/vfs.ts";
import { DEFAULT_PATH, isExecutable } from "../exec.ts";
import type { Shell } from "../shell.ts";
import type { Completions } from "./line-editor.ts";

/** What is being completed. */
export interface CompletionRequest {
  readonly proc: Process;
  /** the command and its arguments before the word */
  readonly words: readonly string[];
  /** the word, as far as it was typed */
  readonly word: string;
}

/** Words that may stand there; "command" is for a command that follows (ip netns exec X …), from that word on. */
export type Suggestion = readonly string[] | "files" | { readonly commandAt: number };

/** By command: its suggestions. */
export type Completers = ReadonlyMap<string, (request: CompletionRequest) => Suggestion>;

const KEYWORDS = "case do done elif else esac fi for function if in select then time until while".split(" ");

/** Candidates for the word before `cursor`. */
export function completeLine(
  shell: Shell,
  builtins: ReadonlyMap<string, object>,
  completers: Completers,
  line: string,
  cursor: number,
): Completions {
  const { words, start, raw, quote, redirected } = lastWord(line.slice(0, cursor));
  const word = unquote(raw);
  const variable = /\$\{?([A-Za-z_0-9]*)$/.exec(raw);
  if (variable && quote !== "'") {
    const brace = variable[0].startsWith("${") ? "}" : "";
    const at = start + variable.index + variable[0].length - variable[1]!.length;
    return choose(at, variable[1]!, shell.vars.names(""), (name) => name + brace, "");
  }
  if (redirected) return files(shell.proc, start, word, quote);
  if (words.length === 0 && !word.includes("/")) {
    const names = new Set([...KEYWORDS, ...builtins.keys(), ...shell.functions.keys(), ...programs(shell)]);
    return choose(start, word, [...names], (name) => name);
  }
  let rest: readonly string[] = words;
  for (;;) {
    const name = rest[0]?.split("/").at(-1);
    const completer = name === undefined ? undefined : completers.get(name);
    if (!completer) break;
    const suggestion = completer({ proc: shell.proc, words: rest, word });
    if (suggestion === "files") break;
    if (!("commandAt" in suggestion)) {
      const fits = choose(start, word, suggestion, (text) => text);
      return fits.candidates.length > 0 ? fits : files(shell.proc, start, word, quote);
    }
    rest = rest.slice(suggestion.commandAt);
    if (rest.length === 0) {
      if (word.includes("/")) break;
      return choose(start, word, programs(shell), (name) => name);
    }
  }
  return files(shell.proc, start, word, quote);
}

interface LastWord {
  /** earlier words of the same simple command */
  readonly words: string[];
  readonly start: number;
  readonly raw: string;
  readonly quote: string;
  readonly redirected: boolean;
}

/** The word at the end of a text, and those of its command before it. */
function lastWord(text: string): LastWord {
  let words: string[] = [];
  let start = 0;
  let quote = "";
  let redirected = false;
  const finish = (end: number): void => {
    const word = unquote(text.slice(start, end));
    if (end > start && !redirected && !(words.length === 0 && /^[A-Za-z_]\w*=/.test(word))) words.push(word);
    if (end > start) redirected = false;
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quote !== "'" && c === "\\") i++;
    else if (quote !== "") {
      if (c === quote) quote = "";
    } else if (c === "'" || c === '"') quote = c;
    else if (c === " " || c === "\t") {
      finish(i);
      start = i + 1;
    } else if (c === "<" || c === ">") {
      if (!/^\d*$/.test(text.slice(start, i))) finish(i);
      redirected = true;
      start = i + 1;
    } else if (/[;&|(){}`\n!]/.test(c) && !(c === "{" && text[i - 1] === "$") && !(c === "!" && i > start)) {
      words = [];
      redirected = false;
      start = i + 1;
    }
  }
  // keywords and wrappers before a command are not its name
  while (words.length > 0 && /^(then|do|else|elif|if|while|until|time|sudo|exec|command|nohup)$/.test(words[0]!))
    words.shift();
  return { words, start, raw: text.slice(start), quote, redirected };
}

function unquote(raw: string): string {
  return raw.replace(/\\(.)|['"]/g, (_all, quoted: string | undefined) => quoted ?? "");
}

function choose(
  start: number,
  typed: string,
  words: readonly string[],
  text: (word: string) => string,
  after = " ",
): Completions {
  const candidates = [...new Set(words)]
    .filter((word) => word.startsWith(typed))
    .sort()
    .map((word) => ({ text: text(word), after: word.endsWith("=") || word.endsWith(":") ? "" : after, shown: word }));
  return { start, candidates };
}

function programs(shell: Shell): string[] {
  const out = new Set<string>();
  for (const folder of (shell.vars.get("PATH") ?? DEFAULT_PATH).split(":"))
    for (const [name, node] of list(shell.proc, folder === "" ? "." : folder)) if (isExecutable(node)) out.add(name);
  return [...out];
}

/** Entries of a folder, links followed; none when it cannot be read. */
function list(proc: Process, folder: string): [string, VfsNode][] {
  try {
    const node = proc.root.find(proc, folder);
    const names =
      node?.kind === "dir" ? [...node.children.keys()] : node?.kind === "syntheticDir" ? node.list(proc) : [];
    return names.flatMap((name) => {
      const found = find(proc, `${folder}/${name}`);
      return found ? [[name, found] as [string, VfsNode]] : [];
    });
  } catch (error) {
    if (error instanceof NetError) return [];
    throw error;
  }
}

function find(proc: Process, path: string): VfsNode | undefined {
  try {
    return proc.root.find(proc, path);
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  }
}

function files(proc: Process, start: number, word: string, quote: string): Completions {
  const slash = word.lastIndexOf("/") + 1;
  const folder = word.slice(0, slash);
  const name = word.slice(slash);
  const home = proc.env.get("HOME") ?? "/";
  const where = folder === "" ? "." : folder.startsWith("~/") ? home + folder.slice(1) : folder;
  const quoted = (text: string): string =>
    quote !== "" ? quote + text : text.replace(/[ \t"'\\$&;|<>()*?[\]#!`{}]/g, "\\$&");
  const candidates = list(proc, where)
    .filter(([entry]) => entry.startsWith(name) && (name.startsWith(".") || !entry.startsWith(".")))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([entry, node]) => {
      const isFolder = node.kind === "dir" || node.kind === "syntheticDir";
      return {
        text: quoted(folder + entry) + (isFolder ? "/" : ""),
        after: isFolder ? "" : `${quote} `,
        shown: entry + (isFolder ? "/" : ""),
      };
    });
  return { start, candidates };
}
