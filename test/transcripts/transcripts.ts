// Sessions of tutorials on Docker's networking (fixtures/transcripts): NAME.sh holds the commands, one a line; NAME.txt what
// the real Linux with Docker 20.10.24 answered, in the form of test/docker/sessions. To record again, as root on such a
// machine: npx tsx test/transcripts/record.ts [NAME]

import { readdirSync, readFileSync } from "node:fs";
import { normal as normalSession, parseSession, type Step } from "../docker/sessions.ts";

export interface Transcript {
  readonly name: string;
  /** the whole script */
  readonly script: string;
  readonly commands: readonly string[];
  /** what the real one answered; none before it was recorded */
  readonly steps: readonly Step[];
  readonly recording: URL;
}

const FOLDER = new URL("../../fixtures/transcripts/", import.meta.url);

export function readTranscripts(): Transcript[] {
  const files = readdirSync(FOLDER);
  return files
    .filter((file) => file.endsWith(".sh"))
    .sort()
    .map((file) => {
      const name = file.replace(".sh", "");
      const script = readFileSync(new URL(file, FOLDER), "utf8");
      const recording = new URL(`${name}.txt`, FOLDER);
      const commands = script.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      const steps = files.includes(`${name}.txt`) ? parseSession(readFileSync(recording, "utf8")).steps : [];
      return { name, script, commands, steps, recording };
    });
}

/** What differs from run to run, from machine to machine, and from a terminal to a file. */
export function normal(text: string): string {
  return normalSession(text.replaceAll("\r", ""))
    .replace(/(cgroup|ipc|mnt|net|pid|user|uts):\[\d+\]/g, "$1:[INODE]")
    .replace(/^(l\S+ 1 root root 0) \S+ \d+ \d+:\d+/gm, "$1 DATE")
    .replace(/^\d+\n(?=\[0\])/gm, (all) => (Number(all) > 20 ? "PID\n" : all))
    .replace(/\bbr-[0-9a-f]{12}\b/g, "br-ID12")
    .replace(/\b\d+\/(docker-proxy|nginx: master|nginx|httpd)\b/g, "PID/$1")
    .replace(/^root +\d+ +\d+ +\d+ \d\d:\d\d \S+ +\d\d:\d\d:\d\d /gm, "root PID ")
    .replace(/'((cgroup|ipc|mnt|net|pid|time|user|uts):\S+)'$/gm, "$1")
    .replace(/\/usr\/s?bin\/docker-proxy/g, "docker-proxy")
    .replace(/ ether [0-9a-f:]{17}/g, " ether MAC")
    .replace(/(TX errors 0 dropped) \d+/g, "$1 N")
    .replace(/link-netnsid \d+/g, "link-netnsid N")
    .replace(/"(EndpointID|MacAddress)": "[0-9a-f:]+"/g, '"$1": "…"')
    .replace(/rtt min.*$/gm, "rtt RTT")
    .replace(/, time \d+ms/g, ", time TIMEms")
    .replace(/(\d+) bytes \(\d+\.\d [KM]?i?B\)/g, "N bytes")
    .replace(/\bpackets:\d+|RX packets \d+|TX packets \d+/g, (all) => all.replace(/\d+/, "N"));
}
