// Match bpf: a classic BPF program over the packet from its IP header on. Answers to xt_bpf.c (revision 1); pinned programs
// are eBPF, which is not here.

import { type BpfInstruction, checkBpf } from "../../../capture/bpf.ts";
import { compileBpf } from "../../../capture/bpf-compile.ts";
import { runBpfOnSkb } from "../classic-bpf.ts";
import type { XtMatch } from "../x-tables.ts";

export interface BpfInfo {
  program: BpfInstruction[];
}

export const bpfMatch: XtMatch<BpfInfo> = {
  name: "bpf",
  create({ program }) {
    checkBpf(program);
    const run = compileBpf(program);
    return { fn: ({ skb, iph }) => runBpfOnSkb(run, skb, iph) !== 0 };
  },
  keys: () => [],
};
