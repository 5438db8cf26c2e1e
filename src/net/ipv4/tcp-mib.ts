// What TCP counts in one namespace: the "Tcp:" line of /proc/net/snmp (RFC 4022) and those of "TcpExt:" in
// /proc/net/netstat that something here counts. Answers to net/ipv4/proc.c.

/** The "Tcp:" line, in its order; the first four are constants. */
export const TCP_MIB = [
  "RtoAlgorithm",
  "RtoMin",
  "RtoMax",
  "MaxConn",
  "ActiveOpens",
  "PassiveOpens",
  "AttemptFails",
  "EstabResets",
  "CurrEstab",
  "InSegs",
  "OutSegs",
  "RetransSegs",
  "InErrs",
  "OutRsts",
  "InCsumErrors",
] as const;

export const TCP_EXT_MIB = [
  "SyncookiesSent",
  "SyncookiesRecv",
  "SyncookiesFailed",
  "EmbryonicRsts",
  "PruneCalled",
  "RcvPruned",
  "OfoPruned",
  "OutOfWindowIcmps",
  "LockDroppedIcmps",
  "TW",
  "TWRecycled",
  "PAWSActive",
  "PAWSEstab",
  "TSEcrRejected",
  "DelayedACKs",
  "DelayedACKLost",
  "ListenOverflows",
  "ListenDrops",
  "TCPHPHits",
  "TCPPureAcks",
  "TCPHPAcks",
  "TCPSackRecovery",
  "TCPSACKReneging",
  "TCPTSReorder",
  "TCPSACKReorder",
  "TCPRenoReorder",
  "TCPFullUndo",
  "TCPPartialUndo",
  "TCPDSACKUndo",
  "TCPLossUndo",
  "TCPLostRetransmit",
  "TCPLossFailures",
  "TCPFastRetrans",
  "TCPSlowStartRetrans",
  "TCPTimeouts",
  "TCPLossProbes",
  "TCPFastOpenActive",
  "TCPFastOpenActiveFail",
  "TCPFastOpenPassive",
  "TCPFastOpenPassiveFail",
  "TCPFastOpenListenOverflow",
  "TCPFastOpenCookieReqd",
  "TCPFastOpenBlackhole",
  "TCPFastOpenPassiveAltKey",
  "TCPMTUPFail",
  "TCPMTUPSuccess",
  "TCPLossProbeRecovery",
  "TCPRcvCollapsed",
  "TCPBacklogCoalesce",
  "TCPDSACKOldSent",
  "TCPDSACKOfoSent",
  "TCPDSACKRecv",
  "TCPDSACKOfoRecv",
  "TCPAbortOnData",
  "TCPAbortOnClose",
  "TCPAbortOnTimeout",
  "TCPAbortOnLinger",
  "TCPSpuriousRTOs",
  "TCPReqQFullDoCookies",
  "TCPReqQFullDrop",
  "TCPRetransFail",
  "TCPRcvCoalesce",
  "TCPOFOQueue",
  "TcpTimeoutRehash",
  "TCPOFODrop",
  "TCPOFOMerge",
  "TCPChallengeACK",
  "TCPSYNChallenge",
  "TCPSynRetrans",
  "TCPOrigDataSent",
  "TCPHystartTrainDetect",
  "TCPHystartDelayDetect",
  "TCPACKSkippedSynRecv",
  "TCPACKSkippedPAWS",
  "TCPACKSkippedSeq",
  "TCPACKSkippedFinWait2",
  "TCPACKSkippedTimeWait",
  "TCPACKSkippedChallenge",
  "TCPWinProbe",
  "TCPKeepAlive",
  "TCPDelivered",
  "TCPDeliveredCE",
  "TCPAckCompressed",
  "TCPZeroWindowDrop",
  "TCPRcvQDrop",
  "TCPDSACKRecvSegs",
  "TCPDSACKIgnoredDubious",
  "TCPFromZeroWindowAdv",
  "TCPToZeroWindowAdv",
  "TCPWantZeroWindowAdv",
  "TCPBeyondWindow",
] as const;

export type TcpMibName = (typeof TCP_MIB)[number];
export type TcpExtName = (typeof TCP_EXT_MIB)[number];

/** Plain numbers that the packet path increments. */
export class TcpMib {
  readonly tcp: Record<TcpMibName, number> = zeros(TCP_MIB);
  readonly ext: Record<TcpExtName, number> = zeros(TCP_EXT_MIB);

  constructor() {
    this.tcp.RtoAlgorithm = 1;
    this.tcp.RtoMin = 200;
    this.tcp.RtoMax = 120000;
    this.tcp.MaxConn = -1;
  }
}

function zeros<K extends string>(names: readonly K[]): Record<K, number> {
  const out = {} as Record<K, number>;
  for (const name of names) out[name] = 0;
  return out;
}
