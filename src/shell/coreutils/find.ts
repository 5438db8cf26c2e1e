// find: tests and actions over a tree of the file system, as GNU findutils'.

import type { Process, Program } from "../../posix/process.ts";
import type { VfsNode } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import { runCommand } from "../exec.ts";
import { patternRegExp } from "../pattern.ts";
import { nodeSize } from "../test.ts";
import { typeLetter } from "./listing.ts";
import { complain, errorText, quoted } from "./util.ts";

/** One step of a find expression. */
type Test = (path: string, node: VfsNode) => Task<boolean>;

function* findProgram(proc: Process): Task<number> {
  const words = proc.argv.slice(1);
  const starts: string[] = [];
  while (words.length > 0 && !/^[-(!]/.test(words[0]!)) starts.push(words.shift()!);
  const parser = new FindParser(proc, words);
  let test: Test;
  try {
    test = parser.parse();
  } catch (error) {
    if (!(error instanceof FindError)) throw error;
    return yield* complain(proc, error.message);
  }
  let status = 0;
  const walk = function* (path: string, depth: number): Task<void> {
    let node: VfsNode;
    try {
      node = proc.root.lookup(proc, path, true);
    } catch (error) {
      status = yield* complain(
        proc,
        `${quoted(path).replace(/^'|'$/g, (q, at: number) => (at === 0 ? "‘" : q === "'" ? "’" : q))}: ${errorText(error)}`,
      );
      return;
    }
    const shown = depth >= parser.minDepth;
    parser.pruned = false;
    if (shown && !parser.depthFirst) yield* test(path, node);
    if ((node.kind === "dir" || node.kind === "syntheticDir") && depth < parser.maxDepth && !parser.pruned)
      for (const name of proc.root.list(proc, path)) yield* walk(`${path.replace(/\/$/, "")}/${name}`, depth + 1);
    if (shown && parser.depthFirst) yield* test(path, node);
  };
  for (const start of starts.length > 0 ? starts : ["."]) yield* walk(start, 0);
  return status;
}

class FindError extends Error {
  override readonly name: string = "FindError";
}

class FindParser {
  maxDepth = Number.POSITIVE_INFINITY;
  minDepth = 0;
  depthFirst = false;
  pruned = false;
  readonly #proc: Process;
  readonly #words: string[];
  #acted = false;

  constructor(proc: Process, words: string[]) {
    this.#proc = proc;
    this.#words = words;
  }

  parse(): Test {
    const test =
      this.#words.length > 0
        ? this.#or()
        : function* (): Task<boolean> {
            return true;
          };
    if (this.#words.length > 0) throw new FindError(`paths must precede expression: \`${this.#words[0]}'`);
    if (this.#acted) return test;
    const proc = this.#proc;
    return function* (path, node) {
      if (yield* test(path, node)) yield* proc.print(`${path}\n`);
      return true;
    };
  }

  #or(): Test {
    const left = this.#and();
    if (this.#words[0] !== "-o" && this.#words[0] !== "-or") return left;
    this.#words.shift();
    const right = this.#or();
    return function* (path, node) {
      return (yield* left(path, node)) || (yield* right(path, node));
    };
  }

  #and(): Test {
    let left = this.#primary();
    for (;;) {
      const word = this.#words[0];
      if (word === undefined || word === "-o" || word === "-or" || word === ")") return left;
      if (word === "-a" || word === "-and") this.#words.shift();
      const before = left;
      const right = this.#primary();
      left = function* (path, node) {
        return (yield* before(path, node)) && (yield* right(path, node));
      };
    }
  }

  #value(word: string): string {
    const value = this.#words.shift();
    if (value === undefined) throw new FindError(`missing argument to \`${word}'`);
    return value;
  }

  #primary(): Test {
    const proc = this.#proc;
    const word = this.#words.shift();
    if (word === undefined) throw new FindError("expected an expression");
    if (word === "!" || word === "-not") {
      const inner = this.#primary();
      return function* (path, node) {
        return !(yield* inner(path, node));
      };
    }
    if (word === "(") {
      const inner = this.#or();
      if (this.#words.shift() !== ")")
        throw new FindError("invalid expression; I was expecting to find a ')' somewhere but did not see one.");
      return inner;
    }
    const simple = (test: (path: string, node: VfsNode) => boolean): Test =>
      function* (path, node) {
        return test(path, node);
      };
    switch (word) {
      case "-maxdepth":
        this.maxDepth = Number(this.#value(word));
        return simple(() => true);
      case "-mindepth":
        this.minDepth = Number(this.#value(word));
        return simple(() => true);
      case "-depth":
        this.depthFirst = true;
        return simple(() => true);
      case "-name":
      case "-iname":
      case "-path":
      case "-wholename": {
        const expression = patternRegExp(this.#value(word), { ignoreCase: word === "-iname" });
        const whole = word === "-path" || word === "-wholename";
        return simple((path) => expression.test(whole ? path : path.replace(/\/+$/, "").split("/").at(-1) || path));
      }
      case "-type": {
        const letters = this.#value(word).split(",");
        return simple((_path, node) => letters.includes(typeLetter(node) === "-" ? "f" : typeLetter(node)));
      }
      case "-empty":
        return simple((_path, node) =>
          node.kind === "dir" ? node.children.size === 0 : node.kind === "file" && node.size === 0,
        );
      case "-newer": {
        const other = proc.root.lookup(proc, this.#value(word));
        return simple((_path, node) => node.mtimeNs > other.mtimeNs);
      }
      case "-size": {
        const match = /^([+-]?)(\d+)([cwbkMG]?)$/.exec(this.#value(word));
        if (!match) throw new FindError("invalid argument to -size");
        const unit = { c: 1, w: 2, b: 512, k: 1024, M: 1048576, G: 1073741824 }[match[3] || "b"]!;
        return simple((_path, node) => {
          const units = Math.ceil(nodeSize(node) / unit);
          const wanted = Number(match[2]);
          return match[1] === "+" ? units > wanted : match[1] === "-" ? units < wanted : units === wanted;
        });
      }
      case "-true":
        return simple(() => true);
      case "-false":
        return simple(() => false);
      case "-prune":
        return simple(() => {
          this.pruned = true;
          return true;
        });
      case "-print":
      case "-print0":
        this.#acted = true;
        return function* (path) {
          yield* proc.print(path + (word === "-print" ? "\n" : "\0"));
          return true;
        };
      case "-delete":
        this.#acted = true;
        this.depthFirst = true;
        return function* (path, node) {
          try {
            proc.root.remove(proc, path, { directory: node.kind === "dir" });
          } catch (error) {
            yield* complain(proc, `cannot delete ${quoted(path)}: ${errorText(error)}`);
            return false;
          }
          return true;
        };
      case "-exec": {
        this.#acted = true;
        const end = this.#words.indexOf(";");
        if (end < 0) throw new FindError("missing argument to `-exec'");
        const command = this.#words.splice(0, end + 1).slice(0, -1);
        return function* (path) {
          const argv = command.map((part) => part.replaceAll("{}", path));
          return (yield* runCommand(proc, argv)).status === 0;
        };
      }
    }
    throw new FindError(`unknown predicate \`${word}'`);
  }
}

export const findPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([["find", findProgram]]);
