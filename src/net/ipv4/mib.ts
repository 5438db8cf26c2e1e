// What IPv4 counts in one network namespace, by the names of /proc/net/snmp (RFC 4293, RFC 4113). Answers to
// net/ipv4/proc.c. Tcp's group belongs to TCP; TcpExt and IpExt are left out but for the few that tools show.

import { DOUBLE_ZERO } from "../../base/double.ts";
import { LazyMap } from "../../base/lazy.ts";

/** The "Ip:" line of /proc/net/snmp, in its order, without Forwarding and DefaultTTL. */
export class IpMib {
  InReceives = 0;
  InHdrErrors = 0;
  InAddrErrors = 0;
  ForwDatagrams = 0;
  InUnknownProtos = 0;
  InDiscards = 0;
  InDelivers = 0;
  OutRequests = 0;
  OutDiscards = 0;
  OutNoRoutes = 0;
  ReasmTimeout = 0;
  ReasmReqds = 0;
  ReasmOKs = 0;
  ReasmFails = 0;
  FragOKs = 0;
  FragFails = 0;
  FragCreates = 0;
  OutTransmits = 0;
}

/** The "Icmp:" line. */
export class IcmpMib {
  InMsgs = 0;
  InErrors = 0;
  InCsumErrors = 0;
  InDestUnreachs = 0;
  InTimeExcds = 0;
  InParmProbs = 0;
  InSrcQuenchs = 0;
  InRedirects = 0;
  InEchos = 0;
  InEchoReps = 0;
  InTimestamps = 0;
  InTimestampReps = 0;
  InAddrMasks = 0;
  InAddrMaskReps = 0;
  OutMsgs = 0;
  OutErrors = 0;
  OutRateLimitGlobal = 0;
  OutRateLimitHost = 0;
  OutDestUnreachs = 0;
  OutTimeExcds = 0;
  OutParmProbs = 0;
  OutSrcQuenchs = 0;
  OutRedirects = 0;
  OutEchos = 0;
  OutEchoReps = 0;
  OutTimestamps = 0;
  OutTimestampReps = 0;
  OutAddrMasks = 0;
  OutAddrMaskReps = 0;
}

/** The "Udp:" line. */
export class UdpMib {
  InDatagrams = 0;
  NoPorts = 0;
  InErrors = 0;
  OutDatagrams = 0;
  RcvbufErrors = 0;
  SndbufErrors = 0;
  InCsumErrors = 0;
  IgnoredMulti = 0;
  MemErrors = 0;
}

/** The "IpExt:" line of /proc/net/netstat. */
export class IpExtMib {
  InNoRoutes = 0;
  InTruncatedPkts = 0;
  InMcastPkts = 0;
  OutMcastPkts = 0;
  InBcastPkts = 0;
  OutBcastPkts = 0;
  InOctets: number = DOUBLE_ZERO;
  OutOctets: number = DOUBLE_ZERO;
  InMcastOctets = 0;
  OutMcastOctets = 0;
  InBcastOctets = 0;
  OutBcastOctets = 0;
  InCsumErrors = 0;
  InNoECTPkts = 0;
  InECT1Pkts = 0;
  InECT0Pkts = 0;
  InCEPkts = 0;
  ReasmOverlaps = 0;
}

/** Those of "TcpExt:" that are IP's. */
class LinuxMib {
  ArpFilter = 0;
  IPReversePathFilter = 0;
}

/** Messages by type, of which a host hardly ever sees more than a few: 1 KB less than an array of them all. */
export class MessageCounts extends LazyMap<number, number> {
  count(type: number): void {
    this.set(type, this.of(type) + 1);
  }

  of(type: number): number {
    return this.get(type) ?? 0;
  }

  /** by rising type */
  sorted(): [number, number][] {
    return [...this].sort(([a], [b]) => a - b);
  }
}

/** All counters of a namespace; plain numbers that the packet path increments. */
export class Mib {
  readonly ip: IpMib = new IpMib();
  readonly ipExt: IpExtMib = new IpExtMib();
  private _udp: UdpMib | null = null;
  private _icmp: IcmpMib | null = null;
  private _linux: LinuxMib | null = null;
  /** "IcmpMsg:" of /proc/net/snmp: by type, received and sent */
  private _icmpMsgIn: MessageCounts | null = null;
  private _icmpMsgOut: MessageCounts | null = null;

  /** Received packets by the ECN bits of their TOS (RFC 3168 section 5). */
  countEcn(tos: number, packets: number): void {
    const { ipExt } = this;
    switch (tos & 3) {
      case 0:
        ipExt.InNoECTPkts += packets;
        break;
      case 1:
        ipExt.InECT1Pkts += packets;
        break;
      case 2:
        ipExt.InECT0Pkts += packets;
        break;
      default:
        ipExt.InCEPkts += packets;
    }
  }

  get icmp(): IcmpMib {
    this._icmp ??= new IcmpMib();
    return this._icmp;
  }

  get icmpMsgIn(): MessageCounts {
    this._icmpMsgIn ??= new MessageCounts();
    return this._icmpMsgIn;
  }

  get icmpMsgOut(): MessageCounts {
    this._icmpMsgOut ??= new MessageCounts();
    return this._icmpMsgOut;
  }

  get udp(): UdpMib {
    this._udp ??= new UdpMib();
    return this._udp;
  }

  get linux(): LinuxMib {
    this._linux ??= new LinuxMib();
    return this._linux;
  }
}
