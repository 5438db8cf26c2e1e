// Classic BPF over an skb: its companions are the skb's fields (convert_bpf_extensions in net/core/filter.c).
import { SKF_AD_IFINDEX, SKF_AD_MARK, SKF_AD_PKTTYPE, SKF_AD_PROTOCOL } from "../../capture/bpf.ts";
import type { BpfFunction } from "../../capture/bpf-compile.ts";
import type { SkBuff } from "../core/skb.ts";

let current: SkBuff;

/** Runs a program over a packet from its network header; 0 where it reads beyond it. */
export function runBpfOnSkb(program: BpfFunction, skb: SkBuff, from: number): number {
  current = skb;
  const length = skb.tail - from;
  return program(skb.head, from, length, length, ancillary);
}

function ancillary(what: number): number {
  switch (what) {
    case SKF_AD_PROTOCOL:
      return current.protocol;
    case SKF_AD_PKTTYPE:
      return current.pktType;
    case SKF_AD_IFINDEX:
      return current.dev?.ifindex ?? 0;
    case SKF_AD_MARK:
      return current.mark;
    default:
      return 0; // the one CPU
  }
}
