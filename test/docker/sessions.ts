// Sessions with the real Docker: sessions/*.txt (20.10.24, Debian 12's daemon and client) and sessions28/*.txt (28.5.2,
// Debian forky's, with its docker-compose) hold commands after "$ ", further lines of theirs after "> ", what they wrote
// to both streams, and their status in brackets. The same commands are run here. To record again, as root on such a
// machine with the programs that test/kernel/record.sh asks for:
//   npx tsx test/docker/record.ts FOLDER [NAME]
// RECORDER names another recorder than test/kernel/record.sh, such as one that changes its root to another Debian.

import { readdirSync, readFileSync } from "node:fs";

export type Folder = "sessions" | "sessions28";

export interface Step {
  /** lines of bash */
  readonly command: string;
  /** what it wrote, normal, and its status: "hello\n[0]\n" */
  readonly output: string;
}

export interface Session {
  readonly name: string;
  readonly url: URL;
  /** comment lines before the first command */
  readonly head: string;
  readonly steps: readonly Step[];
}

export function readSessions(name: Folder): Session[] {
  const folder = new URL(`./${name}/`, import.meta.url);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".txt"))
    .sort()
    .map((file) => {
      const url = new URL(file, folder);
      return { name: file.replace(".txt", ""), url, ...parseSession(readFileSync(url, "utf8")) };
    });
}

export function parseSession(text: string): { readonly head: string; readonly steps: readonly Step[] } {
  const parts = text.split(/^(?=\$ )/m);
  const head = text.startsWith("$ ") ? "" : parts.shift()!;
  return {
    head,
    steps: parts.map((block) => {
      const [shown] = /^\$ .*\n(?:>(?: .*)?\n)*/.exec(block)!;
      return { command: shown.slice(2, -1).replace(/\n> ?/g, "\n"), output: block.slice(shown.length) };
    }),
  };
}

/** A command as a session shows it. */
export function promptOf(command: string): string {
  return `$ ${command.replaceAll("\n", "\n> ")}`;
}

/** The bash script that runs the steps and writes such a text. */
export function scriptOf(steps: readonly Step[]): string {
  return steps
    .map(({ command }) => {
      const quoted = promptOf(command).replaceAll("'", "'\\''");
      return `echo '${quoted}'\n{ ${command}\n} 2>&1\necho "[$?]"\n`;
    })
    .join("");
}

/** What differs from run to run: ids, names and MAC addresses by chance, times, the host's own folders. */
export function normal(text: string): string {
  return text
    .replace(/\/(run\/lab\/docker|var\/lib\/docker)\//g, "DATA/")
    .replace(/\/(run\/lab\/exec|var\/run\/docker)\/netns\//g, "NETNS/")
    .replace(/(\/tmp\/rec\w+\/out|\/root)\/(?=[a-z]+\/(compose|nosuch)\.yaml)/g, "HERE/")
    .replace(/^vethlab: .*\n/gm, "")
    .replace(/\b[0-9a-f]{64}\b/g, "ID64")
    .replace(/\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{12}\b/g, "ID12")
    .replace(/\bveth[0-9a-f]{7}\b/g, "VETH")
    .replace(/\b[a-z]+_[a-z]+ \(ID64\)/g, "NAME (ID64)")
    .replace(/=\/[a-z]+_[a-z]+\//g, "=/NAME/")
    .replace(/link\/ether (?!02:42:(ac|0a|c0))[0-9a-f:]{17}/g, "link/ether MAC")
    .replace(/(Less than a second|About a minute|\d+ (seconds?|minutes?))( ago)?/g, "TIME")
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "TIME")
    .replace(/^(rtt .* =) .*$/gm, "$1 RTT")
    .replace(/time=\d+(\.\d+)? ms/g, "time=RTT ms")
    .replace(/ +/g, " ")
    .replace(/ $/gm, "");
}
