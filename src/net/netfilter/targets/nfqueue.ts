// Target NFQUEUE: hands the packet to a program that listens on a queue. No program here can: the packet is dropped, or with
// --queue-bypass goes on as if accepted. Answers to xt_NFQUEUE.c (revision 3) and nf_queue.c (ESRCH).

import { NF_ACCEPT, NF_DROP } from "../../core/netfilter.ts";
import { invalid, type XtTarget } from "../x-tables.ts";

export interface NfqueueInfo {
  queue: number;
  /** how many queues from there on share the packets */
  total: number;
  bypass: boolean;
  cpuFanout: boolean;
}

export const nfqueueTarget: XtTarget<NfqueueInfo> = {
  name: "NFQUEUE",
  create({ queue, total, bypass }) {
    if (total === 0 || queue + total - 1 > 0xffff) invalid();
    const verdict = bypass ? NF_ACCEPT : NF_DROP;
    return { fn: () => verdict };
  },
};
