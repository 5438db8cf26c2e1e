// Prints link-layer headers as tcpdump does: Ethernet II and 802.3 with LLC and SNAP, VLAN tags, ARP, spanning tree, and
// Linux's cooked header (print-ether.c, print-llc.c, print-arp.c, print-stp.c, print-sll.c). EtherTypes without a printer
// are dumped in hexadecimal, as tcpdump dumps those it does not know.
import * as arp from "./arp.ts";
import * as bpdu from "./bpdu.ts";
import * as ethernet from "./ethernet.ts";
import { bitNames, type Dissector, ETHER_TYPES, hex, OUI } from "./print-core.ts";

const MAX_802_3_LENGTH = 1500;

/** Prints a frame whose Ethernet header is at `at`; returns how many bytes of link-layer header it has. */
export function printEther(d: Dissector, at: number, length: number, captured: number): number {
  d.protocol = "ether";
  if (length < captured) {
    d.out += `[length ${length} < caplen ${captured}]`;
    d.invalid();
    return length;
  }
  if (captured < ethernet.HEADER_LENGTH) {
    d.truncated();
    return captured;
  }
  const wholeLength = length;
  const { linkHeader } = d.options;
  if (linkHeader) printAddresses(d, at);
  let type = d.u16(at + 12);
  let p = at + ethernet.HEADER_LENGTH;
  length -= ethernet.HEADER_LENGTH;
  captured -= ethernet.HEADER_LENGTH;
  let lengthPrinted = false;
  while (type === 0x8100 || type === 0x9100 || type === 0x9200 || type === 0x88a8) {
    if (captured < 4 || length < 4) {
      d.protocol = "vlan";
      d.truncated();
      return p - at + Math.min(captured, length);
    }
    if (linkHeader) {
      printType(d, type);
      d.out += lengthPrinted ? ", " : `, length ${wholeLength}: `;
      lengthPrinted = true;
      d.out += `${tciText(d.u16(p))}, `;
    }
    type = d.u16(p + 2);
    p += 4;
    length -= 4;
    captured -= 4;
  }
  if (type <= MAX_802_3_LENGTH) {
    if (type < length) {
      length = type;
      captured = Math.min(captured, length);
    }
    let llcLength = 0;
    d.within(p + length, () => {
      if (linkHeader) d.out += lengthPrinted ? "802.3" : `802.3, length ${length}: `;
      llcLength = printLlcOrDump(d, p, length, captured, at);
    });
    return p - at + llcLength;
  }
  if (type === 0x8870) return p - at + printLlcOrDump(d, p, length, captured, at);
  if (linkHeader) {
    printType(d, type);
    d.out += lengthPrinted ? ", " : `, length ${wholeLength}: `;
  }
  if (!printEtherType(d, type, p, length)) {
    if (!linkHeader) {
      printAddresses(d, at);
      printType(d, type);
      d.out += `, length ${wholeLength}: `;
    }
    d.defaultPrint(p, captured);
  }
  return p - at;
}

/** Prints what an EtherType carries; false when it is none of those known here. */
function printEtherType(d: Dissector, type: number, at: number, length: number): boolean {
  switch (type) {
    case ethernet.ETH_P_IP:
      d.printers.ip(d, at, length);
      return true;
    case ethernet.ETH_P_IPV6:
      d.printers.ip6(d, at, length);
      return true;
    case ethernet.ETH_P_ARP:
    case ethernet.ETH_P_RARP:
      printArp(d, at, length);
      return true;
    default:
      return false;
  }
}

function printAddresses(d: Dissector, at: number): void {
  d.out += `${d.mac(at + ethernet.SOURCE)} > ${d.mac(at + ethernet.DESTINATION)}, `;
}

function printType(d: Dissector, type: number): void {
  const name = ETHER_TYPES.get(type);
  if (d.options.quiet > 0) d.out += name ?? `Unknown Ethertype (0x${hex(type, 4)})`;
  else d.out += `ethertype ${name ?? "Unknown"} (0x${hex(type, 4)})`;
}

function tciText(tci: number): string {
  return `vlan ${tci & 0xfff}, p ${tci >>> 13}${(tci & 0x1000) !== 0 ? ", DEI" : ""}`;
}

const ARP_OPERATIONS: ReadonlyMap<number, string> = new Map([
  [1, "Request"],
  [2, "Reply"],
  [3, "Reverse Request"],
  [4, "Reverse Reply"],
  [8, "Inverse Request"],
  [9, "Inverse Reply"],
  [10, "NACK Reply"],
]);

const ARP_HARDWARE: ReadonlyMap<number, string> = new Map([
  [1, "Ethernet"],
  [6, "TokenRing"],
  [7, "ArcNet"],
  [15, "FrameRelay"],
  [19, "ATM"],
  [23, "Strip"],
  [24, "IEEE 1394"],
  [32, "InfiniBand"],
]);

function printArp(d: Dissector, at: number, length: number): void {
  d.protocol = "arp";
  d.need(at, 8);
  const protocolType = arp.getProtocolType(d.bytes, at);
  const hardwareLength = arp.getHardwareLength(d.bytes, at);
  const protocolLength = arp.getProtocolLength(d.bytes, at);
  const operation = arp.getOperation(d.bytes, at);
  const senderMac = at + 8;
  const senderIp = senderMac + hardwareLength;
  const targetMac = senderIp + protocolLength;
  const targetIp = targetMac + hardwareLength;
  d.need(targetIp, protocolLength);
  if (!d.options.linkHeader) d.out += "ARP, ";
  const isIp = protocolType === ethernet.ETH_P_IP || protocolType === 0x1000;
  const { verbose } = d.options;
  if (!isIp || protocolLength !== 4 || hardwareLength === 0 || verbose > 0) {
    const hardware = arp.getHardwareType(d.bytes, at);
    d.out += `${ARP_HARDWARE.get(hardware) ?? `Unknown Hardware (${hardware})`} (len ${hardwareLength}), `;
    d.out += `${ETHER_TYPES.get(protocolType) ?? `Unknown Protocol (0x${hex(protocolType, 4)})`} (len ${protocolLength})`;
    if (verbose === 0) {
      d.out += `, length ${length}`;
      return;
    }
  }
  d.out += `${verbose > 0 ? ", " : ""}${ARP_OPERATIONS.get(operation) ?? `Unknown (${operation})`} `;
  const ip = (where: number): string =>
    !isIp ? "<wrong proto type>" : protocolLength !== 4 ? "<wrong len>" : d.ip4(where);
  const mac = (where: number): string => linkAddress(d, where, hardwareLength);
  switch (operation) {
    case 1:
      d.out += `who-has ${ip(targetIp)}`;
      if (!isZero(d, targetMac, hardwareLength)) d.out += ` (${mac(targetMac)})`;
      d.out += ` tell ${ip(senderIp)}`;
      break;
    case 2:
      d.out += `${ip(senderIp)} is-at ${mac(senderMac)}`;
      break;
    case 3:
    case 8:
      d.out += `who-is ${mac(targetMac)} tell ${mac(senderMac)}`;
      break;
    case 4:
      d.out += `${mac(targetMac)} at ${ip(targetIp)}`;
      break;
    case 9:
      d.out += `${mac(senderMac)} at ${ip(senderIp)}`;
      break;
    default:
      d.hexAsciiDump("\n\t", at, d.end - at);
      return;
  }
  d.out += `, length ${length}`;
}

function isZero(d: Dissector, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (d.u8(i) !== 0) return false;
  return true;
}

function linkAddress(d: Dissector, at: number, length: number): string {
  if (length === 0) return "<empty>";
  if (length === 6) return d.mac(at);
  d.need(at, length);
  return Array.from(d.bytes.subarray(at, at + length), (byte) => hex(byte, 2)).join(":");
}

const SAPS: ReadonlyMap<number, string> = new Map([
  [0x00, "Null"],
  [0xff, "Global"],
  [0x02, "802.1B I"],
  [0x03, "802.1B G"],
  [0x06, "IP"],
  [0x04, "SNA"],
  [0x0e, "ProWay NM"],
  [0x42, "STP"],
  [0x4e, "RS511"],
  [0x7e, "ISO8208"],
  [0x8e, "ProWay"],
  [0xaa, "SNAP"],
  [0xe0, "IPX"],
  [0xf0, "NetBeui"],
  [0xfe, "OSI"],
]);

const LLC_COMMANDS: ReadonlyMap<number, string> = new Map([
  [0x03, "ui"],
  [0xe3, "test"],
  [0xaf, "xid"],
  [0x63, "ua"],
  [0x43, "disc"],
  [0x0f, "dm"],
  [0x6f, "sabme"],
  [0x87, "frmr"],
]);

const LLC_FLAGS: ReadonlyMap<number, string> = new Map([
  [0x000, "Command"],
  [0x001, "Response"],
  [0x010, "Poll"],
  [0x011, "Final"],
  [0x100, "Poll"],
  [0x101, "Final"],
]);

/** Prints an LLC header and what it carries, or dumps it; returns the header's length. `frameAt` -1: no MAC addresses. */
function printLlcOrDump(d: Dissector, at: number, length: number, captured: number, frameAt: number): number {
  const headerLength = printLlc(d, at, length, captured, frameAt);
  if (headerLength >= 0) return headerLength;
  d.defaultPrint(at, captured);
  return -headerLength;
}

/** Negative when the payload is unknown and to be dumped. */
function printLlc(d: Dissector, at: number, length: number, captured: number, frameAt: number): number {
  d.protocol = "llc";
  if (captured < 3 || length < 3) return printShortLlc(d, at, length, captured);
  const dsapField = d.u8(at);
  const ssapField = d.u8(at + 1);
  let control = d.u8(at + 2);
  const unnumbered = (control & 3) === 3;
  const headerLength = unnumbered ? 3 : 4;
  if (!unnumbered) {
    if (captured < 4 || length < 4) return printShortLlc(d, at, length, captured);
    control |= d.u8(at + 3) << 8;
  }
  const dsap = dsapField & 0xfe;
  const ssap = ssapField & 0xfe;
  if (d.options.linkHeader) {
    d.out += `LLC, dsap ${SAPS.get(dsap) ?? "Unknown"} (0x${hex(dsap, 2)}) ${(dsapField & 1) === 0 ? "Individual" : "Group"}`;
    d.out += `, ssap ${SAPS.get(ssap) ?? "Unknown"} (0x${hex(ssap, 2)}) ${LLC_FLAGS.get(ssapField & 1)}`;
    d.out += `, ctrl 0x${hex(control, unnumbered ? 2 : 4)}: `;
  }
  const p = at + headerLength;
  length -= headerLength;
  if (ssap === 0xaa && dsap === 0xaa && control === 3) {
    return printSnap(d, p, length, captured - headerLength, frameAt) ? headerLength + 5 : -(headerLength + 5);
  }
  if (ssap === bpdu.LLC_SAP_BSPAN && dsap === bpdu.LLC_SAP_BSPAN && control === 3) {
    printStp(d, p, length);
    return headerLength;
  }
  if (ssap === 0x06 && dsap === 0x06 && control === 3) {
    d.printers.ip(d, p, length);
    return headerLength;
  }
  if (!d.options.linkHeader) {
    const to = SAPS.get(dsap) ?? `Unknown DSAP 0x${hex(dsap, 2)}`;
    const from = SAPS.get(ssap) ?? `Unknown SSAP 0x${hex(ssap, 2)}`;
    const addresses = frameAt < 0 ? undefined : { from: d.mac(frameAt + 6), to: d.mac(frameAt) };
    if (addresses === undefined) d.out += ssap === dsap ? `${to} ` : `${from} > ${to} `;
    else if (ssap === dsap) d.out += `${addresses.from} > ${addresses.to} ${to} `;
    else d.out += `${addresses.from} ${from} > ${addresses.to} ${to} `;
  }
  const response = ssapField & 1;
  if (unnumbered) {
    const command = LLC_COMMANDS.get(control & 0xef) ?? hex(control & 0xef, 2);
    d.out += `Unnumbered, ${command}, Flags [${LLC_FLAGS.get(response | (control & 0x10)) ?? "?"}]`;
    d.out += `, length ${length + headerLength}`;
    if ((control & 0xef) === 0xaf) {
      if (length === 0) return headerLength;
      if (d.u8(p) === 0x81 && length >= 3) {
        d.out += `: ${hex(d.u8(p + 1), 2)} ${hex(d.u8(p + 2), 2)}`;
        return headerLength;
      }
    }
    return -headerLength;
  }
  const flags = LLC_FLAGS.get(response | (control & 0x100)) ?? "?";
  const received = (control >>> 9) & 0x7f;
  if ((control & 1) === 1) {
    const kind = ["Receiver Ready", "Receiver not Ready", "Reject"][(control >>> 2) & 3] ?? "?";
    d.out += `Supervisory, ${kind}, rcv seq ${received}, Flags [${flags}], length ${length + headerLength}`;
    return headerLength;
  }
  d.out += `Information, send seq ${(control >>> 1) & 0x7f}, rcv seq ${received}, Flags [${flags}]`;
  d.out += `, length ${length + headerLength}`;
  return -headerLength;
}

function printShortLlc(d: Dissector, at: number, length: number, captured: number): number {
  d.truncated();
  d.hexAsciiDump("\n\t", at, captured);
  return Math.min(captured, length);
}

function printSnap(d: Dissector, at: number, length: number, captured: number, frameAt: number): boolean {
  d.protocol = "snap";
  if (!d.has(at, 5) || captured < 5 || length < 5) {
    d.truncated();
    return true;
  }
  const organisation = d.u24(at);
  const type = d.u16(at + 3);
  const typeName = organisation === 0x80c2 && type === 0x000e ? "BPDU" : snapTypeName(organisation, type);
  const kind = organisation === 0 ? "ethertype" : "pid";
  const organisationText = `oui ${OUI.get(organisation) ?? "Unknown"} (0x${hex(organisation, 6)}), `;
  const typeText = `${kind} ${typeName ?? "Unknown"} (0x${hex(type, 4)}), length ${length - 5}: `;
  if (d.options.linkHeader) d.out += organisationText + typeText;
  const p = at + 5;
  if ((organisation === 0 || organisation === 0xf8) && printEtherType(d, type, p, length - 5)) return true;
  if (organisation === 0x80c2 && type === 0x000e) {
    printStp(d, p, length - 5);
    return true;
  }
  if (!d.options.linkHeader) {
    if (frameAt >= 0) d.out += `${d.mac(frameAt + 6)} > ${d.mac(frameAt)} `;
    d.out += organisation === 0 ? `SNAP, ${typeText}` : `SNAP, ${organisationText}${typeText}`;
  }
  return false;
}

function snapTypeName(organisation: number, type: number): string | undefined {
  if (organisation === 0 || organisation === 0xf8 || organisation === 0x80007) return ETHER_TYPES.get(type);
  return organisation === 0x00000c ? CISCO_TYPES.get(type) : undefined;
}

const CISCO_TYPES: ReadonlyMap<number, string> = new Map([
  [0x2000, "CDP"],
  [0x2003, "VTP"],
  [0x2004, "DTP"],
  [0x0111, "UDLD"],
  [0x010b, "PVST"],
  [0x010c, "VLAN Bridge"],
]);

const STP_FLAGS: readonly (readonly [number, string])[] = [
  [0x01, "Topology change"],
  [0x02, "Proposal"],
  [0x10, "Learn"],
  [0x20, "Forward"],
  [0x40, "Agreement"],
  [0x80, "Topology change ACK"],
];
const STP_VERSIONS: ReadonlyMap<number, string> = new Map([
  [0, "802.1d"],
  [2, "802.1w"],
  [3, "802.1s"],
  [4, "802.1aq"],
]);
const STP_TYPES: ReadonlyMap<number, string> = new Map([
  [bpdu.BPDU_TYPE_CONFIG, "Config"],
  [bpdu.BPDU_TYPE_RST, "Rapid STP"],
  [bpdu.BPDU_TYPE_TCN, "Topology Change"],
]);

/** Below this a multiple spanning tree BPDU is none; its contents are not printed. */
const MSTP_LENGTH = 102;

function printStp(d: Dissector, at: number, length: number): void {
  d.protocol = "stp";
  if (length < bpdu.TCN_LENGTH) {
    d.invalid();
    return;
  }
  if (d.u16(at) !== 0) {
    d.out += `unknown STP version, length ${length}`;
    return;
  }
  const version = d.u8(at + 2);
  const versionName = STP_VERSIONS.get(version);
  d.out += `STP ${versionName ?? `Unknown STP protocol (0x${hex(version, 2)})`}`;
  if (versionName === undefined) return;
  const type = d.u8(at + 3);
  d.out += `, ${STP_TYPES.get(type) ?? `Unknown BPDU Type (0x${hex(type, 2)})`}`;
  if (type === bpdu.BPDU_TYPE_CONFIG || (type === bpdu.BPDU_TYPE_RST && version === 2)) {
    if (length < bpdu.CONFIG_LENGTH + (type === bpdu.BPDU_TYPE_RST ? 1 : 0)) d.invalid();
    else printConfigBpdu(d, at, length, version);
  } else if (type === bpdu.BPDU_TYPE_RST && version > 2 && length < MSTP_LENGTH) d.invalid();
}

function printConfigBpdu(d: Dissector, at: number, length: number, version: number): void {
  const flags = d.u8(at + bpdu.layout.offsetOf("flags"));
  d.out += `, Flags [${bitNames(STP_FLAGS, flags, "none", ", ")}]`;
  const bridge = bridgeId(d, at + bpdu.layout.offsetOf("bridgePriority"));
  d.out += `, bridge-id ${bridge}.${hex(d.u16(at + bpdu.layout.offsetOf("port")), 4)}, length ${length}`;
  if (d.options.verbose === 0) return;
  const seconds = (field: "messageAge" | "maxAge" | "helloTime" | "forwardDelay"): string =>
    `${fixed2(d.u16(at + bpdu.layout.offsetOf(field)) / 256)}s`;
  const hello = `, hello-time ${seconds("helloTime")}, forwarding-delay ${seconds("forwardDelay")}`;
  d.out += `\n\tmessage-age ${seconds("messageAge")}, max-age ${seconds("maxAge")}${hello}`;
  const cost = d.u32(at + bpdu.layout.offsetOf("rootPathCost"));
  d.out += `\n\troot-id ${bridgeId(d, at + bpdu.layout.offsetOf("rootPriority"))}, root-pathcost ${cost}`;
  if (version === 2) {
    d.out += `, port-role ${["Unknown", "Alternate", "Root", "Designated"][(flags & 0x0c) >>> 2]}`;
  }
}

/** Two decimals as C's printf rounds them: a tie, which 1/256 steps can hit exactly, goes to the even digit. */
function fixed2(value: number): string {
  const hundredths = value * 100;
  const below = Math.floor(hundredths);
  const rest = hundredths - below;
  const rounded = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
  return `${Math.floor(rounded / 100)}.${String(rounded % 100).padStart(2, "0")}`;
}

function bridgeId(d: Dissector, at: number): string {
  d.need(at, 8);
  const b = d.bytes;
  const mac = Array.from(b.subarray(at + 2, at + 8), (byte) => hex(byte, 2)).join(":");
  return `${hex(d.u16(at), 4)}.${mac}`;
}

const SLL_PACKET_TYPES = ["In", "B", "M", "P", "Out"];

/** Prints a frame of a LINUX_SLL2 capture (`tcpdump -i any`); returns the cooked header's length. */
export function printSll2(d: Dissector, at: number, length: number, captured: number): number {
  d.protocol = "sll2";
  d.need(at, 20);
  const name = d.options.interfaceName?.(d.u32(at + 4)) ?? "?";
  d.out += `${name.padEnd(5)} ${(SLL_PACKET_TYPES[d.u8(at + 10)] ?? "?").padEnd(3)} `;
  if (d.options.linkHeader) printSll2Header(d, at, length);
  let type = d.u16(at);
  let p = at + 20;
  length -= 20;
  captured -= 20;
  while (type === 0x8100) {
    if (captured < 4) {
      d.protocol = "vlan";
      d.truncated();
      return p - at + captured;
    }
    if (d.options.linkHeader) d.out += `${tciText(d.u16(p))}, `;
    type = d.u16(p + 2);
    if (type <= MAX_802_3_LENGTH) type = 4;
    if (d.options.quiet === 0) d.out += `ethertype ${ETHER_TYPES.get(type) ?? "Unknown"}, `;
    p += 4;
    length -= 4;
    captured -= 4;
  }
  if (type === 4) return p - at + printLlcOrDump(d, p, length, captured, -1);
  if (type <= MAX_802_3_LENGTH) d.defaultPrint(p, captured);
  else if (!printEtherType(d, type, p, length)) {
    if (!d.options.linkHeader) printSll2Header(d, at, length + 20);
    d.defaultPrint(p, captured);
  }
  return p - at;
}

function printSll2Header(d: Dissector, at: number, length: number): void {
  d.out += `ifindex ${d.u32(at + 4)} `;
  if (d.u8(at + 11) === 6) d.out += `${d.mac(at + 12)} `;
  if (d.options.quiet > 0) return;
  const type = d.u16(at);
  if (type === 1) d.out += "802.3";
  else if (type === 4) d.out += "802.2";
  else
    d.out += `ethertype ${type > MAX_802_3_LENGTH ? (ETHER_TYPES.get(type) ?? "Unknown") : "Unknown"} (0x${hex(type, 4)})`;
  d.out += `, length ${length}: `;
}
