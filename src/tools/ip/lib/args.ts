// iproute2's command line: words that may be shortened, and its ways of saying what is wrong with them. Answers to
// iproute2's lib/utils.c and include/utils.h.

import { NetError, strerror } from "../../../base/errno.ts";
import { requireNetAdmin } from "../../../host/host.ts";
import type { Process } from "../../../posix/process.ts";
import { parseIpv4 } from "../../../wire/addr.ts";

/** Ends the command: `text` goes to stderr, `status` is its exit status. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  readonly text: string;
  readonly status: number;

  constructor(text: string, status: number) {
    super(text);
    this.text = text;
    this.status = status;
  }
}

/** `word` is `full` or a beginning of it (matches() == 0). */
export function matches(word: string, full: string): boolean {
  return word !== "" && full.startsWith(word);
}

/** The words of a command, one after the other. */
export class Args {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get done(): boolean {
    return this.#at >= this.#words.length;
  }

  /** The word in hand, "" past the end. */
  get word(): string {
    return this.#words[this.#at] ?? "";
  }

  get rest(): readonly string[] {
    return this.#words.slice(this.#at);
  }

  get left(): number {
    return this.#words.length - this.#at;
  }

  advance(): void {
    this.#at++;
  }

  /** The word after the one in hand (NEXT_ARG). */
  next(): string {
    this.#at++;
    if (this.done) throw new CommandError('Command line is not complete. Try option "help"\n', 255);
    return this.word;
  }

  is(full: string): boolean {
    return this.word === full;
  }

  matches(full: string): boolean {
    return matches(this.word, full);
  }
}

/** Error: argument "x" is wrong: why */
export function invarg(message: string, word: string): never {
  throw new CommandError(`Error: argument "${word}" is wrong: ${message}\n`, 255);
}

export function missarg(key: string): never {
  throw new CommandError(`Error: argument "${key}" is required\n`, 255);
}

export function duparg(key: string, word: string): never {
  throw new CommandError(`Error: duplicate "${key}": "${word}" is the second value.\n`, 255);
}

export function duparg2(key: string, word: string): never {
  throw new CommandError(`Error: either "${key}" is duplicate, or "${word}" is a garbage.\n`, 255);
}

export function nodev(name: string): never {
  throw new CommandError(`Cannot find device "${name}"\n`, 1);
}

/** "on" or "off" (on_off). */
export function parseOnOff(key: string, word: string): boolean {
  if (word === "on") return true;
  if (word === "off") return false;
  throw new CommandError(`Error: argument of "${key}" must be one of "on" or "off", not "${word}"\n`, 1);
}

/** As above, with the older sentence of `ip link set`. */
export function onOff(key: string, word: string): boolean {
  if (word === "on") return true;
  if (word === "off") return false;
  throw new CommandError(`Error: argument of "${key}" must be "on" or "off", not "${word}"\n`, 1);
}

/** A whole number as strtoul takes it: decimal, 0x…, 0…; undefined otherwise or beyond `max`. */
export function parseUnsigned(word: string, max = 0xffffffff): number | undefined {
  if (!/^(0[xX][0-9a-fA-F]+|\d+)$/.test(word)) return undefined;
  const value = /^0\d/.test(word) ? Number.parseInt(word, 8) : Number(word);
  return Number.isNaN(value) || value > max ? undefined : value;
}

/** A signed one (get_integer). */
export function parseInteger(word: string): number | undefined {
  const negative = word.startsWith("-");
  const value = parseUnsigned(negative ? word.slice(1) : word, 0x7fffffff);
  return value === undefined ? undefined : negative ? -value : value;
}

/**
 * An address, or the error that get_addr gives.
 * @param inet the family is known by now to be IPv4
 */
export function getAddr(word: string, inet = false): number {
  const address = word === "default" || word === "any" || word === "all" ? 0 : parseInetShort(word);
  if (address === undefined)
    throw new CommandError(`Error: ${inet ? "inet" : "any valid"} address is expected rather than "${word}".\n`, 1);
  return address;
}

export interface Prefix {
  readonly address: number;
  readonly length: number;
  /** a length was written */
  readonly specified: boolean;
  /** "default" and "any" name no address */
  readonly any: boolean;
}

/** A prefix "10.0.0.0/8", "10/8", "default"; or the error that get_prefix gives. */
export function getPrefix(word: string, inet = false): Prefix {
  const prefix = parsePrefix(word);
  if (!prefix)
    throw new CommandError(`Error: ${inet ? "inet" : "any valid"} prefix is expected rather than "${word}".\n`, 1);
  return prefix;
}

export function parsePrefix(word: string): Prefix | undefined {
  if (word === "default" || word === "any" || word === "all")
    return { address: 0, length: 0, specified: true, any: true };
  const slash = word.indexOf("/");
  const address = parseInetShort(slash < 0 ? word : word.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return { address, length: 32, specified: false, any: false };
  const tail = word.slice(slash + 1);
  const length = parseUnsigned(tail, 32) ?? maskLength(tail);
  return length === undefined ? undefined : { address, length, specified: true, any: false };
}

/** "255.255.255.0" → 24 (get_netmask). */
function maskLength(word: string): number | undefined {
  const mask = parseIpv4(word);
  if (mask === undefined) return undefined;
  const inverse = ~mask >>> 0;
  return (inverse & (inverse + 1)) === 0 ? 32 - Math.log2(inverse + 1) : undefined;
}

/** iproute2 fills missing bytes with zeros at the end: "10.1" is 10.1.0.0. */
function parseInetShort(word: string): number | undefined {
  const parts = word.split(".");
  if (parts.length > 4) return undefined;
  let out = 0;
  for (let i = 0; i < 4; i++) {
    const part = parts[i] ?? "0";
    if (!/^\d+$/.test(part) || Number(part) > 255) return undefined;
    out = out * 256 + Number(part);
  }
  return out;
}

/** An Ethernet address: groups of hex digits between colons (ll_addr_a2n). */
export function getLlAddr(word: string): Uint8Array {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(word)) {
    const address = parseIpv4(word);
    if (address !== undefined)
      return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
  }
  const bytes: number[] = [];
  for (const part of word.split(":")) {
    // sscanf's %x: as many digits as there are, whatever follows
    const value = Number.parseInt(/^\s*(?:0x)?([0-9a-fA-F]*)/.exec(part)![1]!, 16);
    if (Number.isNaN(value) || value > 255) throw new CommandError(`"${part}" is invalid lladdr.\n`, 1);
    bytes.push(value);
  }
  return Uint8Array.from(bytes);
}

/** What the kernel refused, as rtnl_talk prints it. */
export function rtnlErrorText(error: NetError): string {
  if (error.extack === undefined) return `RTNETLINK answers: ${strerror(error.errno)}\n`;
  return `Error: ${error.extack}${error.extack.endsWith(".") ? "" : "."}\n`;
}

/** Has the kernel change something; a refusal ends the command with status 2 (rtnl_talk … return -2). */
export function rtnl<T>(proc: Process, change: () => T, status = 2): T {
  return rtnlGet(() => {
    requireNetAdmin(proc);
    return change();
  }, status);
}

/** Asks the kernel something. */
export function rtnlGet<T>(ask: () => T, status = 2): T {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NetError) throw new CommandError(rtnlErrorText(error), status);
    throw error;
  }
}
