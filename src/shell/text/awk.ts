// awk's command line, as mawk's: -F, -v, -f, the program, files and assignments among them.

import { NetError } from "../../base/errno.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { openInput, readText, toBinary } from "../coreutils/util.ts";
import { AwkError } from "./awk-lex.ts";
import { AwkMachine } from "./awk-machine.ts";
import { parseAwk } from "./awk-parse.ts";
import { RuntimeError } from "./awk-streams.ts";

const USAGE = `Usage: mawk [Options] [Program] [file ...]

Program:
    The -f option value is the name of a file containing program text.
    If no -f option is given, a "--" ends option processing; the following
    parameters are the program text.
`;

function* awk(proc: Process): Task<number> {
  const words = proc.argv.slice(1);
  const assignments: string[] = [];
  const texts: string[] = [];
  let separator: string | undefined;
  while (words.length > 0 && words[0]!.startsWith("-") && words[0] !== "-") {
    const word = words.shift()!;
    if (word === "--") break;
    const letter = word[1]!;
    if (!"Ffv".includes(letter) && letter !== "W") {
      yield* proc.printError(`${proc.name}: not an option: ${word}\n`);
      return 2;
    }
    const value = word.length > 2 ? word.slice(2) : words.shift();
    if (value === undefined) {
      yield* proc.printError(`${proc.name}: option ${word} lacks argument\n`);
      return 2;
    }
    if (letter === "F") separator = value;
    else if (letter === "v") assignments.push(value);
    else if (letter === "f") {
      try {
        const file = openInput(proc, value);
        texts.push(yield* readText(file));
        file.release();
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        yield* proc.printError(`${proc.name}: cannot open ${value} (${error.message})\n`);
        return 2;
      }
    } else if (value !== "interactive" && value !== "i") {
      yield* proc.printError(`${proc.name}: option -W ${value} is not supported\n`);
      return 2;
    }
  }
  if (texts.length === 0) {
    const text = words.shift();
    if (text === undefined) {
      yield* proc.printError(USAGE);
      return 2;
    }
    texts.push(toBinary(text));
  }
  try {
    const program = parseAwk(texts.join("\n"));
    const machine = new AwkMachine(proc, program, words);
    if (separator !== undefined) machine.assign(`FS=${separator}`);
    for (const text of assignments)
      if (!machine.assign(text)) {
        yield* proc.printError(`${proc.name}: improper assignment: -v ${text}\n`);
        return 2;
      }
    return yield* machine.run();
  } catch (error) {
    if (!(error instanceof AwkError || error instanceof RuntimeError)) throw error;
    yield* proc.printError(`${proc.name}: ${error.message}\n`);
    return 2;
  }
}

export const awkPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["awk", awk],
  ["mawk", awk],
]);
