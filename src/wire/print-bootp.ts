// Prints BOOTP and DHCP as tcpdump does (print-bootp.c): a line, and with -v the fields and options of RFC 2132.
import { type Dissector, hex } from "./print-core.ts";

const COOKIE = 0x63825363;
/** Lengths of the fixed part: to the options. */
const OPTIONS = 236;

type Format = "i" | "l" | "s" | "S" | "a" | "b" | "B" | "p" | "$";

/** Options by number: name and how its value is shown. i addresses, l long, s short, S/b byte, B flag, a text, p pairs, $ by name */
const TAGS: ReadonlyMap<number, readonly [string, Format]> = new Map(
  (
    "1 i Subnet-Mask;2 l Time-Zone;3 i Default-Gateway;4 i Time-Server;5 i IEN-Name-Server;6 i Domain-Name-Server;" +
    "7 i LOG;8 i CS;9 i LPR-Server;10 i IM;11 i RL;12 a Hostname;13 s BS;14 a DP;15 a Domain-Name;16 i SS;17 a RP;" +
    "18 a EP;19 B IPF;20 B SRT;21 p PF;22 s RSZ;23 b TTL;24 l MTU-Timeout;25 s MTU-Table;26 s MTU;27 B LSN;28 i BR;" +
    "29 B MD;30 B MS;31 B Router-Discovery;32 i RS;33 p Static-Route;34 B TE;35 l AT;36 B IE;37 b TT;38 l KI;39 B KG;" +
    "40 a YD;41 i YS;42 i NTP;43 b Vendor-Option;44 i Netbios-Name-Server;45 i WDD;46 $ Netbios-Node;47 a Netbios-Scope;" +
    "48 i XFS;49 i XDM;50 i Requested-IP;51 l Lease-Time;52 $ OO;53 $ DHCP-Message;54 i Server-ID;55 b Parameter-Request;" +
    "56 a MSG;57 s MSZ;58 l RN;59 l RB;60 a Vendor-Class;61 $ Client-ID;64 a NISPDN;65 i NISPS;66 a TFTP;67 a BF;" +
    "68 i MH;69 i SMTP-Server;70 i POP3-Server;71 i NNTP-Server;72 i WWW-Server;116 B AUTO-CONFIG;118 i SUBNET-SELECT;" +
    "119 $ DN;121 $ Classless-Static-Route;150 i TFTP-Server-Address;252 a Auto-Proxy"
  )
    .split(";")
    .map((row) => {
      const [number, format, name] = row.split(" ");
      return [Number(number), [name!, format as Format]];
    }),
);
const MESSAGES = ["", "Discover", "Offer", "Request", "Decline", "ACK", "NACK", "Release", "Inform"];

export function printBootp(d: Dissector, at: number, length: number): void {
  d.protocol = "bootp";
  const ethernet = d.u8(at + 1) === 1 && d.u8(at + 2) === 6;
  d.out += "BOOTP/DHCP, ";
  const op = d.u8(at);
  d.out += op === 1 ? "Request" : op === 2 ? "Reply" : `unknown (0x${hex(op, 2)})`;
  if (op === 1 && ethernet) {
    d.out += ` from ${d.mac(at + 28)}`;
  }
  d.out += `, length ${length}`;
  if (d.options.verbose === 0) return;
  d.orTruncated(() => printFields(d, at, ethernet));
}

function printFields(d: Dissector, at: number, ethernet: boolean): void {
  const hardware = d.u8(at + 1);
  const hardwareLength = d.u8(at + 2);
  if (hardware !== 1) d.out += `, htype ${hardware}`;
  if (hardware === 1 && hardwareLength !== 6) d.out += `, hlen ${hardwareLength}`;
  if (d.u8(at + 3) !== 0) d.out += `, hops ${d.u8(at + 3)}`;
  if (d.u32(at + 4) !== 0) d.out += `, xid 0x${d.u32(at + 4).toString(16)}`;
  if (d.u16(at + 8) !== 0) d.out += `, secs ${d.u16(at + 8)}`;
  const flags = d.u16(at + 10);
  d.out += `, Flags [${flags & 0x8000 ? "Broadcast" : "none"}]`;
  if (d.options.verbose > 1) d.out += ` (0x${hex(flags, 4)})`;
  for (const [offset, name] of [
    [12, "Client"],
    [16, "Your"],
    [20, "Server"],
    [24, "Gateway"],
  ] as const)
    if (d.u32(at + offset) !== 0) d.out += `\n\t  ${name}-IP ${d.ip4(at + offset)}`;
  if (ethernet) d.out += `\n\t  Client-Ethernet-Address ${d.mac(at + 28)}`;
  for (const [offset, size, name] of [
    [44, 64, "sname"],
    [108, 128, "file"],
  ] as const) {
    if (d.u8(at + offset) === 0) continue;
    d.out += `\n\t  ${name} "`;
    printString(d, at + offset, size);
    d.out += '"';
  }
  d.need(at + OPTIONS, 4);
  if (d.u32(at + OPTIONS) === COOKIE) {
    d.out += `\n\t  Vendor-rfc1048 Extensions\n\t    Magic Cookie 0x${hex(COOKIE, 8)}`;
    printOptions(d, at + OPTIONS + 4);
  } else if (d.u32(at + OPTIONS) !== 0) d.out += `\n\t  Vendor-#0x${hex(d.u32(at + OPTIONS), 8)}`;
}

/** Up to a NUL. */
function printString(d: Dissector, at: number, size: number): void {
  for (let i = 0; i < size; i++) {
    const c = d.u8(at + i);
    if (c === 0) return;
    d.printChar(c);
  }
}

function tagName(tag: number): string {
  return TAGS.get(tag)?.[0] ?? "Unknown";
}

function printOptions(d: Dissector, at: number): void {
  while (at < d.end) {
    const tag = d.u8(at);
    if (tag === 0 && d.options.verbose < 3) {
      at++;
      continue;
    }
    if (tag === 255 && d.options.verbose < 3) return;
    if (tag === 0 || tag === 255) {
      d.out += `\n\t    ${tag === 0 ? "PAD" : "END"} (${tag}), length 0`;
      if (tag === 255) return;
      let count = 1;
      at++;
      while (d.has(at, 1) && d.u8(at) === 0) {
        count++;
        at++;
      }
      if (count > 1) d.out += `, occurs ${count}`;
      continue;
    }
    const length = d.u8(at + 1);
    d.out += `\n\t    ${tagName(tag)} (${tag}), length ${length}`;
    if (length > 0) d.out += ": ";
    at += 2;
    d.need(at, length);
    printValue(d, tag, at, length);
    at += length;
  }
}

function printValue(d: Dissector, tag: number, at: number, length: number): void {
  const format = TAGS.get(tag)?.[1];
  switch (format) {
    case "a":
      d.out += '"';
      if (!d.printChars(at, length)) d.truncated();
      d.out += '"';
      return;
    case "i":
    case "l":
      printList(
        length,
        4,
        (i) => (format === "i" ? d.ip4(at + i) : String(d.u32(at + i) | 0)),
        (text) => (d.out += text),
      );
      return;
    case "s":
      printList(
        length,
        2,
        (i) => String(d.u16(at + i)),
        (text) => (d.out += text),
      );
      return;
    case "p":
      printList(
        length,
        8,
        (i) => `(${d.ip4(at + i)}:${d.ip4(at + i + 4)})`,
        (text) => (d.out += text),
      );
      return;
    case "B":
      printList(
        length,
        1,
        (i) => ["N", "Y"][d.u8(at + i)] ?? `${d.u8(at + i)}?`,
        (text) => (d.out += text),
      );
      return;
    case "$":
      printSpecial(d, tag, at, length);
      return;
    default:
      if (tag === 55) printRequested(d, at, length);
      else for (let i = 0; i < length; i++) d.out += `${i === 0 ? "" : "."}${d.u8(at + i)}`;
  }
}

function printList(length: number, size: number, text: (offset: number) => string, out: (text: string) => void): void {
  for (let i = 0; i + size <= length; i += size) out(`${i === 0 ? "" : ","}${text(i)}`);
}

function printRequested(d: Dissector, at: number, length: number): void {
  for (let i = 0; i < length; i++) {
    const tag = d.u8(at + i);
    d.out += `${i % 4 === 0 ? "\n\t      " : ", "}${tagName(tag)} (${tag})`;
  }
}

function printSpecial(d: Dissector, tag: number, at: number, length: number): void {
  if (tag === 53) {
    d.out += length < 1 ? "ERROR: length < 1 bytes" : MESSAGES[d.u8(at)] || `Unknown (${d.u8(at)})`;
    return;
  }
  if (tag === 61) {
    const type = d.u8(at);
    if (type === 1) d.out += `ether ${length === 7 ? d.mac(at + 1) : bytesText(d, at + 1, length - 1)}`;
    else if (type === 0) {
      d.out += '"';
      d.printChars(at + 1, length - 1);
      d.out += '"';
    } else d.out += `hardware-type ${type}, ${bytesText(d, at + 1, length - 1)}`;
    return;
  }
  if (tag === 121) {
    let text = "";
    for (let i = 0; i < length; ) {
      const width = d.u8(at + i);
      const octets = (width + 7) >>> 3;
      const dest = [0, 1, 2, 3].map((k) => (k < octets ? d.u8(at + i + 1 + k) : 0)).join(".");
      text += `${text === "" ? "" : ","}(${width === 0 ? "default" : `${dest}/${width}`}:${d.ip4(at + i + 1 + octets)})`;
      i += 5 + octets;
    }
    d.out += text;
    return;
  }
  d.out += bytesText(d, at, length);
}

function bytesText(d: Dissector, at: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += `${i === 0 ? "" : ":"}${hex(d.u8(at + i), 2)}`;
  return text;
}
