// What IPv4 counts in one network namespace, by the names of /proc/net/snmp (RFC 4293, RFC 4113). Answers to
// net/ipv4/proc.c. Tcp's group belongs to TCP; TcpExt and IpExt are left out but for the few that tools show.

/** The "Ip:" line of /proc/net/snmp, in its order, without Forwarding and DefaultTTL. */
export const IP_MIB = [
  "InReceives",
  "InHdrErrors",
  "InAddrErrors",
  "ForwDatagrams",
  "InUnknownProtos",
  "InDiscards",
  "InDelivers",
  "OutRequests",
  "OutDiscards",
  "OutNoRoutes",
  "ReasmTimeout",
  "ReasmReqds",
  "ReasmOKs",
  "ReasmFails",
  "FragOKs",
  "FragFails",
  "FragCreates",
  "OutTransmits",
] as const;

/** The "Icmp:" line. */
export const ICMP_MIB = [
  "InMsgs",
  "InErrors",
  "InCsumErrors",
  "InDestUnreachs",
  "InTimeExcds",
  "InParmProbs",
  "InSrcQuenchs",
  "InRedirects",
  "InEchos",
  "InEchoReps",
  "InTimestamps",
  "InTimestampReps",
  "InAddrMasks",
  "InAddrMaskReps",
  "OutMsgs",
  "OutErrors",
  "OutRateLimitGlobal",
  "OutRateLimitHost",
  "OutDestUnreachs",
  "OutTimeExcds",
  "OutParmProbs",
  "OutSrcQuenchs",
  "OutRedirects",
  "OutEchos",
  "OutEchoReps",
  "OutTimestamps",
  "OutTimestampReps",
  "OutAddrMasks",
  "OutAddrMaskReps",
] as const;

/** The "Udp:" line. */
export const UDP_MIB = [
  "InDatagrams",
  "NoPorts",
  "InErrors",
  "OutDatagrams",
  "RcvbufErrors",
  "SndbufErrors",
  "InCsumErrors",
  "IgnoredMulti",
  "MemErrors",
] as const;

/** The "IpExt:" line of /proc/net/netstat. */
export const IP_EXT_MIB = [
  "InNoRoutes",
  "InTruncatedPkts",
  "InMcastPkts",
  "OutMcastPkts",
  "InBcastPkts",
  "OutBcastPkts",
  "InOctets",
  "OutOctets",
  "InMcastOctets",
  "OutMcastOctets",
  "InBcastOctets",
  "OutBcastOctets",
  "InCsumErrors",
  "InNoECTPkts",
  "InECT1Pkts",
  "InECT0Pkts",
  "InCEPkts",
  "ReasmOverlaps",
] as const;

export type IpMib = Record<(typeof IP_MIB)[number], number>;
export type IcmpMib = Record<(typeof ICMP_MIB)[number], number>;
export type UdpMib = Record<(typeof UDP_MIB)[number], number>;
export type IpExtMib = Record<(typeof IP_EXT_MIB)[number], number>;

/** All counters of a namespace; plain numbers that the packet path increments. */
export class Mib {
  readonly ip: IpMib = zeros(IP_MIB);
  readonly ipExt: IpExtMib = zeros(IP_EXT_MIB);
  readonly udp: UdpMib = zeros(UDP_MIB);
  #icmp: IcmpMib | null = null;
  /** those of "TcpExt:" that are IP's */
  readonly linux: Record<"ArpFilter" | "IPReversePathFilter", number> = { ArpFilter: 0, IPReversePathFilter: 0 };
  /** "IcmpMsg:" of /proc/net/snmp: by type, received and sent */
  #icmpMsgIn: Uint32Array | null = null;
  #icmpMsgOut: Uint32Array | null = null;

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
    this.#icmp ??= zeros(ICMP_MIB);
    return this.#icmp;
  }

  get icmpMsgIn(): Uint32Array {
    this.#icmpMsgIn ??= new Uint32Array(256);
    return this.#icmpMsgIn;
  }

  get icmpMsgOut(): Uint32Array {
    this.#icmpMsgOut ??= new Uint32Array(256);
    return this.#icmpMsgOut;
  }
}

function zeros<K extends string>(names: readonly K[]): Record<K, number> {
  const out = {} as Record<K, number>;
  for (const name of names) out[name] = 0;
  return out;
}
