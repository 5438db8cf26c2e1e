// Asks the real iptables of this machine what it answers to the command lines of case files, and writes the answers into
// them. Each "== section" runs in a network namespace of its own. Needs root, util-linux and iptables 1.8.9 (nf_tables):
//   node record.mjs FILE.txt …
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const me = fileURLToPath(import.meta.url);

function words(line) {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]);
}

function answer(line, stdin) {
  const [program, ...args] = words(line);
  const { status, stdout, stderr } = spawnSync(program, args, { input: stdin, encoding: "utf8" });
  const out = [`$ ${line}`];
  if (stdin !== "")
    out.push(
      ...stdin
        .split("\n")
        .slice(0, -1)
        .map((text) => `< ${text}`),
    );
  const when = (text) => text.replace(/ on \w{3} \w{3} [\d ]\d \d\d:\d\d:\d\d \d{4}$/gm, " on DATE");
  if (stdout !== "") out.push(when(stdout).replace(/\n$/, ""));
  if (stderr !== "")
    out.push(
      ...stderr
        .replace(/\n$/, "")
        .split("\n")
        .map((text) => `! ${text}`),
    );
  if (status !== 0) out.push(`? ${status}`);
  return out.join("\n");
}

/** Commands of a section: lines that begin with "$ ", each with the "< " lines of its standard input. */
function commands(text) {
  const found = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("$ ")) found.push({ line: line.slice(2), stdin: "" });
    else if (line.startsWith("< ") || line === "<") found.at(-1).stdin += `${line.slice(2)}\n`;
  }
  return found;
}

if (process.argv[2] === "--section") {
  for (const { line, stdin } of commands(readFileSync(0, "utf8"))) console.log(answer(line, stdin));
} else {
  for (const file of process.argv.slice(2)) {
    const [head, ...sections] = readFileSync(file, "utf8").split(/^(?=== )/m);
    const answered = sections.map((section) => {
      const title = section.slice(0, section.indexOf("\n") + 1);
      const run = spawnSync("unshare", ["-n", "node", me, "--section"], { input: section, encoding: "utf8" });
      process.stderr.write(run.stderr);
      return title + run.stdout;
    });
    writeFileSync(file, head + answered.join(""));
  }
}
