// ethtool 6.1: features (-k, -K) and the plain settings page; the other requests are in requests.ts. Features that depend on
// others follow them, as netdev_fix_features has it: no TSO without checksums and scatter-gather, no GSO without
// scatter-gather. Features that change nothing here are kept and shown. Leaves out -h.

import { netnsOf } from "../../host/host.ts";
import { bridgeOf } from "../../net/bridge/br-private.ts";
import type { Features, NetDevice } from "../../net/core/net-device.ts";
import { NETDEV_FEAT_CHANGE } from "../../net/core/netdev-events.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import {
  BRIDGE_FEATURES,
  type FeatureLine,
  LOOPBACK_FEATURES,
  MACVLAN_FEATURES,
  VETH_FEATURES,
  VXLAN_FEATURES,
} from "./features.ts";
import { NO_DEVICE, REQUESTS } from "./requests.ts";

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

/** Names of the kernel's for features that -k calls otherwise, and -K's short ones. */
const OTHER_NAMES: ReadonlyMap<string, readonly [line: string, bit: string]> = new Map([
  ["lro", ["large-receive-offload", "rx-lro"]],
  ["large-receive-offload", ["large-receive-offload", "rx-lro"]],
  ["rx-lro", ["large-receive-offload", "rx-lro"]],
  ["rxvlan", ["rx-vlan-offload", "rx-vlan-hw-parse"]],
  ["rx-vlan-offload", ["rx-vlan-offload", "rx-vlan-hw-parse"]],
  ["rx-vlan-hw-parse", ["rx-vlan-offload", "rx-vlan-hw-parse"]],
  ["txvlan", ["tx-vlan-offload", "tx-vlan-hw-insert"]],
  ["tx-vlan-offload", ["tx-vlan-offload", "tx-vlan-hw-insert"]],
  ["tx-vlan-hw-insert", ["tx-vlan-offload", "tx-vlan-hw-insert"]],
  ["ntuple", ["ntuple-filters", "rx-ntuple-filter"]],
  ["ntuple-filters", ["ntuple-filters", "rx-ntuple-filter"]],
  ["rx-ntuple-filter", ["ntuple-filters", "rx-ntuple-filter"]],
  ["rxhash", ["receive-hashing", "rx-hashing"]],
  ["receive-hashing", ["receive-hashing", "rx-hashing"]],
  ["rx-hashing", ["receive-hashing", "rx-hashing"]],
]);
const BAD_ARGUMENTS = "ethtool: bad command line argument(s)\nFor more information run ethtool -h\n";

export const ethtool: Program = function* (proc: Process): Task<number> {
  let args = proc.argv.slice(1);
  let json = false;
  if (args[0] === "--json") {
    json = true;
    args = args.slice(1);
  }
  const [first, second] = args;
  if (first === "--version") {
    yield* proc.print("ethtool version 6.1\n");
    return 0;
  }
  if (first === "-h" || first === "--help") {
    yield* proc.printError(`ethtool: option ${first} is not emulated by vethlab\n`);
    return 1;
  }
  const plain = first !== undefined && !first.startsWith("-");
  const name = plain ? first : second;
  if (first === undefined || name === undefined) {
    yield* proc.printError(BAD_ARGUMENTS);
    return 1;
  }
  const dev = netnsOf(proc).net.deviceByName(name) ?? undefined;
  const request = plain ? undefined : REQUESTS.get(first);
  if (!plain && !request && !KNOWN.has(first)) {
    yield* proc.printError(BAD_ARGUMENTS);
    return 1;
  }
  if (request) {
    const answer = request(dev, plain ? args.slice(1) : args.slice(2));
    if (answer.error !== undefined) yield* proc.printError(answer.error);
    if (answer.text !== undefined) yield* proc.print(answer.text);
    return answer.status;
  }
  if (plain) {
    if (dev) {
      yield* proc.print(settingsText(dev));
      return 0;
    }
    // one question after another: settings, modes, wake-on-LAN, message level, link
    yield* proc.printError(`${NO_DEVICE.repeat(5)}No data available\n`);
    return 75;
  }
  if (!dev) {
    yield* proc.printError(NO_DEVICE);
    return first === "-K" || first === "--features" || first === "--offload" ? 92 : 1;
  }
  if (first === "-k" || first === "--show-features" || first === "--show-offload") {
    yield* proc.print(json ? featuresJson(dev) : featuresText(dev));
    return 0;
  }
  return yield* change(proc, dev, args.slice(2));
};

/** Answered here; the rest are in requests.ts. */
const KNOWN: ReadonlySet<string> = new Set([
  "-k",
  "--show-features",
  "--show-offload",
  "-K",
  "--features",
  "--offload",
]);

function table(dev: NetDevice): readonly FeatureLine[] {
  if (dev.loopback) return LOOPBACK_FEATURES;
  switch (dev.kind) {
    case "bridge":
      return BRIDGE_FEATURES;
    case "macvlan":
      return MACVLAN_FEATURES;
    case "vxlan":
      return VXLAN_FEATURES;
    default:
      return VETH_FEATURES;
  }
}

/** lines of -k that sum up those below them */
const GROUPS: ReadonlySet<string> = new Set(["tx-checksumming", "scatter-gather", "tcp-segmentation-offload"]);

function isOn(dev: NetDevice, { name, state }: FeatureLine): boolean {
  return typeof state === "boolean" ? (dev.settings.otherFeatures[name] ?? state) : dev.features[state];
}

/** Whether it would be on, could it be: off all the same where something that it needs is off. */
function isWanted(dev: NetDevice, line: FeatureLine): boolean {
  const { name, state } = line;
  if (name === "tx-udp-segmentation") return !line.fixed || isOn(dev, line);
  if (state === "gso" || state === "tso" || (state === "gro" && dev.kind === "macvlan"))
    return !dev.settings.featuresOff.includes(state);
  return isOn(dev, line);
}

function featuresText(dev: NetDevice): string {
  const rows = table(dev).map((line) => {
    const on = isOn(dev, line);
    const wanted = GROUPS.has(line.name) ? on : isWanted(dev, line);
    const note = line.fixed ? " [fixed]" : wanted === on ? "" : ` [requested ${wanted ? "on" : "off"}]`;
    return `${line.indented ? "\t" : ""}${line.name}: ${on ? "on" : "off"}${note}\n`;
  });
  return `Features for ${dev.name}:\n${rows.join("")}`;
}

function featuresJson(dev: NetDevice): string {
  const rows = table(dev).map((line) => {
    const group = GROUPS.has(line.name);
    const on = isOn(dev, line);
    const fixed = group ? null : line.fixed;
    const wanted = group ? null : isWanted(dev, line);
    return (
      `,\n        "${line.name}": {\n            "active": ${on},\n            "fixed": ${fixed},\n` +
      `            "requested": ${wanted}\n        }`
    );
  });
  return `[ {\n        "ifname": "${dev.name}"${rows.join("")}\n    } ]\n`;
}

function* change(proc: Process, dev: NetDevice, words: readonly string[]): Task<number> {
  if (words.length === 0) {
    yield* proc.printError("Could not change any device features\n");
    return 1;
  }
  const wanted: [FeatureName, boolean][] = [];
  const others: [FeatureLine, string, boolean][] = [];
  for (let i = 0; i < words.length; i += 2) {
    const feature = SWITCHES.get(words[i]!);
    const value = words[i + 1];
    if (value !== "on" && value !== "off") {
      const shown = value === undefined ? "(null)" : value;
      yield* proc.printError(`ethtool (-K): flag '${shown}' for parameter '(null)' is not followed by 'on' or 'off'\n`);
      return 1;
    }
    if (feature === undefined) {
      const [lineName, bit] = OTHER_NAMES.get(words[i]!) ?? [words[i]!, words[i]!];
      const line = table(dev).find((one) => one.name === lineName);
      if (line) {
        others.push([line, bit, value === "on"]);
        continue;
      }
      yield* proc.printError("netlink error: bit name not found (offset 52)\nnetlink error: Operation not supported\n");
      return 92;
    }
    wanted.push([feature, value === "on"]);
  }
  // it would make veth merge segments in its NAPI poll (veth_poll): what arrives would look different
  if (dev.kind === "veth" && !dev.features.gro && wanted.some(([feature, on]) => feature === "gro" && on)) {
    yield* proc.printError(`ethtool: generic-receive-offload on ${dev.name}: GRO is not emulated\n`);
    return 1;
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
    dev.features = { ...dev.features, [feature]: on };
    const rest = dev.settings.featuresOff.filter((other) => other !== feature);
    dev.change({ featuresOff: on ? rest : [...rest, feature] });
  }
  let otherChanged = false;
  for (const [line, bit, on] of others) {
    if (isOn(dev, line) === on) continue;
    if (line.fixed || typeof line.state !== "boolean") refused.push([bit, on]);
    else {
      dev.change({ otherFeatures: { ...dev.settings.otherFeatures, [line.name]: on } });
      otherChanged = true;
    }
  }
  fixFeatures(dev);
  dev.net.notify(NETDEV_FEAT_CHANGE, dev);
  const rows = changedRows(dev, before, wanted, refused);
  const changed =
    otherChanged || (Object.keys(before) as FeatureName[]).some((name) => dev.features[name] !== before[name]);
  if (refused.length > 0 && !changed) {
    yield* proc.printError(`Could not change any device features\n`);
    yield* proc.print(`Actual changes:\n${rows.join("")}`);
    return 1;
  }
  if (rows.length > 0) yield* proc.print(`Actual changes:\n${rows.join("")}`);
  return 0;
}

/** netdev_fix_features: what depends on something that is off is off, and comes back with it unless the user said no. */
function fixFeatures(dev: NetDevice): void {
  const { features } = dev;
  const { featuresOff } = dev.settings;
  const gso = features.sg && !featuresOff.includes("gso");
  dev.features = { ...features, gso, tso: features.sg && features.txCsum && !featuresOff.includes("tso") };
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

function settingsText(dev: NetDevice): string {
  // ethtool_op_get_link
  dev.net.kernel.linkWatch.sync(dev);
  const link = `\tLink detected: ${dev.operational ? "yes" : "no"}\n`;
  const { speedMbps, port, duplex } = linkSettings(dev);
  if (port === "") return `Settings for ${dev.name}:\n${link}`;
  return (
    `Settings for ${dev.name}:\n` +
    "\tSupported ports: [  ]\n\tSupported link modes:   Not reported\n\tSupported pause frame use: No\n" +
    "\tSupports auto-negotiation: No\n\tSupported FEC modes: Not reported\n\tAdvertised link modes:  Not reported\n" +
    "\tAdvertised pause frame use: No\n\tAdvertised auto-negotiation: No\n\tAdvertised FEC modes: Not reported\n" +
    `\tSpeed: ${speedMbps < 0 ? "Unknown!" : `${speedMbps}Mb/s`}\n\tDuplex: ${duplex ? "Full" : "Unknown! (255)"}\n` +
    `\tAuto-negotiation: off\n\tPort: ${port}\n\tPHYAD: 0\n\tTransceiver: internal\n` +
    `${port === "Twisted Pair" ? "\tMDI-X: Unknown\n" : ""}${link}`
  );
}

/** get_link_ksettings of each kind: devices on top of another tell the other's; port "" where there is nothing to tell. */
function linkSettings(dev: NetDevice): { speedMbps: number; duplex: boolean; port: string } {
  const nothing = { speedMbps: -1, duplex: false, port: "" };
  if (dev.kind === "veth") return { speedMbps: 10_000, duplex: true, port: "Twisted Pair" };
  const br = bridgeOf(dev);
  if (br) {
    const speeds = br.ports.map((port) => (port.dev.operational ? linkSettings(port.dev).speedMbps : -1));
    return { speedMbps: Math.max(-1, ...speeds), duplex: false, port: "Other" };
  }
  if (["macvlan", "vlan", "ipvlan"].includes(dev.kind) && dev.lower) return linkSettings(dev.lower);
  if (dev.kind === "vxlan") {
    const { speedMbps, duplex } = dev.lower ? linkSettings(dev.lower) : nothing;
    return { speedMbps, duplex, port: "Other" };
  }
  return nothing;
}
