// The connection that a script is about, in its two worlds: the script's (sequence numbers from 0, no addresses) and the
// live one. Packets are translated from one into the other.

import * as ipv4 from "../wire/ipv4.ts";
import { get32, set32 } from "../wire/layout.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { completeChecksums, packetBytes, quotedAt } from "./packet-bytes.ts";
import { type PacketSpec, ScriptError, type TcpSpec } from "./script.ts";
import { shiftSackBlocks, timestampAt } from "./tcp-option-bytes.ts";

/** How far the script's story of this connection has come. */
export type Stage =
  | "new"
  | "listening"
  | "syn received"
  | "syn-ack sent"
  | "accepted"
  | "connecting"
  | "syn sent"
  | "connected";

export class Connection {
  readonly protocol: "tcp" | "udp" | "icmp";
  stage: Stage = "new";
  /** the script's descriptor; −1 before accept */
  fd = -1;
  local = { addr: 0, port: 0 };
  remote = { addr: 0, port: 0 };
  /** initial sequence numbers: what the script calls them, and what they are */
  scriptLocalIsn = 0;
  liveLocalIsn = 0;
  liveRemoteIsn = 0;
  /** timestamps that the kernel sent: the script's value → the live one */
  readonly #timestamps: Map<number, number> = new Map();
  #firstTimestamp: { script: number; live: number } | null = null;

  constructor(protocol: "tcp" | "udp" | "icmp") {
    this.protocol = protocol;
  }

  /** True when a live packet was surely sent by this TCP connection, whose ports are known. */
  owns(b: Uint8Array): boolean {
    if (ipv4.getProtocol(b, 0) !== ipv4.IPPROTO_TCP || this.local.port === 0) return false;
    const at = ipv4.getHeaderLength(b, 0);
    return tcp.getSourcePort(b, at) === this.local.port && tcp.getDestinationPort(b, at) === this.remote.port;
  }

  /** True when a live packet was sent by this connection. */
  sends(b: Uint8Array): boolean {
    if (ipv4.getDestination(b, 0) !== this.remote.addr) return false;
    const protocol = ipv4.getProtocol(b, 0);
    const at = ipv4.getHeaderLength(b, 0);
    if (this.protocol === "icmp") return protocol === ipv4.IPPROTO_ICMP;
    if (protocol !== (this.protocol === "tcp" ? ipv4.IPPROTO_TCP : ipv4.IPPROTO_UDP)) return false;
    // ports stand at the same place in both
    if (tcp.getDestinationPort(b, at) !== this.remote.port) return false;
    // its port is not known before its SYN; earlier connections may still send
    if (this.stage === "connecting" || this.stage === "syn sent")
      if (this.protocol !== "tcp" || (tcp.getFlags(b, at) & (tcp.SYN | tcp.ACK)) === tcp.SYN) return true;
    return tcp.getSourcePort(b, at) === this.local.port && ipv4.getSource(b, 0) === this.local.addr;
  }

  /** A packet of the script as it arrives at the kernel. Throws ScriptError for a timestamp's echo of nothing. */
  liveBytes(spec: PacketSpec, scaledEcr: boolean): Uint8Array {
    const b = packetBytes(spec);
    ipv4.setSource(b, 0, this.remote.addr);
    ipv4.setDestination(b, 0, this.local.addr);
    const at = ipv4.HEADER_LENGTH;
    if (spec.protocol === "icmp") {
      const quoted = quotedAt(spec);
      if (quoted > 0) this.#fillQuoted(b, quoted, spec.quoted.protocol === "tcp");
    } else {
      tcp.setSourcePort(b, at, spec.ports?.source || this.remote.port);
      tcp.setDestinationPort(b, at, spec.ports?.destination || this.local.port);
      if (spec.protocol === "tcp") this.#fillTcp(b, at, spec, scaledEcr);
    }
    completeChecksums(b);
    return b;
  }

  #fillQuoted(b: Uint8Array, ipAt: number, isTcp: boolean): void {
    ipv4.setSource(b, ipAt, this.local.addr);
    ipv4.setDestination(b, ipAt, this.remote.addr);
    const at = ipAt + ipv4.HEADER_LENGTH;
    udp.setSourcePort(b, at, this.local.port);
    udp.setDestinationPort(b, at, this.remote.port);
    if (isTcp) set32(b, at + 4, (get32(b, at + 4) + this.liveLocalIsn) >>> 0);
  }

  #fillTcp(b: Uint8Array, at: number, spec: TcpSpec, scaledEcr: boolean): void {
    const isSyn = (spec.flags & tcp.SYN) !== 0;
    if (!isSyn) tcp.setSequence(b, at, (spec.seq + this.liveRemoteIsn) >>> 0);
    const ackBy = isSyn ? this.liveLocalIsn - this.scriptLocalIsn : this.liveLocalIsn;
    if (spec.flags & tcp.ACK) tcp.setAcknowledgment(b, at, (spec.ack + ackBy) >>> 0);
    const [from, to] = [at + tcp.HEADER_LENGTH, at + tcp.getDataOffset(b, at)];
    shiftSackBlocks(b, from, to, ackBy);
    const stamp = timestampAt(b, from, to);
    if (stamp < 0 || !(spec.flags & tcp.ACK)) return;
    const ecr = get32(b, stamp + 4);
    let live = this.#timestamps.get(ecr);
    if (live === undefined && scaledEcr && this.#firstTimestamp)
      live = ecr - this.#firstTimestamp.script + this.#firstTimestamp.live;
    if (live === undefined)
      throw new ScriptError(spec.line, `TS ecr ${ecr}: no packet with this TS val has been sent before`);
    set32(b, stamp + 4, live >>> 0);
  }

  /** A live packet from the kernel, in the script's numbers. `spec`: what is expected, which teaches what numbers mean. */
  scriptBytes(live: Uint8Array, spec: PacketSpec): Uint8Array {
    const b = live.slice();
    if (ipv4.getProtocol(b, 0) !== ipv4.IPPROTO_TCP) return b;
    const at = ipv4.getHeaderLength(b, 0);
    const flags = tcp.getFlags(b, at);
    const seqBy = flags & tcp.SYN ? this.liveLocalIsn - this.scriptLocalIsn : this.liveLocalIsn;
    const ackBy = flags & tcp.SYN ? 0 : this.liveRemoteIsn;
    tcp.setSequence(b, at, (tcp.getSequence(b, at) - seqBy) >>> 0);
    if (flags & tcp.ACK) tcp.setAcknowledgment(b, at, (tcp.getAcknowledgment(b, at) - ackBy) >>> 0);
    const [from, to] = [at + tcp.HEADER_LENGTH, at + tcp.getDataOffset(b, at)];
    shiftSackBlocks(b, from, to, -ackBy);
    const stamp = timestampAt(b, from, to);
    const expected = spec.protocol === "tcp" ? spec.options?.find((option) => option.kind === "TS") : undefined;
    if (stamp < 0 || expected?.kind !== "TS") return b;
    const actual = get32(b, stamp);
    this.#timestamps.set(expected.val, actual);
    this.#firstTimestamp ??= { script: expected.val, live: actual };
    set32(b, stamp, (this.#firstTimestamp.script + actual - this.#firstTimestamp.live) >>> 0);
    return b;
  }
}
