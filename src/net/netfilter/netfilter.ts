// The firewall of one network namespace: connection tracking, NAT and tables over one set of hooks. Nothing is hooked
// until a rule needs it, as the kernel's modules do (nf_ct_netns_get): a namespace without rules tracks nothing. Answers
// to net/netfilter/nf_conntrack_proto.c (hook registration), nf_defrag_ipv4.c and nf_nat_masquerade.c (what becomes of
// masqueraded connections when their address goes).

import { MSEC } from "../../base/time.ts";
import * as ip from "../../wire/ipv4.ts";
import { INIT_NET_INODE, NETDEV_DOWN, type Net } from "../core/net.ts";
import type { NetDevice } from "../core/net-device.ts";
import {
  NF_ACCEPT,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_IP_PRI_CONNTRACK,
  NF_IP_PRI_CONNTRACK_CONFIRM,
  NF_IP_PRI_CONNTRACK_DEFRAG,
  NF_STOLEN,
  type NfHookFn,
  type NfHookState,
} from "../core/netfilter.ts";
import { type SkBuff, trace } from "../core/skb.ts";
import { IFA_F_SECONDARY, inDevOf } from "../ipv4/devconf.ts";
import {
  IP_DEFRAG_CONNTRACK_BRIDGE_IN,
  IP_DEFRAG_CONNTRACK_IN,
  IP_DEFRAG_CONNTRACK_OUT,
  ipDefrag,
} from "../ipv4/ip-fragment.ts";
import { ipRcvFinish } from "../ipv4/ip-input.ts";
import type { InetaddrNotifier, Ipv4 } from "../ipv4/ipv4.ts";
import { skbRtable } from "../ipv4/rtable.ts";
import { Conntrack } from "./conntrack.ts";
import { ctinfoName, IP_CT_RELATED_REPLY, IP_CT_UNTRACKED, IPS_SEQ_ADJUST, nfCtGet } from "./conntrack-entry.ts";
import { FlowPaths } from "./flow-paths.ts";
import type { HashlimitTable } from "./hashlimit-table.ts";
import { FTP_HELPER, ftpHelp } from "./helper-ftp.ts";
import { IpSets } from "./ip-set.ts";
import { NamedTables } from "./named-tables.ts";
import { Nat } from "./nat.ts";
import { NfTables } from "./nf-tables.ts";
import type { RecentList } from "./recent-list.ts";
import { seqAdjust } from "./seqadj.ts";
import type { XtEnv } from "./x-tables.ts";

const LOG_ALL_NETNS = "net/netfilter/nf_log_all_netns";

/** All that netfilter keeps in one namespace. */
export class Netfilter {
  readonly net: Net;
  readonly ip4: Ipv4;
  readonly ct: Conntrack;
  readonly nat: Nat;
  readonly tables: NfTables;
  readonly sets: IpSets;
  /** lists of the match recent and tables of hashlimit, which /proc shows */
  readonly recent: NamedTables<RecentList> = new NamedTables();
  readonly hashlimit: NamedTables<HashlimitTable> = new NamedTables();
  /** net.netfilter.nf_log_all_netns */
  private logAllNetns = false;
  private readonly flowPaths: FlowPaths;
  private ctUsers = 0;
  private ctHooks: (() => void)[] = [];
  private masqueradeUsers = 0;
  private watching = false;

  constructor(net: Net, ip4: Ipv4) {
    this.net = net;
    this.ip4 = ip4;
    this.ct = new Conntrack(net);
    const ctAttach = (skb: SkBuff, from: SkBuff): void => this.ct.attach(skb, from);
    net.ctAttach = ctAttach;
    this.nat = new Nat(ip4, this.ct);
    this.flowPaths = new FlowPaths(ip4, this.ct, this.nat);
    this.ct.helpers.set(FTP_HELPER.name, FTP_HELPER);
    const onHelp = (skb: SkBuff, conn: number): number => this.#help(skb, conn);
    this.ct.onHelp = onHelp;
    this.sets = new IpSets(net);
    this.tables = new NfTables(this.#environment());
    if (this.#isFirst)
      net.sysctl.provide({ prefix: LOG_ALL_NETNS, folders: null, fill: () => this.#registerLogAllNetns() }, true);
  }

  #registerLogAllNetns(): void {
    this.net.sysctl.registerInt(
      LOG_ALL_NETNS,
      () => (this.logAllNetns ? 1 : 0),
      (value) => {
        this.logAllNetns = value !== 0;
      },
      0,
      1,
    );
  }

  get #isFirst(): boolean {
    return this.net.inode === INIT_NET_INODE;
  }

  /** A namespace other than the first may log where the first allows it. */
  get #mayLog(): boolean {
    if (this.#isFirst) return true;
    for (const net of this.net.kernel.nets)
      if (net.inode === INIT_NET_INODE && net.sysctl.get(LOG_ALL_NETNS)?.read() === "1") return true;
    return false;
  }

  #environment(): XtEnv {
    const { net, ip4, ct, nat, sets } = this;
    return {
      net,
      ip4,
      ct,
      nat,
      sets,
      useConntrack: () => this.useConntrack(),
      watchMasquerade: () => this.#watchMasquerade(),
      primaryAddress: (dev) => primaryAddress(dev),
      wallClockNs: () => net.kernel.epochMs * MSEC + net.now,
      log: (text, level) => {
        if (this.#mayLog) net.kernel.printk(text, level);
      },
      recent: this.recent,
      hashlimit: this.hashlimit,
    };
  }

  /** The helper's and the shift's part of nf_confirm. */
  #help(skb: SkBuff, conn: number): number {
    const { ctinfo } = skb;
    const { rows } = this.ct;
    const shifted = (rows.status(conn) & IPS_SEQ_ADJUST) !== 0;
    if (ctinfo === IP_CT_RELATED_REPLY || rows.protonum(conn) !== ip.IPPROTO_TCP) return NF_ACCEPT;
    const th = skb.networkHeader + ip.getHeaderLength(skb.head, skb.networkHeader);
    if (rows.ext(conn)?.helper === FTP_HELPER) {
      const verdict = ftpHelp(this.ct, this.nat, skb, conn, ctinfo, th);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    if (shifted) seqAdjust(skb, rows.needExt(conn), ctinfo, th);
    return NF_ACCEPT;
  }

  /**
   * References to connections beside the table's own (of their `use`): those of packets that wait for a neighbour's address, and of
   * connections that they announced. By row; what is not there has none.
   */
  references(): Map<number, number> {
    const counts: Map<number, number> = new Map();
    const count = (conn: number): void => {
      if (conn > 0) counts.set(conn, (counts.get(conn) ?? 0) + 1);
    };
    for (const { master } of this.ct.rows.extensions()) count(master);
    for (const [, parms] of this.ip4.arp.devices())
      for (const neighbour of parms.entries.values())
        for (let skb = neighbour.firstWaiting; skb !== null; skb = skb.next) count(skb.ct);
    return counts;
  }

  /** True while connections are tracked. */
  get tracking(): boolean {
    return this.ctUsers > 0;
  }

  /** Tracks connections until the returned function is called (nf_ct_netns_get, nf_ct_netns_put). */
  useConntrack(): () => void {
    if (this.ctUsers++ === 0) {
      this.#hookConntrack();
      this.net.flowPaths = this.flowPaths;
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      if (--this.ctUsers > 0) return;
      for (const unregister of this.ctHooks) unregister();
      this.ctHooks = [];
      this.net.flowPaths = null;
    };
  }

  #hookConntrack(): void {
    const { ct } = this;
    const hook = (point: number, priority: number, name: string, fn: NfHookFn): void => {
      this.ctHooks.push(this.net.hooksIpv4.register(point, { priority, name, memo: true, fn }));
    };
    const defrag: NfHookFn = (skb, state) => this.#defrag(skb, state);
    hook(NF_INET_PRE_ROUTING, NF_IP_PRI_CONNTRACK_DEFRAG, "nf_defrag", defrag);
    hook(NF_INET_LOCAL_OUT, NF_IP_PRI_CONNTRACK_DEFRAG, "nf_defrag", defrag);
    hook(NF_INET_PRE_ROUTING, NF_IP_PRI_CONNTRACK, "nf_conntrack", (skb, state) =>
      tracked(ct, skb, state, ct.in(skb, state)),
    );
    hook(NF_INET_LOCAL_OUT, NF_IP_PRI_CONNTRACK, "nf_conntrack", (skb, state) => {
      // a fragment that its sender wants left alone (IP_NODEFRAG)
      if (ip.isFragment(skb.head, skb.networkHeader)) return NF_ACCEPT;
      return tracked(ct, skb, state, ct.in(skb, state));
    });
    hook(NF_INET_LOCAL_IN, NF_IP_PRI_CONNTRACK_CONFIRM, "nf_confirm", (skb) => ct.confirm(skb));
    hook(NF_INET_POST_ROUTING, NF_IP_PRI_CONNTRACK_CONFIRM, "nf_confirm", (skb) => ct.confirm(skb));
  }

  /** Connections are tracked by whole packets only (ipv4_conntrack_defrag). */
  #defrag(skb: SkBuff, state: NfHookState): number {
    if (skb.ct === 0 && skb.ctinfo === IP_CT_UNTRACKED) return NF_ACCEPT;
    if (!ip.isFragment(skb.head, skb.networkHeader)) return NF_ACCEPT;
    const { hook } = state;
    const indev = state.in;
    const outdev = state.out;
    const { sk } = state;
    let user = hook === NF_INET_PRE_ROUTING ? IP_DEFRAG_CONNTRACK_IN : IP_DEFRAG_CONNTRACK_OUT;
    if (skb.nfBridge !== 0) user = IP_DEFRAG_CONNTRACK_BRIDGE_IN;
    const whole = ipDefrag(this.ip4, skb, user);
    if (whole === null) return NF_STOLEN;
    if (whole === skb) return NF_ACCEPT;
    // another buffer holds the whole packet: it goes on from here as this one would have
    if (!this.net.hooksIpv4.run(hook, whole, indev, outdev, sk, NF_IP_PRI_CONNTRACK_DEFRAG)) return NF_STOLEN;
    if (hook === NF_INET_PRE_ROUTING) ipRcvFinish(this.ip4, whole);
    else skbRtable(whole)?.output(whole);
    return NF_STOLEN;
  }

  /** nf_nat_masquerade_inet_register_notifiers */
  #watchMasquerade(): () => void {
    this.masqueradeUsers++;
    if (!this.watching) {
      this.watching = true;
      this.net.registerNotifier((event, dev) => {
        if (event === NETDEV_DOWN) this.#flushMasquerade((conn) => this.ct.rows.masqIndex(conn) === dev.ifindex);
      }, true);
      const watch: InetaddrNotifier = (event, ifa) => {
        if (event !== "DOWN") return;
        const { ifindex } = ifa.inDev.dev;
        const { rows } = this.ct;
        const address = ifa.address | 0;
        this.#flushMasquerade((conn) => rows.masqIndex(conn) === ifindex && rows.dst(conn, 1) === address);
      };
      this.ip4.inetaddrNotifiers = [...this.ip4.inetaddrNotifiers, watch];
    }
    return () => {
      this.masqueradeUsers--;
    };
  }

  #flushMasquerade(test: (conn: number) => boolean): void {
    if (this.masqueradeUsers > 0) this.ct.killWhere(test);
  }
}

/** Tells whoever traces what conntrack makes of the packet. */
function tracked(ct: Conntrack, skb: SkBuff, state: NfHookState, verdict: number): number {
  // what it did not accept is no longer this one's to look at
  if (skb.pool.trace !== null && verdict === NF_ACCEPT)
    trace(skb, "nfConntrackIn", state.in ?? state.out, ctinfoName(skb), null, ct.handle(nfCtGet(skb)));
  return verdict;
}

/** The interface's first address that is no secondary one; 0: none. */
function primaryAddress(dev: NetDevice): number {
  const addrs = inDevOf(dev)?.addrs ?? [];
  for (const ifa of addrs) if (!(ifa.flags & IFA_F_SECONDARY)) return ifa.local;
  return 0;
}

/** Makes the firewall of a namespace; nothing is hooked until a rule is loaded. */
export function netfilterInit(net: Net, ip4: Ipv4): Netfilter {
  return new Netfilter(net, ip4);
}
