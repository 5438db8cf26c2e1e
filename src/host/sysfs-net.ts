// /sys/class/net: a folder for each interface of the reader's namespace, with what a bridge and a bridge's port add to it.
// Answers to net/core/net-sysfs.c, net/bridge/br_sysfs_br.c and br_sysfs_if.c. Left out are the files of power management,
// of multi-queue and of phys_* that no virtual device fills.

import { Errno, NetError } from "../base/errno.ts";
import { brFdbDeleteByPort, brFdbFlush } from "../net/bridge/br-fdb.ts";
import { type BridgeId, type BridgePort, bridgeOf, bridgePortOf, type NetBridge } from "../net/bridge/br-private.ts";
import { BRIDGE_SETTINGS, brSetGroupAddress, PORT_SETTINGS, type Setting } from "../net/bridge/br-settings.ts";
import { brTimerValue } from "../net/bridge/br-stp-timer.ts";
import { devSetMtu } from "../net/core/dev.ts";
import { devChangeFlags } from "../net/core/dev-flags.ts";
import { IFF_RUNNING, type NetDevice } from "../net/core/net-device.ts";
import type { WheelTimer } from "../net/core/timer-batch.ts";
import type { SyntheticDirNode, SyntheticFileNode, VfsNode } from "../posix/vfs.ts";
import { formatMac, macFromNumber, parseMac } from "../wire/addr.ts";
import { netnsOf } from "./host.ts";
import { file, folder } from "./procfs-net.ts";

/** /sys/class/net: links into /sys/devices/virtual/net. */
export function sysClassNet(): SyntheticDirNode {
  return devices((dev) => link(`../../devices/virtual/net/${dev.name}`));
}

/** /sys/devices/virtual/net */
export function sysVirtualNet(): SyntheticDirNode {
  return devices(deviceFolder);
}

function devices(node: (dev: NetDevice) => VfsNode): SyntheticDirNode {
  return {
    kind: "syntheticDir",
    mode: 0o755,
    mtimeNs: 0,
    list: (proc) => [...netnsOf(proc).net.devices.values()].map((dev) => dev.name).sort(),
    lookup: (proc, name) => {
      const dev = netnsOf(proc).net.deviceByName(name);
      return dev && node(dev);
    },
  };
}

function link(target: string): VfsNode {
  return { kind: "link", target, mode: 0o777, mtimeNs: 0 };
}

function number(read: () => number): SyntheticFileNode {
  return file(() => `${read()}\n`);
}

const ALL_FLAGS = 0xffff;

/** kstrtoul: decimal, 0x… or 0…, and nothing after it but a line's end. */
function unsigned(text: string): number {
  const word = text.replace(/\n$/, "");
  if (/^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(word))
    return /^0[0-7]+$/.test(word) ? Number.parseInt(word, 8) : Number(word);
  throw new NetError(Errno.EINVAL);
}

/** A number that can be written, too. */
function setting(read: () => string, write: (value: number) => void): SyntheticFileNode {
  const node = file(
    () => `${read()}\n`,
    (_proc, text) => write(unsigned(text)),
  );
  return { ...node, readOnlyFor: (proc) => proc.cred.readOnlySysctl ?? false };
}

/** A file whose writing does something, and that cannot be read. */
function trigger(act: () => void): SyntheticFileNode {
  const node = file(
    () => {
      throw new NetError(Errno.EACCES);
    },
    (_proc, text) => {
      if (unsigned(text) !== 0) act();
    },
  );
  node.mode = 0o200;
  return node;
}

/** Counters of rtnl_link_stats64 that nothing virtual counts. */
const ZERO_COUNTERS: readonly string[] = [
  "rx_compressed",
  "rx_crc_errors",
  "rx_fifo_errors",
  "rx_frame_errors",
  "rx_length_errors",
  "rx_missed_errors",
  "rx_over_errors",
  "tx_aborted_errors",
  "tx_carrier_errors",
  "tx_compressed",
  "tx_fifo_errors",
  "tx_heartbeat_errors",
  "tx_window_errors",
];

function statisticsFolder({ stats }: NetDevice): SyntheticDirNode {
  const counters: [string, () => number][] = [
    ["rx_packets", () => stats.rxPackets],
    ["tx_packets", () => stats.txPackets],
    ["rx_bytes", () => stats.rxBytes],
    ["tx_bytes", () => stats.txBytes],
    ["rx_errors", () => stats.rxErrors],
    ["tx_errors", () => stats.txErrors],
    ["rx_dropped", () => stats.rxDropped],
    ["tx_dropped", () => stats.txDropped],
    ["multicast", () => stats.multicast],
    ["collisions", () => stats.collisions],
    ["rx_nohandler", () => stats.rxNohandler],
    ...ZERO_COUNTERS.map((name): [string, () => number] => [name, () => 0]),
  ];
  return folder(new Map(counters.map(([name, read]) => [name, number(read)])));
}

/** Nobody can tell while the device is down, or when its driver never can. */
function whileUp(dev: NetDevice, text: () => string): SyntheticFileNode {
  return file(() => {
    if (!dev.up) throw new NetError(Errno.EINVAL);
    return `${text()}\n`;
  });
}

/** A bridge is as fast as the fastest of its ports that work (br_get_link_ksettings). */
function speedOf(dev: NetDevice): number {
  if (dev.loopback || dev.kind === "dummy") throw new NetError(Errno.EINVAL);
  const br = bridgeOf(dev);
  return br
    ? br.ports.reduce((most, port) => (port.dev.operational ? Math.max(most, port.dev.settings.speedMbps) : most), -1)
    : dev.settings.speedMbps;
}

function deviceFolder(dev: NetDevice): SyntheticDirNode {
  const { linkWatch } = dev.net.kernel;
  const downs = (): number => Math.ceil(dev.carrierChanges / 2);
  const entries = new Map<string, VfsNode>([
    ["addr_assign_type", number(() => dev.settings.addrAssignType)],
    ["addr_len", number(() => 6)],
    ["address", file(() => `${formatMac(dev.address)}\n`)],
    ["broadcast", file(() => `${formatMac(dev.broadcast)}\n`)],
    [
      "carrier",
      file(
        () => {
          // a device that is down has no carrier to speak of
          if (!dev.up) throw new NetError(Errno.EINVAL);
          linkWatch.sync(dev);
          return `${dev.carrier ? 1 : 0}\n`;
        },
        () => {
          throw new NetError(dev.up ? Errno.EOPNOTSUPP : Errno.EINVAL);
        },
      ),
    ],
    ["carrier_changes", number(() => dev.carrierChanges)],
    ["carrier_down_count", number(downs)],
    ["carrier_up_count", number(() => dev.carrierChanges - downs())],
    ["dev_id", file(() => "0x0\n")],
    ["dev_port", number(() => 0)],
    ["dormant", whileUp(dev, () => "0")],
    ["duplex", whileUp(dev, () => (speedOf(dev) < 0 || bridgeOf(dev) ? "unknown" : "full"))],
    [
      "flags",
      setting(
        () => `0x${(dev.flags & 0xffff & ~IFF_RUNNING).toString(16)}`,
        (value) => devChangeFlags(dev, ALL_FLAGS, value),
      ),
    ],
    ["gro_flush_timeout", number(() => 0)],
    [
      "ifalias",
      file(
        () => `${dev.ifalias}\n`,
        (_proc, text) => {
          dev.ifalias = text.replace(/\n$/, "");
        },
      ),
    ],
    ["ifindex", number(() => dev.ifindex)],
    ["iflink", number(() => dev.iflink())],
    ["link_mode", number(() => 0)],
    [
      "mtu",
      setting(
        () => String(dev.mtu),
        (value) => devSetMtu(dev, value),
      ),
    ],
    ["name_assign_type", number(() => dev.settings.nameAssignType)],
    ["napi_defer_hard_irqs", number(() => 0)],
    [
      "netdev_group",
      setting(
        () => String(dev.settings.group),
        (value) => {
          dev.change({ group: value });
        },
      ),
    ],
    ["operstate", file(() => `${dev.up ? dev.operstate.toLowerCase() : "down"}\n`)],
    ["proto_down", number(() => 0)],
    [
      "queues",
      folder(
        new Map([
          ["rx-0", folder(new Map())],
          ["tx-0", folder(new Map())],
        ]),
      ),
    ],
    ["speed", whileUp(dev, () => String(speedOf(dev)))],
    ["statistics", statisticsFolder(dev)],
    ["subsystem", link("../../../../class/net")],
    ["testing", whileUp(dev, () => "0")],
    ["threaded", number(() => 0)],
    [
      "tx_queue_len",
      setting(
        () => String(dev.settings.txQueueLen),
        (value) => {
          dev.change({ txQueueLen: value });
        },
      ),
    ],
    ["type", number(() => dev.type)],
    ["uevent", file(() => `${devType(dev)}INTERFACE=${dev.name}\nIFINDEX=${dev.ifindex}\n`)],
  ]);
  const { master } = dev;
  if (master) {
    entries.set("master", link(`../${master.name}`));
    entries.set(`upper_${master.name}`, link(`../${master.name}`));
  }
  if (dev.lower?.net === dev.net) entries.set(`lower_${dev.lower.name}`, link(`../${dev.lower.name}`));
  for (const other of dev.net.devices.values())
    if (other.lower === dev) entries.set(`upper_${other.name}`, link(`../${other.name}`));
  const br = bridgeOf(dev);
  if (br) addBridge(entries, br);
  const port = bridgePortOf(dev);
  if (port) entries.set("brport", portFolder(port));
  return folder(entries);
}

/** SET_NETDEV_DEVTYPE */
function devType(dev: NetDevice): string {
  return ["bridge", "vlan", "vxlan"].includes(dev.kind) ? `DEVTYPE=${dev.kind}\n` : "";
}

function settingFile<T>(of: T, one: Setting<T>): SyntheticFileNode {
  return setting(
    () => String(one.get(of)),
    (value) => one.set(of, value),
  );
}

function maskFile<T>(of: T, one: Setting<T>): SyntheticFileNode {
  return setting(
    () => `0x${one.get(of).toString(16)}`,
    (value) => one.set(of, value),
  );
}

function timerFile(timer: () => WheelTimer | null): SyntheticFileNode {
  return number(() => brTimerValue(timer()));
}

/** "8000.020000000900" */
function idFile(read: () => BridgeId): SyntheticFileNode {
  return file(() => {
    const { priority, mac } = read();
    const bytes = new Uint8Array(6);
    macFromNumber(mac, bytes);
    return `${priority.toString(16).padStart(4, "0")}.${formatMac(bytes).replaceAll(":", "")}\n`;
  });
}

function addBridge(entries: Map<string, VfsNode>, br: NetBridge): void {
  const { group_fwd_mask: mask, ...settings } = BRIDGE_SETTINGS;
  const files = new Map<string, VfsNode>(
    Object.entries(settings).map(([name, one]): [string, VfsNode] => [name, settingFile(br, one)]),
  );
  files.set("group_fwd_mask", maskFile(br, mask));
  files.set(
    "bridge_id",
    idFile(() => br.bridgeId),
  );
  files.set(
    "root_id",
    idFile(() => br.designatedRoot),
  );
  files.set(
    "root_path_cost",
    number(() => br.rootPathCost),
  );
  files.set(
    "root_port",
    number(() => br.rootPort),
  );
  files.set(
    "topology_change",
    number(() => +br.topologyChange),
  );
  files.set(
    "topology_change_detected",
    number(() => +br.topologyChangeDetected),
  );
  files.set(
    "hello_timer",
    timerFile(() => br.helloTimer),
  );
  files.set(
    "tcn_timer",
    timerFile(() => br.tcnTimer),
  );
  files.set(
    "topology_change_timer",
    timerFile(() => br.topologyChangeTimer),
  );
  files.set(
    "gc_timer",
    timerFile(() => br.gcTimer),
  );
  files.set(
    "flush",
    trigger(() => brFdbFlush(br)),
  );
  files.set(
    "group_addr",
    file(
      () => `${formatMac(br.groupAddress)}\n`,
      (_proc, text) => brSetGroupAddress(br, parseMac(text.trim()) ?? new Uint8Array(0)),
    ),
  );
  entries.set("bridge", folder(files));
  for (const port of br.ports) entries.set(`lower_${port.dev.name}`, link(`../${port.dev.name}`));
  const ports = br.ports.map((port): [string, VfsNode] => [port.dev.name, link(`../../${port.dev.name}/brport`)]);
  entries.set("brif", folder(new Map(ports)));
}

function portFolder(port: BridgePort): SyntheticDirNode {
  const files = new Map<string, VfsNode>(
    [...PORT_SETTINGS].map(([name, one]): [string, VfsNode] => [name, settingFile(port, one)]),
  );
  files.set("group_fwd_mask", maskFile(port, PORT_SETTINGS.get("group_fwd_mask")!));
  files.set(
    "backup_port",
    file(() => "\n"),
  );
  files.set("bridge", link(`../../${port.br.dev.name}`));
  files.set(
    "change_ack",
    number(() => +port.topologyChangeAck),
  );
  files.set(
    "config_pending",
    number(() => +port.configPending),
  );
  files.set(
    "designated_bridge",
    idFile(() => port.designatedBridge),
  );
  files.set(
    "designated_cost",
    number(() => port.designatedCost),
  );
  files.set(
    "designated_port",
    number(() => port.designatedPort),
  );
  files.set(
    "designated_root",
    idFile(() => port.designatedRoot),
  );
  files.set(
    "flush",
    trigger(() => brFdbDeleteByPort(port.br, port, false)),
  );
  files.set(
    "forward_delay_timer",
    timerFile(() => port.forwardDelayTimer),
  );
  files.set(
    "hold_timer",
    timerFile(() => port.holdTimer),
  );
  files.set(
    "message_age_timer",
    timerFile(() => port.messageAgeTimer),
  );
  files.set(
    "port_id",
    file(() => `0x${port.portId.toString(16)}\n`),
  );
  files.set(
    "port_no",
    file(() => `0x${port.portNo.toString(16)}\n`),
  );
  files.set(
    "state",
    number(() => port.state),
  );
  return folder(files);
}
