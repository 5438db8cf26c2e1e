// Sets as `ipset list` and `ipset save` print them: plain, as commands, as XML. Answers to lib/session.c of ipset 7.17.

import { SEC } from "../../base/time.ts";
import type { HashSet, SetEntry } from "../../net/netfilter/ip-set-hash.ts";
import { compareElements, formatElement } from "./element.ts";

export interface ListSettings {
  readonly mode: "plain" | "save" | "xml";
  readonly sorted: boolean;
  readonly namesOnly: boolean;
  /** no members */
  readonly terse: boolean;
  /** now, of the sets' clock */
  readonly now: number;
}

/** "hashsize 1024", "counters": name and value, or the name alone. */
type Field = readonly [string, string | undefined];

function header({ type, options, hashsize }: HashSet): Field[] {
  const { maxelem, netmask, timeout, counters, comment, bucketsize, initval } = options;
  const fields: (Field | false)[] = [
    ["family", "inet"],
    ["hashsize", String(hashsize)],
    ["maxelem", String(maxelem)],
    type.hasNetmask && netmask !== 32 && ["netmask", String(netmask)],
    timeout !== undefined && ["timeout", String(timeout)],
    counters && ["counters", undefined],
    comment && ["comment", undefined],
    ["bucketsize", String(bucketsize)],
    ["initval", `0x${initval.toString(16).padStart(8, "0")}`],
  ];
  return fields.filter((field) => field !== false);
}

function extensions({ options }: HashSet, entry: SetEntry, now: number): Field[] {
  const fields: Field[] = [];
  if (options.timeout !== undefined) {
    const left = entry.expires === 0 ? 0 : Math.max(Math.floor((entry.expires - now) / SEC), 1);
    fields.push(["timeout", String(left)]);
  }
  if (entry.nomatch) fields.unshift(["nomatch", undefined]);
  if (options.counters) fields.push(["packets", String(entry.packets)], ["bytes", String(entry.bytes)]);
  if (entry.comment !== "") fields.push(["comment", `"${entry.comment}"`]);
  return fields;
}

function words(fields: readonly Field[]): string {
  return fields.map(([name, value]) => (value === undefined ? ` ${name}` : ` ${name} ${value}`)).join("");
}

function tags(fields: readonly Field[]): string {
  return fields.map(([name, value]) => (value === undefined ? `<${name}/>` : `<${name}>${value}</${name}>`)).join("");
}

interface Member {
  readonly text: string;
  readonly fields: Field[];
}

function members(set: HashSet, { sorted, now }: ListSettings): Member[] {
  const found = set.entries.map((entry) => ({
    text: formatElement(set.type, entry),
    fields: extensions(set, entry, now),
  }));
  return sorted ? found.sort((a, b) => compareElements(a.text, b.text)) : found;
}

export function listSets(sets: readonly HashSet[], settings: ListSettings): string {
  const { mode, namesOnly } = settings;
  if (mode === "xml") return `<ipsets>\n${sets.map((set) => xml(set, settings)).join("")}</ipsets>\n`;
  if (namesOnly) return sets.map(({ name }) => `${name}\n`).join("");
  if (mode === "save") return sets.map((set) => save(set, settings)).join("");
  return sets.map((set) => plain(set, settings)).join("\n");
}

function plain(set: HashSet, settings: ListSettings): string {
  const { name, type, memory, references, entries } = set;
  let text = `Name: ${name}\nType: ${type.name}\nRevision: ${type.revision}\nHeader:${words(header(set))}\n`;
  text += `Size in memory: ${memory}\nReferences: ${references}\nNumber of entries: ${entries.length}\n`;
  if (settings.terse) return text;
  text += "Members:\n";
  for (const { text: element, fields } of members(set, settings)) text += `${element}${words(fields)}\n`;
  return text;
}

function save(set: HashSet, settings: ListSettings): string {
  let text = `create ${set.name} ${set.type.name}${words(header(set))}\n`;
  if (settings.terse) return text;
  for (const { text: element, fields } of members(set, settings))
    text += `add ${set.name} ${element}${words(fields)}\n`;
  return text;
}

function xml(set: HashSet, settings: ListSettings): string {
  const { name, type, memory, references, entries } = set;
  if (settings.namesOnly) return `<ipset name="${name}"/>\n`;
  let text = `<ipset name="${name}">\n<type>${type.name}</type>\n<revision>${type.revision}</revision>\n`;
  text += `<header>${tags(header(set))}\n<memsize>${memory}</memsize>\n<references>${references}</references>\n`;
  text += `<numentries>${entries.length}</numentries>\n</header>\n`;
  if (!settings.terse) {
    text += "<members>\n";
    for (const member of members(set, settings))
      text += `<member><elem>${member.text}</elem>${tags(member.fields)}</member>\n`;
    text += "</members>\n";
  }
  return `${text}</ipset>\n`;
}
