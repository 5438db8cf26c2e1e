// ss's filters: states and expressions over addresses and ports, `dst 10.0.0.2`, `( sport = :80 or dport = :80 )` (ss(8)).

import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from "../../net/ipv4/tcp-sock.ts";
import { inNetwork, parseCidr } from "../../wire/addr.ts";
import { serviceNumber } from "../net-util/services.ts";
import type { SocketEntry } from "../net-util/sock-table.ts";

export const STATES: ReadonlyMap<string, number> = new Map([
  ["established", TCP_ESTABLISHED],
  ["syn-sent", TCP_SYN_SENT],
  ["syn-recv", TCP_SYN_RECV],
  ["fin-wait-1", TCP_FIN_WAIT1],
  ["fin-wait-2", TCP_FIN_WAIT2],
  ["time-wait", TCP_TIME_WAIT],
  ["unconnected", TCP_CLOSE],
  ["closed", TCP_CLOSE],
  ["close-wait", TCP_CLOSE_WAIT],
  ["last-ack", TCP_LAST_ACK],
  ["listening", TCP_LISTEN],
  ["listen", TCP_LISTEN],
  ["closing", TCP_CLOSING],
]);
export const ALL_STATES: ReadonlySet<number> = new Set(STATES.values());
/** Those that are shown unless something else is asked for. */
export const CONNECTED_STATES: ReadonlySet<number> = new Set(
  [...ALL_STATES].filter((state) => ![TCP_LISTEN, TCP_CLOSE, TCP_TIME_WAIT, TCP_SYN_RECV].includes(state)),
);

/** What ends ss: a sentence for stderr without its line end, the status, and whether the usage follows. */
export class SsError extends Error {
  readonly status: number;
  readonly usage: boolean;

  constructor(sentence: string, status: number, usage = false) {
    super(sentence);
    this.status = status;
    this.usage = usage;
  }
}

/** What the parser says of an expression that is none. */
export function syntaxError(): SsError {
  return new SsError('ss: bison bellows (while parsing filter): "syntax error!" Sorry.', 255, true);
}

/** A value that is no address or port. */
function badHost(sentence: string): SsError {
  return new SsError(`${sentence}\nCannot parse dst/src address.`, 1);
}

/** The states that a word of `state` or `exclude` means. */
export function statesOf(word: string): ReadonlySet<number> {
  const single = STATES.get(word);
  if (single !== undefined) return new Set([single]);
  switch (word) {
    case "all":
      return ALL_STATES;
    case "connected":
      return new Set([...ALL_STATES].filter((state) => state !== TCP_LISTEN && state !== TCP_CLOSE));
    case "synchronized":
      return new Set(
        [...ALL_STATES].filter((state) => state !== TCP_LISTEN && state !== TCP_CLOSE && state !== TCP_SYN_SENT),
      );
    case "bucket":
      return new Set([TCP_SYN_RECV, TCP_TIME_WAIT]);
    case "big":
      return new Set([...ALL_STATES].filter((state) => state !== TCP_SYN_RECV && state !== TCP_TIME_WAIT));
    default:
      throw new SsError(`ss: wrong state name: ${word}`, 255);
  }
}

export type Expression = (entry: SocketEntry) => boolean;

/**
 * Words after the options; `and` may be left out. Tokens stand apart from each other.
 * @param strict a word that is no keyword is a mistake of syntax, as 7.2 has it; 6.1 takes it for an address
 */
export function parseExpression(words: readonly string[], strict: boolean): Expression {
  const tokens = words
    .join(" ")
    .split(/\s+/)
    .filter((token) => token !== "");
  if (tokens.length === 0) return () => true;
  const parser = new Parser(tokens, strict);
  const expression = parser.list();
  if (!parser.done) throw syntaxError();
  return expression;
}

class Parser {
  readonly #tokens: readonly string[];
  readonly #strict: boolean;
  #at = 0;

  constructor(tokens: readonly string[], strict: boolean) {
    this.#tokens = tokens;
    this.#strict = strict;
  }

  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** From the left: `or` and `and` bind alike (exprlist of ssfilter.y). */
  list(): Expression {
    let all = this.#one();
    while (!this.done && this.#tokens[this.#at] !== ")") {
      const before = all;
      if (this.#take("or", "|", "||")) {
        const right = this.#one();
        all = (entry) => before(entry) || right(entry);
        continue;
      }
      this.#take("and", "&", "&&");
      const right = this.#one();
      all = (entry) => before(entry) && right(entry);
    }
    return all;
  }

  #one(): Expression {
    if (this.#take("not", "!")) {
      const inner = this.#one();
      return (entry) => !inner(entry);
    }
    if (this.#take("(")) {
      const inner = this.list();
      if (!this.#take(")")) throw syntaxError();
      return inner;
    }
    return this.#condition();
  }

  #condition(): Expression {
    const what = this.#next();
    if (what === "autobound" || what === "cgroup") throw new SsError(`ss: filter ${what} is not supported`, 1);
    if (!["dst", "src", "dport", "sport", "dev", "fwmark"].includes(what)) {
      // a word that is no keyword is taken for an address, which cannot stand alone
      if (!this.#strict) address(what, () => [0, 0]);
      throw syntaxError();
    }
    let operator = "=";
    if (/^(=|==|eq|!=|ne|neq|>=|ge|<=|le|>|gt|<|lt)$/.test(this.#tokens[this.#at] ?? "")) operator = this.#next();
    // an address is or is not: it has no order, and `!=` is no operator of it
    if ((what === "dst" || what === "src") && !/^(=|==|eq)$/.test(operator)) throw syntaxError();
    const value = this.#next();
    switch (what) {
      case "dst":
        return address(value, (entry) => [entry.remote, entry.remotePort]);
      case "src":
        return address(value, (entry) => [entry.local, entry.localPort]);
      case "dport":
        return port(value, operator, (entry) => entry.remotePort);
      case "sport":
        return port(value, operator, (entry) => entry.localPort);
      case "fwmark":
        return mark(value, operator);
      default:
        return device(value, operator);
    }
  }

  #take(...tokens: readonly string[]): boolean {
    if (this.done || !tokens.includes(this.#tokens[this.#at]!)) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw syntaxError();
    return token;
  }
}

/** The interface that the socket is bound to. */
function device(name: string, operator: string): Expression {
  const negated = /^(!=|ne|neq)$/.test(operator);
  return ({ sock, boundDevIf }) => (sock?.net.deviceByIndex(boundDevIf)?.name === name) !== negated;
}

/** "0x1", "0x10/0xf0" */
function mark(text: string, operator: string): Expression {
  const [value, mask] = text.split("/").map((part) => (/^(0x[0-9a-f]+|\d+)$/i.test(part) ? Number(part) : Number.NaN));
  if (Number.isNaN(value) || Number.isNaN(mask)) throw badHost(`Error: "${text}" does not look like a fwmark.`);
  const negated = /^(!=|ne|neq)$/.test(operator);
  const bits = mask ?? 0xffffffff;
  return ({ sock }) => (((sock?.mark ?? 0) & bits) >>> 0 === (value! & bits) >>> 0) !== negated;
}

/** "10.0.0.2", "10.0.0.0/24:80", "[10.0.0.2]:80", ":80", "*". */
function address(text: string, of: (entry: SocketEntry) => readonly [number, number]): Expression {
  const plain = text.replace(/^inet:/, "").replace(/^\[([^\]]*)\]/, "$1");
  const colon = plain.lastIndexOf(":");
  const host = colon < 0 ? plain : plain.slice(0, colon);
  const portText = colon < 0 ? "" : plain.slice(colon + 1);
  const network = host === "" || host === "*" ? { address: 0, prefix: 0 } : parseCidr(host);
  if (!network) throw badHost(`Error: an inet prefix is expected rather than "${host}".`);
  const wantedPort = portText === "" || portText === "*" ? undefined : portNumber(portText);
  return (entry) => {
    const [addr, entryPort] = of(entry);
    return (
      (network.prefix === 0 || inNetwork(addr, network.address, network.prefix)) &&
      (wantedPort === undefined || entryPort === wantedPort)
    );
  };
}

function port(text: string, operator: string, of: (entry: SocketEntry) => number): Expression {
  const wanted = portNumber(text.replace(/^:/, ""));
  switch (operator) {
    case "!=":
    case "ne":
    case "neq":
      return (entry) => of(entry) !== wanted;
    case ">=":
    case "ge":
      return (entry) => of(entry) >= wanted;
    case "<=":
    case "le":
      return (entry) => of(entry) <= wanted;
    case ">":
    case "gt":
      return (entry) => of(entry) > wanted;
    case "<":
    case "lt":
      return (entry) => of(entry) < wanted;
    default:
      return (entry) => of(entry) === wanted;
  }
}

function portNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  const number = serviceNumber(text, "tcp") ?? serviceNumber(text, "udp");
  if (number === undefined) throw badHost(`Error: "${text}" does not look like a port.`);
  return number;
}
