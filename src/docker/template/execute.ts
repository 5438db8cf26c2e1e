// Runs a template over a value. Answers to text/template/exec.go: field, map and variable evaluation, pipelines, range
// over slices and maps in key order, missing keys as "<no value>" or, by option, as errors.

import { callFunction, TEMPLATE_FUNCTIONS } from "./functions.ts";
import { TemplateError } from "./lex.ts";
import { type Arg, type Command, type Node, type Pipe, type Place, parse } from "./parse.ts";
import { GoMap, GoMethod, GoNil, GoStruct, type GoValue, goString, truth } from "./value.ts";

export { TemplateError };

export interface TemplateOptions {
  /** a missing map key is an error (Option("missingkey=error")) */
  readonly missingKeyError?: boolean;
}

const FUNCTION_NAMES: ReadonlySet<string> = new Set(TEMPLATE_FUNCTIONS.keys());

/** A template that was read. Throws TemplateError: "template: :1: unclosed action". */
export class Template {
  readonly text: string;
  readonly nodes: readonly Node[];
  readonly #name: string;

  constructor(text: string, name = "") {
    this.text = text;
    this.#name = name;
    try {
      this.nodes = parse(text, FUNCTION_NAMES);
    } catch (error) {
      if (error instanceof TemplateError) throw new TemplateError(`template: ${name}${error.message}`);
      throw error;
    }
  }

  /** The text made of `data`. Throws TemplateError: 'template: :1:2: executing "" at <.Foo>: …'. */
  execute(data: GoValue, options: TemplateOptions = {}): string {
    return new Execution(this.text, this.#name, data, options).run(this.nodes);
  }
}

class LoopExit extends Error {
  readonly next: boolean;

  constructor(next: boolean) {
    super();
    this.next = next;
  }
}

class Execution {
  readonly #text: string;
  readonly #name: string;
  readonly #data: GoValue;
  readonly #options: TemplateOptions;
  readonly #variables: { name: string; value: GoValue }[];
  #out = "";

  constructor(text: string, name: string, data: GoValue, options: TemplateOptions) {
    this.#text = text;
    this.#name = name;
    this.#data = data;
    this.#options = options;
    this.#variables = [{ name: "$", value: data }];
  }

  run(nodes: readonly Node[]): string {
    this.#list(nodes, this.#data);
    return this.#out;
  }

  #fail(place: Place, message: string): never {
    const before = this.#text.slice(0, place.at);
    const line = before.split("\n").length;
    const column = place.at - (before.lastIndexOf("\n") + 1);
    throw new TemplateError(
      `template: ${this.#name}:${line}:${column}: executing ${JSON.stringify(this.#name)} at <${place.source}>: ${message}`,
    );
  }

  #list(nodes: readonly Node[], dot: GoValue): void {
    const mark = this.#variables.length;
    for (const node of nodes) this.#node(node, dot);
    this.#variables.length = mark;
  }

  #node(node: Node, dot: GoValue): void {
    switch (node.kind) {
      case "text":
        this.#out += node.text;
        return;
      case "action": {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.declare.length === 0) this.#out += goString(value);
        return;
      }
      case "if":
      case "with": {
        const mark = this.#variables.length;
        const value = this.#pipe(node.pipe, dot);
        if (truth(value)) this.#list(node.body, node.kind === "with" ? value : dot);
        else this.#list(node.otherwise, dot);
        this.#variables.length = mark;
        return;
      }
      case "range":
        this.#range(node.pipe, node.body, node.otherwise, dot);
        return;
      case "break":
        throw new LoopExit(false);
      case "continue":
        throw new LoopExit(true);
    }
  }

  #range(pipe: Pipe, body: readonly Node[], otherwise: readonly Node[], dot: GoValue): void {
    const mark = this.#variables.length;
    const value = this.#pipe(pipe, dot);
    const items: [GoValue, GoValue][] = [];
    if (value instanceof GoMap) for (const key of value.sortedKeys()) items.push([key, value.entries.get(key)]);
    else if (Array.isArray(value)) for (const [i, item] of value.entries()) items.push([i, item as GoValue]);
    else if (value !== undefined && value !== null && !(value instanceof GoNil))
      this.#fail(pipe, `range can't iterate over ${goString(value)}`);
    const inner = this.#variables.length;
    for (const [key, item] of items) {
      const names = pipe.declare;
      if (names.length === 1) this.#set(names[0]!, item);
      else if (names.length === 2) {
        this.#set(names[0]!, key);
        this.#set(names[1]!, item);
      }
      try {
        this.#list(body, item);
      } catch (error) {
        if (!(error instanceof LoopExit)) throw error;
        this.#variables.length = inner;
        if (!error.next) break;
      }
    }
    if (items.length === 0) this.#list(otherwise, dot);
    this.#variables.length = mark;
  }

  #set(name: string, value: GoValue): void {
    this.#variables.findLast((variable) => variable.name === name)!.value = value;
  }

  #pipe(pipe: Pipe, dot: GoValue): GoValue {
    let value: GoValue;
    pipe.commands.forEach((command, i) => {
      value = this.#command(command, dot, i > 0 ? [value] : []);
    });
    for (const name of pipe.declare) {
      if (pipe.assign) this.#set(name, value);
      else this.#variables.push({ name, value });
    }
    return value;
  }

  #command(command: Command, dot: GoValue, final: readonly GoValue[]): GoValue {
    const first = command.args[0]!;
    if (first.kind === "identifier") {
      const args = [...command.args.slice(1).map((arg) => this.#arg(arg, dot)), ...final];
      try {
        return callFunction(first.name, args);
      } catch (error) {
        if (error instanceof TemplateError && !error.message.startsWith("template: "))
          this.#fail(command, error.message);
        throw error;
      }
    }
    if (command.args.length > 1 || final.length > 0) {
      const method = first.kind === "field" ? this.#arg(first, dot) : undefined;
      if (method instanceof GoMethod)
        return method.call(...command.args.slice(1).map((arg) => this.#arg(arg, dot)), ...final);
      if (first.kind === "field" || first.kind === "variable" || first.kind === "pipe")
        this.#fail(
          first,
          `${(first.kind === "variable" ? first.names.at(-1) : first.names.at(-1)) ?? first.source} has arguments but cannot be invoked as function`,
        );
      this.#fail(first, `can't give argument to non-function ${first.source}`);
    }
    return this.#arg(first, dot);
  }

  #arg(arg: Arg, dot: GoValue): GoValue {
    switch (arg.kind) {
      case "dot":
        return dot;
      case "nil":
        return null;
      case "constant":
        return arg.value;
      case "identifier":
        return callFunction(arg.name, []);
      case "field":
        return this.#chain(dot, arg.names, arg);
      case "variable":
        return this.#chain(this.#variables.findLast((v) => v.name === arg.name)!.value, arg.names, arg);
      case "pipe":
        return this.#chain(this.#pipe(arg.pipe, dot), arg.names, arg);
    }
  }

  #chain(start: GoValue, names: readonly string[], place: Place): GoValue {
    let value = start;
    for (const name of names) {
      if (value === undefined) {
        if (this.#options.missingKeyError) this.#fail(place, `nil data; no entry for key ${JSON.stringify(name)}`);
        return undefined;
      }
      if (value === null) this.#fail(place, `nil pointer evaluating interface {}.${name}`);
      if (value instanceof GoStruct) {
        const key = value.keyOf(name);
        if (key === undefined) this.#fail(place, `can't evaluate field ${name} in type ${value.typeName}`);
        value = value.fields.get(key);
        continue;
      }
      if (value instanceof GoNil && value.kind === "map") {
        value = undefined;
        continue;
      }
      if (value instanceof GoMap) {
        if (!value.entries.has(name) && this.#options.missingKeyError)
          this.#fail(place, `map has no entry for key ${JSON.stringify(name)}`);
        value = value.entries.get(name);
        continue;
      }
      this.#fail(
        place,
        `can't evaluate field ${name} in type ${typeof value === "string" ? "string" : Array.isArray(value) ? "[]string" : "interface {}"}`,
      );
    }
    return value;
  }
}
