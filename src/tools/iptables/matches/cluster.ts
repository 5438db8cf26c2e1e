// Text of the match cluster (extensions/libxt_cluster.c).

import type { ClusterInfo } from "../../../net/netfilter/matches/cluster.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

const MAX_NODES = 32;

function hex8(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

export const cluster: UserExtension<ClusterInfo> = {
  name: "cluster",
  options: [
    { name: "cluster-total-nodes", type: "u32", min: 1, max: MAX_NODES, mandatory: true },
    { name: "cluster-local-node", type: "u32", min: 1, max: MAX_NODES, invert: true, excl: ["cluster-local-nodemask"] },
    { name: "cluster-local-nodemask", type: "u32", min: 1, max: MAX_NODES, invert: true, excl: ["cluster-local-node"] },
    { name: "cluster-hash-seed", type: "u32", mandatory: true },
  ],
  init: () => ({ totalNodes: 0, nodeMask: 0, hashSeed: 0, invert: false }),
  parse({ info, option, num, invert }) {
    if (option === "cluster-total-nodes") info.totalNodes = num;
    else if (option === "cluster-hash-seed") info.hashSeed = num;
    else {
      info.nodeMask = option === "cluster-local-node" ? 2 ** (num - 1) : num;
      if (invert) info.invert = true;
    }
  },
  check({ totalNodes, nodeMask }, used) {
    const isComplete = used.has("cluster-total-nodes") && used.has("cluster-hash-seed");
    const hasNode = used.has("cluster-local-node");
    if (!hasNode && !used.has("cluster-local-nodemask"))
      parameterProblem("cluster match: `--cluster-local-node' or`--cluster-local-nodemask' is missing");
    if (!isComplete || nodeMask < 2 ** totalNodes) return;
    if (hasNode) parameterProblem("cluster match: `--cluster-local-node' must be <= `--cluster-total-nodes'");
    parameterProblem("cluster match: `--cluster-local-nodemask' too big for `--cluster-total-nodes'");
  },
  print: ({ totalNodes, nodeMask, hashSeed, invert }) =>
    ` cluster ${invert ? "!" : ""}node_mask=${hex8(nodeMask)} total_nodes=${totalNodes} hash_seed=${hex8(hashSeed)}`,
  save: ({ totalNodes, nodeMask, hashSeed, invert }) =>
    `${invert ? " !" : ""} --cluster-local-nodemask ${hex8(nodeMask)} --cluster-total-nodes ${totalNodes}` +
    ` --cluster-hash-seed ${hex8(hashSeed)}`,
};
