// The settings of connection tracking, net.netfilter.nf_conntrack_*, with Linux 6.18's defaults, and its counters (what
// /proc/net/stat/nf_conntrack and `conntrack -S` show). Answers to net/netfilter/nf_conntrack_standalone.c.

import { Errno, NetError } from "../../base/errno.ts";
import { INIT_NET_INODE } from "../core/net.ts";
import type { Conntrack } from "./conntrack.ts";
import { BUCKETS } from "./conntrack-hash.ts";
import { TCP_TIMEOUT_RETRANS, TCP_TIMEOUT_UNACK, TcpState, tcpDefaultTimeouts } from "./proto-tcp-track.ts";

/** struct ip_conntrack_stat, as `conntrack -S` names them. */
export interface ConntrackStat {
  found: number;
  invalid: number;
  insert: number;
  insertFailed: number;
  drop: number;
  earlyDrop: number;
  error: number;
  searchRestart: number;
  clashResolve: number;
  chainTooLong: number;
}

export function newConntrackStat(): ConntrackStat {
  return {
    found: 0,
    invalid: 0,
    insert: 0,
    insertFailed: 0,
    drop: 0,
    earlyDrop: 0,
    error: 0,
    searchRestart: 0,
    clashResolve: 0,
    chainTooLong: 0,
  };
}

const TCP_KEYS: readonly (readonly [string, number])[] = [
  ["close", TcpState.CLOSE],
  ["close_wait", TcpState.CLOSE_WAIT],
  ["established", TcpState.ESTABLISHED],
  ["fin_wait", TcpState.FIN_WAIT],
  ["last_ack", TcpState.LAST_ACK],
  ["max_retrans", TCP_TIMEOUT_RETRANS],
  ["syn_recv", TcpState.SYN_RECV],
  ["syn_sent", TcpState.SYN_SENT],
  ["time_wait", TcpState.TIME_WAIT],
  ["unacknowledged", TCP_TIMEOUT_UNACK],
];

/** Times in seconds. */
export class ConntrackSysctl {
  acct = false;
  timestamp = false;
  /** 0 off, 1 on, 2 on for connections that begin while somebody listens */
  events = 2;
  checksum = 1;
  logInvalid = 0;
  max = 262144;
  expectMax = 4096;
  tcpBeLiberal = 0;
  tcpLoose = 1;
  tcpMaxRetrans = 3;
  tcpIgnoreInvalidRst = 0;
  /** by TcpState, then RETRANS and UNACK */
  readonly tcpTimeouts: number[] = tcpDefaultTimeouts();
  udpTimeout = 30;
  udpTimeoutStream = 120;
  icmpTimeout = 30;
  genericTimeout = 600;
  greTimeout = 30;
  greTimeoutStream = 180;

  constructor(ct: Conntrack) {
    const fill = (): void => this.#register(ct);
    ct.net.sysctl.provide({ prefix: "net/netfilter/nf_conntrack_", folders: null, fill }, true);
    if (ct.net.inode === INIT_NET_INODE)
      ct.net.sysctl.provide(
        {
          prefix: "net/nf_conntrack_max",
          folders: null,
          fill: () => this.#registerMax(ct, "net/nf_conntrack_max"),
        },
        true,
      );
  }

  #registerMax(ct: Conntrack, key: string): void {
    ct.net.sysctl.registerInt(
      key,
      () => this.max,
      (value) => {
        // one limit for the machine: only its first namespace sets it
        if (ct.net.inode !== INIT_NET_INODE) throw new NetError(Errno.EINVAL);
        this.max = value;
      },
      0,
    );
  }

  #register(ct: Conntrack): void {
    const table = ct.net.sysctl;
    const key = (name: string): string => `net/netfilter/nf_conntrack_${name}`;
    const int = (name: string, get: () => number, set: (value: number) => void, min = 0, max = 2147483647): void =>
      table.registerInt(key(name), get, set, min, max);
    const flag = (name: string, get: () => boolean, set: (value: boolean) => void): void =>
      int(
        name,
        () => (get() ? 1 : 0),
        (value) => set(value !== 0),
        0,
        1,
      );
    flag(
      "acct",
      () => this.acct,
      (value) => {
        this.acct = value;
      },
    );
    flag(
      "timestamp",
      () => this.timestamp,
      (value) => {
        this.timestamp = value;
      },
    );
    int(
      "events",
      () => this.events,
      (value) => {
        this.events = value;
      },
      0,
      2,
    );
    int(
      "checksum",
      () => this.checksum,
      (value) => {
        this.checksum = value;
      },
      0,
      1,
    );
    int(
      "log_invalid",
      () => this.logInvalid,
      (value) => {
        this.logInvalid = value;
      },
      0,
      255,
    );
    this.#registerMax(ct, key("max"));
    int(
      "expect_max",
      () => this.expectMax,
      (value) => {
        this.expectMax = value;
      },
      1,
    );
    int(
      "tcp_be_liberal",
      () => this.tcpBeLiberal,
      (value) => {
        this.tcpBeLiberal = value;
      },
      0,
      1,
    );
    int(
      "tcp_loose",
      () => this.tcpLoose,
      (value) => {
        this.tcpLoose = value;
      },
      0,
      1,
    );
    int(
      "tcp_max_retrans",
      () => this.tcpMaxRetrans,
      (value) => {
        this.tcpMaxRetrans = value;
      },
      0,
      255,
    );
    int(
      "tcp_ignore_invalid_rst",
      () => this.tcpIgnoreInvalidRst,
      (value) => {
        this.tcpIgnoreInvalidRst = value;
      },
      0,
      1,
    );
    for (const [name, index] of TCP_KEYS)
      int(
        `tcp_timeout_${name}`,
        () => this.tcpTimeouts[index]!,
        (value) => {
          this.tcpTimeouts[index] = value;
        },
      );
    int(
      "udp_timeout",
      () => this.udpTimeout,
      (value) => {
        this.udpTimeout = value;
      },
    );
    int(
      "udp_timeout_stream",
      () => this.udpTimeoutStream,
      (value) => {
        this.udpTimeoutStream = value;
      },
    );
    int(
      "icmp_timeout",
      () => this.icmpTimeout,
      (value) => {
        this.icmpTimeout = value;
      },
    );
    int(
      "generic_timeout",
      () => this.genericTimeout,
      (value) => {
        this.genericTimeout = value;
      },
    );
    int(
      "gre_timeout",
      () => this.greTimeout,
      (value) => {
        this.greTimeout = value;
      },
    );
    int(
      "gre_timeout_stream",
      () => this.greTimeoutStream,
      (value) => {
        this.greTimeoutStream = value;
      },
    );
    table.register(key("buckets"), { read: () => `${BUCKETS}\n` });
    table.register(key("count"), { read: () => `${ct.count}\n` });
  }
}
