// Docker's help texts as data: what a command is for, how it is used, which flags of which type it has, in either
// generation. A page begins with "# NAME"; then "usage:", "summary:", "more:", "aliases:" (what the help text lists),
// "like: NAME" (that page's flags), and a line for each flag: one letter, name, type, what it does. A line that begins with
// 20 or 28 is for that generation only; "= NAME" says for which flag it stands, unseen in help texts.

import { type Flag, kindOf } from "../flags.ts";
import { CONTAINER_PAGES } from "./container-pages.ts";
import { GROUP_PAGES } from "./groups.ts";
import { OTHER_PAGES } from "./other-pages.ts";

export type GenerationName = "20" | "28";

export interface Page {
  /** "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-", one a way to use it */
  readonly usages: readonly string[];
  readonly summary: string;
  /** further lines of the description */
  readonly more: string;
  /** what the help text says under "Aliases:" */
  readonly aliases: string;
  /** sorted by name */
  readonly flags: readonly Flag[];
}

/** Templates of --format, as newer help texts explain them. */
const FORMAT = `'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`;
const MACROS: ReadonlyMap<string, string> = new Map([
  ["@format", `Format output using a custom template:\n${FORMAT}`],
  [
    "@table",
    `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
${FORMAT}`,
  ],
]);

const texts: ReadonlyMap<string, readonly string[]> = new Map(
  `${CONTAINER_PAGES}${OTHER_PAGES}`
    .split(/^# /m)
    .slice(1)
    .map((text) => {
      const [name, ...lines] = text.split("\n");
      return [name!, lines.filter((line) => line !== "")] as const;
    }),
);
const pages = new Map<string, Page>();

/** The page of a command: "run", "network create"; "container run" has that of "run". */
export function pageOf(command: string, generation: GenerationName): Page {
  const name = texts.has(command) ? command : command.replace(/^\w+ /, "");
  const key = `${generation} ${name}`;
  const known = pages.get(key);
  if (known) return known;
  const page = readPage(name, generation);
  pages.set(key, page);
  return page;
}

function readPage(name: string, generation: GenerationName): Page {
  const lines = (texts.get(name) ?? [])
    .filter((line) => !/^(20|28) /.test(line) || line.startsWith(generation))
    .map((line) => line.replace(/^(20|28) /, "   "));
  const field = (word: string): string => {
    const line = lines.find((text) => text.trimStart().startsWith(`${word}: `));
    return line === undefined ? "" : line.slice(line.indexOf(": ") + 2).replaceAll("\\n", "\n");
  };
  const like = field("like");
  return {
    usages: field("usage").split("\n"),
    summary: field("summary"),
    more: field("more"),
    aliases: field("aliases"),
    flags:
      like === "" ? lines.flatMap(readFlag).sort((a, b) => (a.name < b.name ? -1 : 1)) : pageOf(like, generation).flags,
  };
}

const FLAG = /^ {3}(?:-(\w)| {2}) --([\w-]+)(?: ([\w-]+))? {2}(.*)$/;

/** "-f --filter filter  Filter output …", or nothing */
function readFlag(line: string): Flag[] {
  const [all, short = "", name, type = "", text] = FLAG.exec(line) ?? [];
  if (all === undefined) return [];
  const alias = text!.startsWith("= ") ? { alias: text!.slice(2) } : {};
  return [
    {
      name: name!,
      short,
      type,
      kind: kindOf(type),
      usage: MACROS.get(text!) ?? text!.replaceAll("\\n", "\n"),
      ...alias,
    },
  ];
}

export interface Listing {
  readonly summary: string;
  readonly commands: readonly { readonly name: string; readonly section: string; readonly summary: string }[];
}

/** The commands of a group ("docker" is the whole), in the order of help texts; undefined: there is no such group. */
export function listingOf(group: string, generation: GenerationName): Listing | undefined {
  const text = GROUP_PAGES.split(/^# /m).find((part) => part.startsWith(`${group}: `));
  if (text === undefined) return undefined;
  const [title, ...lines] = text.split("\n");
  return {
    summary: title!.slice(group.length + 2),
    commands: lines.flatMap((line) => {
      const [all, mark, section, name, summary] = /^(20|28| {2}) (\w+) (\w+): (.*)$/.exec(line) ?? [];
      if (all === undefined || (mark !== "  " && mark !== generation)) return [];
      return [{ name: name!, section: section!, summary: summary! }];
    }),
  };
}
