// A rule of nft as iptables reads it: what it has an option for becomes that option, what a set holds is left out, and other
// expressions make the whole table "incompatible". Answers to nft_rule_to_iptables_command_state and to
// nft_is_expr_compatible of iptables/nft-shared.c and nft.c (1.8.9).

import type { MatchRight, NftExpr, NftStmt } from "../../net/netfilter/nft/expr.ts";
import type { NftRule } from "../../net/netfilter/nft/rule.ts";
import {
  ANY_HEADER,
  IPT_INV_DSTIP,
  IPT_INV_PROTO,
  IPT_INV_SRCIP,
  IPT_INV_VIA_IN,
  IPT_INV_VIA_OUT,
  type IptIp,
} from "../../net/netfilter/rule.ts";
import type { ExtSpec, RuleSpec, RuleTarget } from "../../net/netfilter/xt-rule.ts";

export interface FromNft {
  readonly spec: RuleSpec;
  readonly packets: number;
  readonly bytes: number;
  /** every expression is one that iptables knows */
  readonly compatible: boolean;
}

type Match = Extract<NftStmt, { kind: "match" }>;
type Ports = { spts: [number, number]; dpts: [number, number]; invflags: number };

const ANY_PORT: readonly [number, number] = [0, 0xffff];

export function fromNft(rule: NftRule): FromNft {
  return new Reader().read(rule);
}

class Reader {
  #ip: { -readonly [K in keyof IptIp]: IptIp[K] } = { ...ANY_HEADER };
  readonly #matches: ExtSpec[] = [];
  #ports: Ports | null = null;
  #flags: { flgMask: number; flgCmp: number } | null = null;
  #target: RuleTarget = { kind: "none" };
  #compatible = true;
  #packets = 0;
  #bytes = 0;

  read({ stmts, comment }: NftRule): FromNft {
    for (const stmt of stmts) this.#stmt(stmt);
    this.#addPorts();
    if (comment !== null) this.#matches.push({ name: "comment", info: { comment } });
    const spec = { ip: this.#ip, matches: this.#matches, target: this.#target };
    return { spec, packets: this.#packets, bytes: this.#bytes, compatible: this.#compatible };
  }

  #stmt(stmt: NftStmt): void {
    switch (stmt.kind) {
      case "match":
        this.#match(stmt);
        return;
      case "counter":
        this.#packets = stmt.packets;
        this.#bytes = stmt.bytes;
        return;
      case "verdict": {
        const { verdict, chain } = stmt.verdict;
        if (verdict === "jump" || verdict === "goto") this.#target = { kind: verdict, chain };
        else if (verdict !== "continue")
          this.#target = { kind: "verdict", verdict: verdict.toUpperCase() as "ACCEPT" | "DROP" | "RETURN" };
        return;
      }
      case "limit":
        if (stmt.bytes || stmt.over) this.#compatible = false;
        else this.#matches.push({ name: "limit", info: { rate: stmt.rate, unit: stmt.unit, burst: stmt.burst } });
        return;
      default:
        this.#compatible = false;
    }
  }

  #match({ left, op, right }: Match): void {
    if (right.kind === "set") return;
    const inverted = op === "!=";
    const key = nameOf(left);
    switch (key) {
      case "meta iifname":
      case "meta oifname": {
        const name = right.kind === "wildcard" ? `${right.text}+` : String(single(right));
        if (key === "meta iifname") this.#ip.iniface = name;
        else this.#ip.outiface = name;
        if (inverted) this.#ip.invflags |= key === "meta iifname" ? IPT_INV_VIA_IN : IPT_INV_VIA_OUT;
        return;
      }
      case "meta l4proto":
      case "ip protocol":
        this.#ip.proto = single(right);
        if (inverted) this.#ip.invflags |= IPT_INV_PROTO;
        return;
      case "ip saddr":
      case "ip daddr":
        this.#address(key === "ip saddr", right, inverted);
        return;
      case "meta mark":
        this.#matches.push({ name: "mark", info: { mark: single(right), mask: 0xffffffff, invert: inverted } });
        return;
      case "icmp type":
        this.#matches.push({ name: "icmp", info: { type: single(right), code: [0, 255], invert: inverted } });
        return;
      case "tcp flags":
        if (right.kind !== "masked") break;
        this.#flags = { flgMask: right.mask, flgCmp: right.value };
        return;
      default:
        if (left.kind === "payload" && /^(tcp|udp|th) [sd]port$/.test(key)) {
          this.#port(left.field === "sport", right, inverted);
          return;
        }
    }
    // compares something that no option names: read as nothing
    if (left.kind !== "payload" && left.kind !== "meta") this.#compatible = false;
  }

  #address(source: boolean, right: MatchRight, inverted: boolean): void {
    const length = right.kind === "prefix" ? right.length : 32;
    const address = right.kind === "prefix" ? right.value : single(right);
    const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
    if (source) {
      this.#ip.src = address;
      this.#ip.smsk = mask;
    } else {
      this.#ip.dst = address;
      this.#ip.dmsk = mask;
    }
    if (inverted) this.#ip.invflags |= source ? IPT_INV_SRCIP : IPT_INV_DSTIP;
  }

  #port(source: boolean, right: MatchRight, inverted: boolean): void {
    this.#ports ??= { spts: [...ANY_PORT], dpts: [...ANY_PORT], invflags: 0 };
    const range: [number, number] =
      right.kind === "range" ? [right.low as number, right.high as number] : [single(right), single(right)];
    if (source) this.#ports.spts = range;
    else this.#ports.dpts = range;
    if (inverted) this.#ports.invflags |= source ? 1 : 2;
  }

  #addPorts(): void {
    if (this.#ports === null && this.#flags === null) return;
    const ports = this.#ports ?? { spts: [...ANY_PORT], dpts: [...ANY_PORT], invflags: 0 };
    if (this.#ip.proto === 17) this.#matches.unshift({ name: "udp", info: ports });
    else {
      const flags = this.#flags ?? { flgMask: 0, flgCmp: 0 };
      this.#matches.unshift({ name: "tcp", info: { ...ports, option: 0, ...flags } });
    }
  }
}

function nameOf(left: NftExpr): string {
  if (left.kind === "payload") return `${left.proto} ${left.field}`;
  return left.kind === "meta" ? `meta ${left.key}` : "";
}

function single(right: MatchRight): number {
  return right.kind === "value" ? (right.value as number) : 0;
}
