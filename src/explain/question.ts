// A packet in words: "tcp 203.0.113.5:40000 -> 192.0.2.10:8080 in eth0", "icmp echo from container web1 to 8.8.8.8".

import { formatIpv4, parseIpv4 } from "../wire/addr.ts";

/** The question is not understood; the message says where. */
export class QuestionError extends Error {
  override readonly name: string = "QuestionError";
}

export type Protocol = "tcp" | "udp" | "icmp";

/** A name is that of a container or a namespace; "host" the machine itself. */
export interface Place {
  readonly address?: number;
  readonly name?: string;
  readonly port?: number;
}

export interface Question {
  readonly protocol: Protocol;
  readonly from: Place;
  readonly to: Place;
  /** the device by which it comes in; absent: it is made here */
  readonly dev?: string;
  readonly mark: number;
  /** user of the process that sends it, when it is made here; root unless given */
  readonly uid?: number;
  /** which packet of a connection: its first, the answer to that, or a later one */
  readonly part: "first" | "reply" | "established";
}

const SYNTAX =
  "a packet is PROTO SOURCE[:PORT] -> DESTINATION[:PORT] [in DEVICE] [mark N] [uid N] [reply | established], or PROTO from [container] NAME to DESTINATION[:PORT] …";

/** Throws QuestionError. */
export function parseQuestion(text: string): Question {
  return parseWords(text, place);
}

/** The same for ends of another kind. */
export function parseWords<P extends { readonly address?: unknown; readonly port?: number }>(
  text: string,
  place: (text: string) => P,
): Omit<Question, "from" | "to"> & { readonly from: P; readonly to: P } {
  const words = text.trim().split(/\s+/);
  const bad = (what: string): never => {
    throw new QuestionError(`${what}: ${SYNTAX}`);
  };
  const protocol = words.shift();
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "icmp")
    return bad(`'${protocol}' is not tcp, udp or icmp`);
  if (protocol === "icmp" && words[0] === "echo") words.shift();
  const kinds = ["container", "netns", "namespace"];
  if (words[0] === "from") words.shift();
  if (kinds.includes(words[0] ?? "")) words.shift();
  const from = words.shift() ?? bad("the source is missing");
  const arrow = words.shift();
  if (arrow !== "->" && arrow !== "→" && arrow !== "to") return bad(`'${arrow ?? ""}' stands where -> is expected`);
  if (kinds.includes(words[0] ?? "")) words.shift();
  const to = words.shift() ?? bad("the destination is missing");
  let dev: string | undefined;
  let mark = 0;
  let uid: number | undefined;
  let part: Question["part"] = "first";
  while (words.length > 0) {
    const word = words.shift();
    if (word === "reply" || word === "established") {
      part = word;
      continue;
    }
    const value = words.shift() ?? bad(`'${word}' is the last word`);
    if (word === "in") dev = value;
    else if (word === "mark" && /^(0x[0-9a-f]+|\d+)$/i.test(value)) mark = Number(value);
    else if (word === "uid" && /^\d+$/.test(value)) uid = Number(value);
    else bad(`'${word} ${value}' is not understood`);
  }
  const question = {
    protocol,
    from: place(from),
    to: place(to),
    mark,
    part,
    ...(uid !== undefined ? { uid } : {}),
    ...(dev !== undefined ? { dev } : {}),
  } as const;
  if (uid !== undefined && dev !== undefined) bad("a packet that comes in has no user here");
  if (protocol !== "icmp" && question.to.port === undefined) bad(`the destination '${to}' has no port`);
  if (protocol === "icmp" && (question.to.port ?? question.from.port) !== undefined) bad("icmp has no ports");
  if (dev !== undefined && question.from.address === undefined)
    bad("a packet that comes in has an address as its source");
  return question;
}

/** A name of a container or a namespace. */
export const PLACE_NAME: RegExp = /^[A-Za-z][\w.-]*$/;

function place(text: string): Place {
  const match = /^(.*?)(?::(\d+))?$/.exec(text)!;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && (port < 1 || port > 65535)) throw new QuestionError(`'${text}': a port is 1 to 65535`);
  const address = parseIpv4(match[1]!);
  if (address === undefined && !PLACE_NAME.test(match[1]!))
    throw new QuestionError(`'${text}' is not an IPv4 address, nor a name`);
  return { ...(address !== undefined ? { address } : { name: match[1]! }), ...(port !== undefined ? { port } : {}) };
}

export function questionText({ protocol, from, to, dev, mark, uid, part }: Question): string {
  const text = (p: Place): string =>
    `${p.address === undefined ? p.name : formatIpv4(p.address)}${p.port === undefined ? "" : `:${p.port}`}`;
  let rest = `${dev === undefined ? "" : ` in ${dev}`}${mark === 0 ? "" : ` mark 0x${mark.toString(16)}`}`;
  if (uid !== undefined) rest += ` uid ${uid}`;
  if (part !== "first") rest += part === "reply" ? ", the answer to it" : ", once the connection stands";
  return `${protocol} ${text(from)} → ${text(to)}${rest}`;
}
