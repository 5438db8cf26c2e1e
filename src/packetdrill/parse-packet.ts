// A packet in tcpdump's manner: `> P. 1:1001(1000) ack 1 win 257 <nop,nop,TS val 100 ecr 0>`.

import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from "../wire/tcp.ts";
import { icmpTypeAndCode } from "./icmp-names.ts";
import type { IcmpSpec, IpInfo, PacketSpec, TcpOption, TcpSpec, UdpSpec } from "./script.ts";
import type { TokenReader } from "./token-reader.ts";

const FLAGS: Readonly<Record<string, number>> = { F: FIN, S: SYN, R: RST, P: PSH, ".": ACK, U: URG, E: ECE, W: CWR };
const ECN: Readonly<Record<string, number | "ect01">> = { noecn: 0, ect1: 1, ect0: 2, ce: 3, ect01: "ect01" };
/** Encapsulations of the language that are not built. */
const TUNNELS: readonly string[] = ["ipv4", "ipv6", "GREv0", "gre", "mpls"];

export function parsePacket(reader: TokenReader): PacketSpec {
  const { line } = reader;
  const direction = reader.next().text === "<" ? "in" : "out";
  for (const tunnel of TUNNELS)
    if (reader.isWord(tunnel)) throw reader.fail(`packets inside ${tunnel} are not supported`);
  const ip = parseIpInfo(reader);
  if (reader.isWord("encap")) throw reader.fail("packets with PSP (encap) are not supported");
  const base = { kind: "packet", line, direction, ip } as const;
  if (reader.takeWord("icmp")) return { ...base, protocol: "icmp", ...parseIcmp(reader) };
  if (reader.takeWord("udp")) return { ...base, protocol: "udp", ...parseUdp(reader) };
  return { ...base, protocol: "tcp", ...parseTcp(reader) };
}

function parseIpInfo(reader: TokenReader): IpInfo {
  const close = reader.takeMark("[") ? "]" : reader.isMark("(") && reader.takeMark("(") ? ")" : null;
  if (close === null) return {};
  const info: { ecn?: number | "ect01"; tos?: number; ttl?: number } = {};
  do {
    const word = reader.word("ECN, tos or ttl");
    const ecn = ECN[word];
    if (ecn !== undefined) info.ecn = ecn;
    else if (word === "tos") info.tos = reader.uint("the TOS byte") & 0xff;
    else if (word === "ttl") info.ttl = reader.uint("a TTL") & 0xff;
    else throw reader.fail(`'${word}' about a packet's IP header is not supported`);
  } while (reader.takeMark(","));
  reader.expectMark(close);
  return info;
}

type Specific<T> = Omit<T, "kind" | "line" | "direction" | "ip" | "protocol">;

function parseTcp(reader: TokenReader): Specific<TcpSpec> {
  const ports = parsePorts(reader);
  const flags = parseFlags(reader);
  const { seq, payload } = parseSequence(reader);
  const ack = reader.takeWord("ack") ? reader.uint("an acknowledgement") : 0;
  const window = reader.takeWord("win") ? reader.uint("a window") : null;
  const urgent = reader.takeWord("urg") ? reader.uint("the urgent pointer") : 0;
  return { ports, flags, seq, payload, ack, window, urgent, options: parseOptions(reader) };
}

function parsePorts(reader: TokenReader): TcpSpec["ports"] {
  if (reader.peek()?.type !== "number" || !reader.isMark(">", 1)) return null;
  const source = reader.uint("a port");
  reader.expectMark(">");
  return { source, destination: reader.uint("a port") };
}

function parseFlags(reader: TokenReader): number {
  if (reader.takeMark("-")) return 0;
  let text = "";
  if (reader.peek()?.type === "word") text = reader.word("flags");
  if (reader.takeMark(".")) text += ".";
  else if (reader.peek()?.type === "number" && reader.peek()!.text.startsWith("."))
    throw reader.fail(`AccECN's counter in the flags ('${reader.peek()!.text}') is not supported`);
  if (text === "") throw reader.unexpected("TCP flags");
  let flags = 0;
  for (const letter of text) {
    const flag = FLAGS[letter];
    if (flag === undefined)
      throw reader.fail(
        letter === "A" ? "the AE flag (AccECN) is not supported" : `'${letter}' in '${text}' is no TCP flag`,
      );
    flags |= flag;
  }
  return flags;
}

/** `1:1001(1000)` */
function parseSequence(reader: TokenReader): { seq: number; payload: number } {
  const seq = reader.uint("a sequence number");
  reader.expectMark(":");
  const end = reader.uint("the sequence number after the last");
  reader.expectMark("(");
  const payload = reader.uint("the number of bytes");
  reader.expectMark(")");
  if ((seq + payload) >>> 0 !== end) throw reader.fail(`${seq}:${end} is not ${payload} bytes`);
  if (payload > 65535) throw reader.fail(`${payload} bytes are more than a packet holds`);
  return { seq, payload };
}

function parseOptions(reader: TokenReader): TcpSpec["options"] {
  const options: TcpOption[] = [];
  // `<` may also begin the next event's packet only after a time, so here it is options
  if (!reader.takeMark("<")) return options;
  if (reader.takeMark("...")) {
    reader.expectMark(">");
    return null;
  }
  do options.push(parseOption(reader));
  while (reader.takeMark(","));
  reader.expectMark(">");
  return options;
}

function parseOption(reader: TokenReader): TcpOption {
  const kind = reader.word("a TCP option");
  switch (kind) {
    case "nop":
    case "eol":
    case "sackOK":
      return { kind };
    case "mss":
      return { kind, mss: reader.uint("an MSS") };
    case "wscale":
      return { kind, shift: reader.uint("a window scale") };
    case "TS": {
      if (!reader.takeWord("val")) throw reader.unexpected("val");
      const val = reader.uint("a timestamp");
      if (!reader.takeWord("ecr")) throw reader.unexpected("ecr");
      return { kind, val, ecr: reader.uint("a timestamp's echo") };
    }
    case "sack": {
      const blocks: [number, number][] = [];
      while (reader.peek()?.type === "number") {
        const left = reader.uint("a SACK block");
        reader.expectMark(":");
        blocks.push([left, reader.uint("a SACK block's end")]);
      }
      return { kind, blocks };
    }
    case "md5":
      return { kind, digest: hexBytes(reader, 16) };
    case "FO":
    case "FOEXP":
      return { kind, cookie: hexBytes(reader) };
    default:
      throw reader.fail(`the TCP option '${kind}' is not supported`);
  }
}

/** Bytes in hexadecimal, if any come. */
function hexBytes(reader: TokenReader, length?: number): number[] {
  const token = reader.peek();
  if (token?.type !== "word" && token?.type !== "number") return [];
  reader.next();
  const bytes = [...token.text.matchAll(/../g)].map(([pair]) => Number.parseInt(pair, 16));
  if (token.text.length % 2 !== 0 || bytes.some(Number.isNaN) || (length !== undefined && bytes.length !== length))
    throw reader.fail(`'${token.text}' is not ${length ?? "a number of"} bytes in hexadecimal`);
  return bytes;
}

function parseUdp(reader: TokenReader): Specific<UdpSpec> {
  const ports = parsePorts(reader);
  reader.expectMark("(");
  const payload = reader.uint("the number of bytes");
  reader.expectMark(")");
  return { ports, payload };
}

function parseIcmp(reader: TokenReader): Specific<IcmpSpec> {
  const typeName = reader.word("an ICMP type");
  let codeName: string | null = null;
  if (reader.peek()?.type === "word" && !reader.isWord("mtu") && !reader.isWord("id")) codeName = reader.word("a code");
  const found = icmpTypeAndCode(typeName, codeName);
  if (typeof found === "string") throw reader.fail(found);
  const mtu = reader.takeWord("mtu") ? reader.uint("an MTU") : 0;
  const id = reader.takeWord("id") ? reader.uint("an echo's id") : 0;
  let quoted: IcmpSpec["quoted"] = { protocol: "tcp", seq: 0, payload: 0 };
  if (reader.takeMark("[")) {
    if (reader.takeWord("udp")) quoted = { protocol: "udp", payload: parenthesized(reader) };
    else if (reader.takeWord("raw")) quoted = { protocol: "raw", bytes: parenthesized(reader) };
    else quoted = { protocol: "tcp", ...parseSequence(reader) };
    reader.expectMark("]");
  }
  return { ...found, mtu, id, quoted };
}

function parenthesized(reader: TokenReader): number {
  reader.expectMark("(");
  const value = reader.uint("a number of bytes");
  reader.expectMark(")");
  return value;
}
