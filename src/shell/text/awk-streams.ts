// awk's files and commands: records read from them, output written to them, each known by its name until it is closed.
// Output is gathered in blocks, as stdio does.

import { latin1 } from "../../base/bytes.ts";
import { NetError } from "../../base/errno.ts";
import { makePipe, type OpenFile } from "../../posix/file.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { bytesOf, fromBinary, openInput } from "../coreutils/util.ts";
import { FORK_NS } from "../cost.ts";
import { spawnCommand } from "../exec.ts";
import { awkRegExp } from "./awk-lex.ts";
import type { Redirection } from "./awk-tree.ts";

const BLOCK = 4096;

/** An error while the program runs; status 2. */
export class RuntimeError extends Error {
  override readonly name: string = "RuntimeError";
}

/** Records of one open file. */
export class RecordReader {
  readonly file: OpenFile;
  #buffer = "";
  #ended = false;

  constructor(file: OpenFile) {
    this.file = file;
  }

  /** The next record, or undefined at the end. `separator` is RS. */
  *next(separator: string): Task<string | undefined> {
    const paragraph = separator === "";
    const expression = paragraph ? /\n\n+/g : separator.length > 1 ? awkRegExp(separator) : undefined;
    for (;;) {
      if (paragraph) this.#buffer = this.#buffer.replace(/^\n+/, "");
      let start = -1;
      let length = 1;
      if (expression) {
        expression.lastIndex = 0;
        const match = expression.exec(this.#buffer);
        // a match at the end of what was read may go on
        if (match && match[0] !== "" && (this.#ended || match.index + match[0].length < this.#buffer.length)) {
          start = match.index;
          length = match[0].length;
        }
      } else start = this.#buffer.indexOf(separator);
      if (start >= 0) {
        const record = this.#buffer.slice(0, start);
        this.#buffer = this.#buffer.slice(start + length);
        return record;
      }
      if (this.#ended) {
        if (this.#buffer === "") return undefined;
        let record = this.#buffer;
        this.#buffer = "";
        if (paragraph) record = record.replace(/\n+$/, "");
        return record;
      }
      const part = yield* this.file.read(65536);
      if (part === null) this.#ended = true;
      else this.#buffer += latin1(part);
    }
  }
}

interface Output {
  readonly file: OpenFile;
  readonly child: Process | undefined;
  text: string;
}

interface Input {
  readonly reader: RecordReader;
  readonly child: Process | undefined;
}

/** Everything that an awk program has open besides its main input. */
export class AwkStreams {
  readonly #proc: Process;
  readonly #inputs: Map<string, Input> = new Map();
  readonly #outputs: Map<string, Output> = new Map();
  #stdout = "";

  constructor(proc: Process) {
    this.#proc = proc;
  }

  /** Writes to stdout. */
  *print(text: string): Task<void> {
    this.#stdout += text;
    if (this.#stdout.length >= BLOCK || this.#proc.fds.get(1)?.isTty) yield* this.#flushStdout();
  }

  /** Writes to a file or command, opened at its first use. Throws RuntimeError when it cannot be opened. */
  *printTo(operator: Redirection["operator"], name: string, text: string): Task<void> {
    if (operator !== "|" && (name === "/dev/stdout" || name === "-")) {
      yield* this.print(text);
      return;
    }
    let output = this.#outputs.get(name);
    if (!output) {
      output = yield* this.#openOutput(name, operator);
      this.#outputs.set(name, output);
    }
    output.text += text;
    if (name === "/dev/stderr" || output.text.length >= BLOCK) yield* this.#flushOutput(output);
  }

  /** The next record of a file or of a command's output; undefined at its end. Throws NetError when there is no such file. */
  *read(name: string, command: boolean, separator: string): Task<string | undefined> {
    let input = this.#inputs.get(name);
    if (!input) {
      input = yield* this.#openInput(fromBinary(name), command);
      this.#inputs.set(name, input);
    }
    return yield* input.reader.next(separator);
  }

  /** Writes out what was gathered. */
  *flush(): Task<void> {
    yield* this.#flushStdout();
    for (const output of this.#outputs.values()) yield* this.#flushOutput(output);
  }

  /** close(name): a command's exit status, 0 for a file, −1 when nothing of that name is open. */
  *close(name: string): Task<number> {
    let status = -1;
    const output = this.#outputs.get(name);
    if (output) {
      yield* this.#flushStdout();
      try {
        yield* this.#flushOutput(output);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
      }
      output.file.release();
      status = output.child ? (yield* output.child.wait()).status : 0;
      this.#outputs.delete(name);
    }
    const input = this.#inputs.get(name);
    if (input) {
      input.reader.file.release();
      status = input.child ? (yield* input.child.wait()).status : 0;
      this.#inputs.delete(name);
    }
    return status;
  }

  *closeAll(): Task<void> {
    yield* this.#flushStdout();
    for (const name of [...this.#outputs.keys(), ...this.#inputs.keys()]) yield* this.close(name);
  }

  *#flushStdout(): Task<void> {
    const text = this.#stdout;
    this.#stdout = "";
    if (text !== "") yield* this.#proc.printBytes(bytesOf(text));
  }

  *#flushOutput(output: Output): Task<void> {
    const { text } = output;
    output.text = "";
    if (text !== "") yield* output.file.write(bytesOf(text));
  }

  *#openOutput(name: string, operator: Redirection["operator"]): Task<Output> {
    const path = fromBinary(name);
    if (operator === "|") {
      yield* this.#flushStdout();
      const [reader, writer] = makePipe();
      return { file: writer, child: yield* this.#spawn(path, 0, reader), text: "" };
    }
    if (path === "/dev/stderr") return { file: this.#proc.fd(2).retain(), child: undefined, text: "" };
    try {
      const append = operator === ">>";
      const file = this.#proc.root.open(this.#proc, path, { write: true, create: true, truncate: !append, append });
      return { file, child: undefined, text: "" };
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      throw new RuntimeError(`cannot open "${path}" for output (${error.message})`);
    }
  }

  *#openInput(name: string, command: boolean): Task<Input> {
    if (!command)
      return { reader: new RecordReader(openInput(this.#proc, name === "/dev/stdin" ? "-" : name)), child: undefined };
    yield* this.#flushStdout();
    const [reader, writer] = makePipe();
    return { reader: new RecordReader(reader), child: yield* this.#spawn(name, 1, writer) };
  }

  *#spawn(command: string, fd: number, file: OpenFile): Task<Process> {
    yield* this.#proc.cpu(FORK_NS);
    const fds = new Map(this.#proc.fds);
    fds.set(fd, file);
    const child = spawnCommand(this.#proc, ["/bin/sh", "-c", command], { fds });
    file.release();
    return child;
  }
}
