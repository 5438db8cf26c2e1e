// Text of the target NFQUEUE (extensions/libxt_NFQUEUE.c, revision 3).

import type { NfqueueInfo } from "../../../net/netfilter/targets/nfqueue.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

function queues({ queue, total }: NfqueueInfo): string {
  return total > 1 ? `balance ${queue}:${queue + total - 1}` : `num ${queue}`;
}

export const nfqueue: UserExtension<NfqueueInfo> = {
  name: "NFQUEUE",
  options: [
    { name: "queue-num", type: "u16", excl: ["queue-balance"] },
    { name: "queue-balance", type: "u16rc", excl: ["queue-num"] },
    { name: "queue-bypass", type: "none" },
    { name: "queue-cpu-fanout", type: "none", also: ["queue-balance"] },
  ],
  init: () => ({ queue: 0, total: 1, bypass: false, cpuFanout: false }),
  parse({ info, option, arg, num, range, count }) {
    if (option === "queue-num") info.queue = num;
    else if (option === "queue-bypass") info.bypass = true;
    else if (option === "queue-cpu-fanout") info.cpuFanout = true;
    else {
      const [first, last] = range;
      if (count !== 2) parameterProblem(`Bad range "${arg}"`);
      if (first >= last) parameterProblem(`${first} should be less than ${last}`);
      info.queue = first;
      info.total = (last - first + 1) & 0xffff;
    }
  },
  print: (info) => ` NFQUEUE ${queues(info)}${info.bypass ? " bypass" : ""}${info.cpuFanout ? " cpu-fanout" : ""}`,
  save: (info) =>
    ` --queue-${queues(info)}${info.bypass ? " --queue-bypass" : ""}${info.cpuFanout ? " --queue-cpu-fanout" : ""}`,
};
