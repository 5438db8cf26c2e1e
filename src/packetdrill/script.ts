// What a packetdrill script says, as plain data: options, shell commands, and a timed list of packets, system calls and
// assertions. The language is google/packetdrill's (its syntax.md is the reference); README.md says what of it is here.

/** The script's mistake, or something of the language that is not supported. */
export class ScriptError extends Error {
  override readonly name: string = "ScriptError";
  /** counted from 1; 0 when the mistake has no line */
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

export interface Script {
  /** `--name=value` at the head; "" for an option without a value */
  readonly options: readonly { readonly name: string; readonly value: string; readonly line: number }[];
  readonly init: Command | null;
  readonly events: readonly Event[];
  readonly cleanup: Command | null;
}

/** When an event is to happen; seconds. */
export type EventTime =
  /** since the script's first event */
  | { readonly kind: "absolute"; readonly at: number; readonly until?: number }
  /** since the event before */
  | { readonly kind: "relative"; readonly at: number; readonly until?: number }
  /** whenever it comes */
  | { readonly kind: "any" };

export interface Event {
  readonly line: number;
  readonly time: EventTime;
  readonly action: PacketSpec | Call | Command | Code;
}

export interface Command {
  readonly kind: "command";
  readonly line: number;
  /** for sh -c */
  readonly text: string;
}

/** `%{ … }%`: assertions about the socket's tcp_info, in (a part of) Python. */
export interface Code {
  readonly kind: "code";
  readonly line: number;
  readonly text: string;
}

export interface Call {
  readonly kind: "call";
  readonly line: number;
  readonly name: string;
  readonly args: readonly Expression[];
  readonly result: Expression;
  /** expected errno, "EINPROGRESS" */
  readonly errno: string | null;
  /** a call that blocks: when it is to return, in the event's own kind of time; seconds */
  readonly end: number | null;
}

export type Expression =
  | { readonly kind: "ellipsis" }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "word"; readonly name: string }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
  /** `{a=1, b=2}` and `{x, y}`: named and unnamed parts in their order */
  | {
      readonly kind: "struct";
      readonly fields: readonly { readonly name: string | null; readonly value: Expression }[];
    };

export interface IpInfo {
  /** the two ECN bits, or "either" of ECT(0) and ECT(1) */
  readonly ecn?: number | "ect01";
  /** the whole byte */
  readonly tos?: number;
  readonly ttl?: number;
}

export type PacketSpec = TcpSpec | UdpSpec | IcmpSpec;

interface PacketBase {
  readonly kind: "packet";
  readonly line: number;
  /** into the kernel, or expected from it */
  readonly direction: "in" | "out";
  readonly ip: IpInfo;
}

export interface TcpSpec extends PacketBase {
  readonly protocol: "tcp";
  readonly ports: { readonly source: number; readonly destination: number } | null;
  /** the header's flag bits (wire/tcp.ts) */
  readonly flags: number;
  readonly seq: number;
  readonly payload: number;
  readonly ack: number;
  /** null: not compared */
  readonly window: number | null;
  readonly urgent: number;
  /** null: `<...>`, not compared */
  readonly options: readonly TcpOption[] | null;
}

export interface UdpSpec extends PacketBase {
  readonly protocol: "udp";
  readonly ports: { readonly source: number; readonly destination: number } | null;
  readonly payload: number;
}

export interface IcmpSpec extends PacketBase {
  readonly protocol: "icmp";
  readonly type: number;
  readonly code: number;
  /** next-hop MTU */
  readonly mtu: number;
  readonly id: number;
  /** what it quotes: a TCP segment's sequence number and length, a datagram's length, or nothing but so many bytes */
  readonly quoted:
    | { readonly protocol: "tcp"; readonly seq: number; readonly payload: number }
    | { readonly protocol: "udp"; readonly payload: number }
    | { readonly protocol: "raw"; readonly bytes: number };
}

export type TcpOption =
  | { readonly kind: "nop" | "eol" | "sackOK" }
  | { readonly kind: "mss"; readonly mss: number }
  | { readonly kind: "wscale"; readonly shift: number }
  | { readonly kind: "sack"; readonly blocks: readonly (readonly [left: number, right: number])[] }
  | { readonly kind: "TS"; readonly val: number; readonly ecr: number }
  | { readonly kind: "md5"; readonly digest: readonly number[] }
  /** RFC 7413, and its experimental form (RFC 6994) */
  | { readonly kind: "FO" | "FOEXP"; readonly cookie: readonly number[] };
