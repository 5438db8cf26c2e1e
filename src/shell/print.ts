// A function as `declare -f` and `type` show it: bash's own layout (print_cmd.c), words as they were written.

import type {
  AndOr,
  Assignment,
  CommandNode,
  CompoundList,
  PipelineNode,
  Redirection,
  Statement,
  TestExpression,
  Word,
} from "unbash";
import type { ShellFunction } from "./shell.ts";

/** "f () \n{ \n    echo a\n}\n" */
export function printFunction(definition: ShellFunction): string {
  return `${new Printer(definition.source.text).definition(definition.name, definition.body)}\n`;
}

/** A command as messages about jobs show it: simple commands and lists in bash's spacing, others as written. */
export function commandText(text: string, node: PipelineNode | AndOr): string {
  const plain = (each: PipelineNode | AndOr): boolean =>
    each.type === "Command" || ((each.type === "AndOr" || each.type === "Pipeline") && each.commands.every(plain));
  return plain(node) ? new Printer(text).node(node) : text.slice(node.pos, node.end);
}

class Printer {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  definition(name: string, body: ShellFunction["body"]): string {
    return `${name} () \n${this.#functionBody(body)}`;
  }

  #functionBody(body: ShellFunction["body"]): string {
    if (body.type === "CompoundList") return `{ \n${this.#list(body, 1, false)}\n}`;
    const inner = body.type === "Redirected" ? body.command : body;
    const redirects = body.type === "Redirected" ? this.#redirects(body.redirects) : "";
    if (inner.type === "BraceGroup") return `{ \n${this.#list(inner.body, 1, false)}\n}${redirects}`;
    return `{ \n    ${this.#node(inner, 1)}${redirects}\n}`;
  }

  #indent(depth: number): string {
    return "    ".repeat(depth);
  }

  /** Statements on lines of their own; `closed` puts a semicolon after the last too. */
  #list(list: CompoundList, depth: number, closed: boolean): string {
    return list.commands
      .map((statement, i) => {
        const last = i === list.commands.length - 1;
        const text = this.#node(statement.command, depth);
        const end = statement.background ? " &" : last && !closed ? "" : ";";
        return `${this.#indent(depth)}${text}${end}`;
      })
      .join("\n");
  }

  /** Statements on one line: "a; b" */
  #inline(statements: readonly Statement[], depth: number): string {
    let out = "";
    statements.forEach((statement, i) => {
      out += this.#node(statement.command, depth);
      if (statement.background) out += i < statements.length - 1 ? " & " : " &";
      else if (i < statements.length - 1) out += "; ";
    });
    return out;
  }

  node(node: PipelineNode | AndOr): string {
    return this.#node(node, 0);
  }

  #node(node: PipelineNode | AndOr, depth: number): string {
    switch (node.type) {
      case "AndOr":
        return node.commands
          .map((command, i) => (i > 0 ? ` ${node.operators[i - 1]} ` : "") + this.#node(command, depth))
          .join("");
      case "Pipeline": {
        const prefixes = node.prefixes.map((prefix) => (prefix.type === "Time" ? "time " : "! ")).join("");
        const commands = node.commands.map((command, i) => {
          const pipe = i === 0 ? "" : node.operators[i - 1] === "|&" ? " 2>&1 | " : " | ";
          return pipe + this.#node(command, depth);
        });
        return prefixes + commands.join("");
      }
      default:
        return this.#command(node, depth);
    }
  }

  #command(node: CommandNode, depth: number): string {
    const pad = this.#indent(depth);
    switch (node.type) {
      case "Command": {
        const words: (Word | Assignment)[] = [];
        for (const each of node.prefix) if (each.type === "Assignment") words.push(each);
        if (node.name) words.push(node.name);
        words.push(...node.args);
        return words.map((word) => word.text).join(" ") + this.#redirects(node.redirects).slice(words.length ? 0 : 1);
      }
      case "Redirected":
        return this.#command(node.command, depth) + this.#redirects(node.redirects);
      case "BraceGroup":
        return `{ \n${this.#list(node.body, depth + 1, false)}\n${pad}}`;
      case "Subshell":
        return `( ${this.#inline(node.body.commands, depth)} )`;
      case "If": {
        let out = `if ${this.#inline(node.clause.commands, depth)}; then\n${this.#list(node.then, depth + 1, true)}\n`;
        let level = depth;
        for (const elif of node.elif) {
          const outer = this.#indent(level);
          level++;
          out += `${outer}else\n${this.#indent(level)}if ${this.#inline(elif.clause.commands, level)}; then\n`;
          out += `${this.#list(elif.then, level + 1, true)}\n`;
        }
        if (node.else) out += `${this.#indent(level)}else\n${this.#list(node.else, level + 1, true)}\n`;
        for (; level > depth; level--) out += `${this.#indent(level)}fi;\n`;
        return `${out}${pad}fi`;
      }
      case "For": {
        const list = node.wordlist ? ` in ${node.wordlist.map((word) => word.text).join(" ")}` : ' in "$@"';
        return `for ${node.name.text}${list};\n${pad}do\n${this.#list(node.body, depth + 1, true)}\n${pad}done`;
      }
      case "ArithmeticFor": {
        const header = this.#text.slice(node.pos, node.body.pos);
        const parts = header.slice(header.indexOf("((") + 2, header.lastIndexOf("))")).split(";");
        const inner = parts.map((part) => part.trim()).join("; ");
        return `for ((${inner}))\n${pad}do\n${this.#list(node.body, depth + 1, true)}\n${pad}done`;
      }
      case "While":
        return `${node.kind} ${this.#inline(node.clause.commands, depth)}; do\n${this.#list(node.body, depth + 1, true)}\n${pad}done`;
      case "Case": {
        const items = node.items.map((item) => {
          const patterns = item.pattern.map((word) => word.text).join(" | ");
          const body = item.body.commands.length > 0 ? `${this.#list(item.body, depth + 2, false)}\n` : "\n";
          return `${this.#indent(depth + 1)}${patterns})\n${body}${this.#indent(depth + 1)}${item.terminator ?? ";;"}\n`;
        });
        return `case ${node.word.text} in \n${items.join("")}${pad}esac`;
      }
      case "ArithmeticCommand":
        return `((${node.body}))`;
      case "TestCommand":
        return `[[ ${this.#test(node.expression)} ]]`;
      case "Function":
        return `function ${this.definition(node.name.text, node.body).replaceAll("\n", `\n${pad}`)}`;
      default:
        return this.#text.slice(node.pos, node.end);
    }
  }

  #test(expression: TestExpression): string {
    switch (expression.type) {
      case "TestUnary":
        return `${expression.operator} ${expression.operand.text}`;
      case "TestBinary":
        return `${expression.left.text} ${expression.operator} ${expression.right.text}`;
      case "TestNot":
        return `${"! ".repeat(expression.negations.length)}${this.#test(expression.operand)}`;
      case "TestGroup":
        return `( ${this.#test(expression.expression)} )`;
      case "TestLogical":
        return expression.operands.map((operand) => this.#test(operand)).join(` ${expression.operator} `);
    }
  }

  #redirects(redirections: readonly Redirection[]): string {
    let out = "";
    for (const each of redirections) {
      const from = each.descriptor
        ? each.descriptor.type === "FileDescriptor"
          ? String(each.descriptor.value)
          : `{${each.descriptor.name}}`
        : "";
      if (each.type === "HereDoc") out += ` ${from}${each.operator}${each.delimiter?.text ?? ""}`;
      else if (each.operator === ">&" || each.operator === "<&") {
        const standard = each.operator === ">&" ? "1" : "0";
        out += ` ${from === "" ? standard : from}${each.operator}${each.target?.text ?? ""}`;
      } else out += ` ${from}${each.operator} ${each.target?.text ?? ""}`;
    }
    return out;
  }
}
