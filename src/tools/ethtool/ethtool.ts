// ethtool 6.1: -k and -K for the offloads that captures show, -i, -S, -P and the plain settings page. Features that depend
// on others follow them, as netdev_fix_features has it: no TSO without checksums and scatter-gather, no GSO without
// scatter-gather. Other requests are refused by name.

import { netnsOf } from "../../host/host.ts";
import type { Features, NetDevice } from "../../net/core/net-device.ts";
import { NETDEV_FEAT_CHANGE } from "../../net/core/netdev-events.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { BRIDGE_FEATURES, type FeatureLine, LOOPBACK_FEATURES, VETH_FEATURES } from "./features.ts";

type FeatureName = keyof Features;

/** Short and long names of -K, and the switch they throw. */
const SWITCHES: ReadonlyMap<string, FeatureName> = new Map([
  ["rx", "rxCsum"],
  ["rx-checksumming", "rxCsum"],
  ["rx-checksum", "rxCsum"],
  ["tx", "txCsum"],
  ["tx-checksumming", "txCsum"],
  ["tx-checksum-ip-generic", "txCsum"],
  ["sg", "sg"],
  ["scatter-gather", "sg"],
  ["tso", "tso"],
  ["tcp-segmentation-offload", "tso"],
  ["tx-tcp-segmentation", "tso"],
  ["gso", "gso"],
  ["generic-segmentation-offload", "gso"],
  ["gro", "gro"],
  ["generic-receive-offload", "gro"],
]);
const TSO_BITS = [
  "tx-tcp-segmentation",
  "tx-tcp-ecn-segmentation",
  "tx-tcp-mangleid-segmentation",
  "tx-tcp6-segmentation",
];
/** bits that each switch stands for, in the kernel's order */
const BITS: ReadonlyMap<FeatureName, readonly string[]> = new Map([
  ["txCsum", ["tx-checksum-ip-generic", "tx-checksum-sctp"]],
  ["sg", ["tx-scatter-gather", "tx-scatter-gather-fraglist"]],
  ["tso", TSO_BITS],
  ["gso", ["tx-generic-segmentation"]],
  ["gro", ["rx-gro"]],
  ["rxCsum", ["rx-checksum"]],
]);

export const ethtool: Program = function* (proc: Process): Task<number> {
  const args = proc.argv.slice(1);
  const [first, second] = args;
  if (
    first === undefined ||
    (first.startsWith("-") && second === undefined && first !== "-h" && first !== "--version")
  ) {
    yield* proc.printError("ethtool: bad command line argument(s)\nFor more information run ethtool -h\n");
    return 1;
  }
  if (first === "--version") {
    yield* proc.print("ethtool version 6.1\n");
    return 0;
  }
  const { net } = netnsOf(proc);
  const name = first.startsWith("-") ? second! : first;
  const dev = net.deviceByName(name);
  if (!dev) {
    yield* proc.printError("netlink error: no device matches name (offset 24)\nnetlink error: No such device\n");
    return first === "-K" || first === "--features" || first === "--offload" ? 92 : 1;
  }
  switch (first) {
    case "-k":
    case "--show-features":
    case "--show-offload":
      yield* proc.print(featuresText(dev));
      return 0;
    case "-K":
    case "--features":
    case "--offload":
      return yield* change(proc, dev, args.slice(2));
    case "-i":
    case "--driver":
      yield* proc.print(driverText(dev));
      return 0;
    case "-P":
    case "--show-permaddr":
      yield* proc.print("Permanent address: not set\n");
      return 0;
    case "-S":
    case "--statistics":
      if (dev.kind !== "veth") {
        yield* proc.printError("no stats available\n");
        return 94;
      }
      yield* proc.print(vethStatistics(dev));
      return 0;
    default:
      if (!first.startsWith("-")) {
        yield* proc.print(settingsText(dev));
        return 0;
      }
      yield* proc.printError(`ethtool: option ${first} is not emulated by vethlab\n`);
      return 1;
  }
};

function table(dev: NetDevice): readonly FeatureLine[] {
  if (dev.loopback) return LOOPBACK_FEATURES;
  return dev.kind === "bridge" ? BRIDGE_FEATURES : VETH_FEATURES;
}

function featuresText(dev: NetDevice): string {
  const rows = table(dev).map(({ name, indented, fixed, state }) => {
    const on = typeof state === "boolean" ? state : dev.features[state];
    return `${indented ? "\t" : ""}${name}: ${on ? "on" : "off"}${fixed ? " [fixed]" : ""}\n`;
  });
  return `Features for ${dev.name}:\n${rows.join("")}`;
}

function* change(proc: Process, dev: NetDevice, words: readonly string[]): Task<number> {
  if (words.length === 0) {
    yield* proc.printError("Could not change any device features\n");
    return 1;
  }
  const wanted: [FeatureName, boolean][] = [];
  for (let i = 0; i < words.length; i += 2) {
    const feature = SWITCHES.get(words[i]!);
    const value = words[i + 1];
    if (value !== "on" && value !== "off") {
      const shown = value === undefined ? "(null)" : value;
      yield* proc.printError(`ethtool (-K): flag '${shown}' for parameter '(null)' is not followed by 'on' or 'off'\n`);
      return 1;
    }
    if (feature === undefined) {
      if (table(dev).some((line) => line.name === words[i]) || /^(lro|rxvlan|txvlan|ntuple|rxhash)$/.test(words[i]!)) {
        yield* proc.printError(`ethtool (-K): feature ${words[i]} is not emulated by vethlab\n`);
        return 1;
      }
      yield* proc.printError("netlink error: bit name not found (offset 52)\nnetlink error: Operation not supported\n");
      return 92;
    }
    wanted.push([feature, value === "on"]);
  }
  const lines = table(dev);
  const before = { ...dev.features };
  const refused: [string, boolean][] = [];
  for (const [feature, on] of wanted) {
    const changeable = lines.some((line) => line.state === feature && !line.fixed);
    if (!changeable) {
      if (dev.features[feature] !== on)
        for (const bit of (BITS.get(feature) ?? []).filter((name) => lines.some((line) => line.name === name)))
          refused.push([bit, on]);
      continue;
    }
    dev.features[feature] = on;
    if (on) dev.featuresOff.delete(feature);
    else dev.featuresOff.add(feature);
  }
  fixFeatures(dev);
  dev.net.notify(NETDEV_FEAT_CHANGE, dev);
  const rows = changedRows(dev, before, wanted, refused);
  if (rows.length > 0) yield* proc.print(`Actual changes:\n${rows.join("")}`);
  return 0;
}

/** netdev_fix_features: what depends on something that is off is off, and comes back with it unless the user said no. */
function fixFeatures(dev: NetDevice): void {
  const { features, featuresOff } = dev;
  features.gso = features.sg && !featuresOff.has("gso");
  features.tso = features.sg && features.txCsum && !featuresOff.has("tso");
}

/** "Actual changes": printed when something changed that was not asked for in so many words. */
function changedRows(
  dev: NetDevice,
  before: Features,
  wanted: readonly [FeatureName, boolean][],
  refused: readonly [string, boolean][],
): string[] {
  const asked = new Set(wanted.map(([feature]) => feature));
  const rows: [number, string][] = [];
  let surprising = refused.length > 0;
  const order = [
    "tx-scatter-gather",
    "tx-checksum-ipv4",
    "tx-checksum-ip-generic",
    "tx-checksum-ipv6",
    "tx-scatter-gather-fraglist",
    "tx-generic-segmentation",
    ...TSO_BITS,
    "tx-udp-segmentation",
    "tx-checksum-fcoe-crc",
    "tx-checksum-sctp",
  ];
  const put = (bit: string, text: string): void => {
    const at = order.indexOf(bit);
    rows.push([at < 0 ? order.length : at, `${bit}: ${text}\n`]);
  };
  for (const [bit, on] of refused) put(bit, `${on ? "off" : "on"} [requested ${on ? "on" : "off"}]`);
  for (const [feature, bits] of BITS) {
    if (dev.features[feature] === before[feature]) continue;
    const state = dev.features[feature] ? "on" : "off";
    if (!asked.has(feature)) surprising = true;
    if (bits.length > 1 && feature !== "tso") surprising = true;
    for (const bit of bits) put(bit, asked.has(feature) ? state : `${state} [not requested]`);
    if (feature !== "txCsum") continue;
    put("tx-udp-segmentation", `${state} [not requested]`);
    if (state === "on")
      for (const bit of ["tx-checksum-ipv4", "tx-checksum-ipv6", "tx-checksum-fcoe-crc"])
        put(bit, "off [requested on]");
  }
  return surprising ? rows.sort((a, b) => a[0] - b[0]).map(([, row]) => row) : [];
}

function driverText(dev: NetDevice): string {
  const veth = dev.kind === "veth";
  const version = veth ? "1.0" : dev.kind === "bridge" ? "2.3" : "";
  const none = veth ? "" : "N/A";
  return (
    `driver: ${dev.kind === "" ? "lo" : dev.kind}\nversion: ${version}\nfirmware-version: ${none}\nexpansion-rom-version: \n` +
    `bus-info: ${none}\nsupports-statistics: ${veth ? "yes" : "no"}\nsupports-test: no\nsupports-eeprom-access: no\n` +
    "supports-register-dump: no\nsupports-priv-flags: no\n"
  );
}

function settingsText(dev: NetDevice): string {
  // ethtool_op_get_link
  dev.net.kernel.linkWatch.sync(dev);
  const veth = dev.kind === "veth";
  return (
    `Settings for ${dev.name}:\n` +
    "\tSupported ports: [  ]\n\tSupported link modes:   Not reported\n\tSupported pause frame use: No\n" +
    "\tSupports auto-negotiation: No\n\tSupported FEC modes: Not reported\n\tAdvertised link modes:  Not reported\n" +
    "\tAdvertised pause frame use: No\n\tAdvertised auto-negotiation: No\n\tAdvertised FEC modes: Not reported\n" +
    `\tSpeed: ${veth ? "10000Mb/s" : "Unknown!"}\n\tDuplex: ${veth ? "Full" : "Unknown! (255)"}\n` +
    `\tAuto-negotiation: off\n\tPort: ${veth ? "Twisted Pair" : "Other"}\n\tPHYAD: 0\n\tTransceiver: internal\n` +
    `${veth ? "\tMDI-X: Unknown\n" : ""}\tLink detected: ${dev.operational ? "yes" : "no"}\n`
  );
}

function vethStatistics(dev: NetDevice): string {
  const queue = ["xdp_packets", "xdp_bytes", "drops", "xdp_redirect", "xdp_drops", "xdp_tx", "xdp_tx_errors"];
  return (
    `NIC statistics:\n     peer_ifindex: ${dev.iflink()}\n` +
    queue.map((name) => `     rx_queue_0_${name}: 0\n`).join("") +
    "     tx_queue_0_xdp_xmit: 0\n     tx_queue_0_xdp_xmit_errors: 0\n"
  );
}
