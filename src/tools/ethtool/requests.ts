// What ethtool 6.1 answers on virtual devices of Linux 6.18 besides features and settings: most of it is not supported, each
// request in its own words, by ioctl or by netlink.

import type { NetDevice } from "../../net/core/net-device.ts";

export interface Answer {
  readonly text?: string;
  readonly error?: string;
  readonly status: number;
}

type Request = (dev: NetDevice | undefined, words: readonly string[]) => Answer;

export const NO_DEVICE = "netlink error: no device matches name (offset 24)\nnetlink error: No such device\n";
const NOT_SUPPORTED = "Operation not supported";

/** Asked by netlink. */
function netlink(status: number): Request {
  return (dev) => ({ error: dev ? `netlink error: ${NOT_SUPPORTED}\n` : NO_DEVICE, status });
}

/** Asked by ioctl: one line or more about the same error. */
function ioctl(text: (error: string) => string, status: number): Request {
  return (dev) => ({ error: text(dev ? NOT_SUPPORTED : "No such device"), status });
}

function known(dev: NetDevice | undefined, answer: (dev: NetDevice) => Answer): Answer {
  return dev ? answer(dev) : { error: NO_DEVICE, status: 1 };
}

const rxRings: Request = ioctl(
  (error) =>
    `Cannot get RX rings: ${error}\nrxclass: Cannot get RX class rule count: ${error}\nRX classification rule retrieval failed\n`,
  1,
);
const rxRingCount: Request = ioctl((error) => `Cannot get RX ring count: ${error}\n`, 1);
const dumpLevel: Request = ioctl((error) => `Can not get dump level: ${error}\n`, 1);

/** Long and short names. */
const LIST: readonly (readonly [names: readonly string[], request: Request])[] = [
  [["-a", "--show-pause"], netlink(1)],
  [["-A", "--pause"], netlink(76)],
  [["-c", "--show-coalesce"], netlink(1)],
  [["-C", "--coalesce"], netlink(1)],
  [["-g", "--show-ring"], netlink(1)],
  [["-G", "--set-ring"], netlink(81)],
  [["-m", "--dump-module-eeprom", "--module-info"], netlink(1)],
  [["--show-eee"], netlink(1)],
  [["--show-fec"], netlink(1)],
  [["--show-priv-flags"], netlink(1)],
  [["-n", "-u", "--show-nfc", "--show-ntuple"], rxRings],
  [["-x", "--show-rxfh", "--show-rxfh-indir"], rxRingCount],
  [["-w", "--get-dump"], dumpLevel],
  [["-d", "--register-dump"], ioctl((error) => `Cannot get register dump: ${error}\n`, 74)],
  [["-e", "--eeprom-dump"], ioctl((error) => `Cannot get EEPROM data: ${error}\n`, 74)],
  [["-t", "--test"], ioctl((error) => `Cannot test: ${error}\n`, 74)],
  [["-p", "--identify"], ioctl((error) => `Cannot identify NIC: ${error}\n`, 255)],
  [["-r", "--negotiate"], ioctl((error) => `Cannot restart autonegotiation: ${error}\n`, 255)],
  [
    ["--phy-statistics"],
    (dev) =>
      dev
        ? { error: "no stats available\n", status: 94 }
        : { error: "Cannot get stats strings information: No such device\n", status: 96 },
  ],
  [
    ["--show-tunnels"],
    (dev) =>
      known(dev, () => ({
        error: `netlink error: device does not report tunnel offload info\nnetlink error: ${NOT_SUPPORTED}\n`,
        status: 1,
      })),
  ],
  [["--show-module"], (dev) => known(dev, ({ name }) => ({ text: `Module parameters for ${name}:\n`, status: 0 }))],
  [["-i", "--driver"], driver],
  [
    ["-P", "--show-permaddr"],
    (dev) =>
      dev
        ? { text: "Permanent address: not set\n", status: 0 }
        : { error: "netlink error: No such device\n", status: 1 },
  ],
  [["-S", "--statistics"], statistics],
  [["-T", "--show-time-stamping"], timeStamping],
  [["-l", "--show-channels"], channels],
  [["-L", "--set-channels"], setChannels],
  [["-s", "--change"], changeSettings],
];

export const REQUESTS: ReadonlyMap<string, Request> = new Map(
  LIST.flatMap(([names, request]) => names.map((name) => [name, request] as const)),
);

/** get_drvinfo of each kind: driver, version, firmware-version and bus-info. */
function driver(dev: NetDevice | undefined): Answer {
  if (!dev || dev.kind === "")
    return { error: `Cannot get driver information: ${dev ? NOT_SUPPORTED : "No such device"}\n`, status: 71 };
  const kinds: Record<string, readonly [string, string, string, string]> = {
    veth: ["veth", "1.0", "", ""],
    bridge: ["bridge", "2.3", "N/A", "N/A"],
    macvlan: ["macvlan", "0.1", "", ""],
    vxlan: ["vxlan", "0.1", "", ""],
    ipvlan: ["ipvlan", "0.1", "", ""],
    vlan: ["802.1Q VLAN Support", "1.8", "N/A", ""],
  };
  // without one of its own the kind's name, and the kernel's version
  const [name, version, firmware, bus] = kinds[dev.kind] ?? [dev.kind, "6.18.0", "", ""];
  return {
    text:
      `driver: ${name}\nversion: ${version}\nfirmware-version: ${firmware}\nexpansion-rom-version: \nbus-info: ${bus}\n` +
      `supports-statistics: ${dev.kind === "veth" ? "yes" : "no"}\nsupports-test: no\nsupports-eeprom-access: no\n` +
      "supports-register-dump: no\nsupports-priv-flags: no\n",
    status: 0,
  };
}

function statistics(dev: NetDevice | undefined): Answer {
  if (!dev) return { error: "Cannot get stats strings information: No such device\n", status: 96 };
  if (dev.kind !== "veth") return { error: "no stats available\n", status: 94 };
  const queue = ["xdp_packets", "xdp_bytes", "drops", "xdp_redirect", "xdp_drops", "xdp_tx", "xdp_tx_errors"];
  let text = `NIC statistics:\n     peer_ifindex: ${dev.iflink()}\n`;
  for (let i = 0; i < dev.settings.rxChannels; i++)
    text += queue.map((name) => `     rx_queue_${i}_${name}: 0\n`).join("");
  for (let i = 0; i < dev.settings.txChannels; i++)
    text += `     tx_queue_${i}_xdp_xmit: 0\n     tx_queue_${i}_xdp_xmit_errors: 0\n`;
  return { text, status: 0 };
}

function timeStamping(dev: NetDevice | undefined): Answer {
  return known(dev, (dev) => {
    let bottom = dev;
    while (["macvlan", "vlan"].includes(bottom.kind) && bottom.lower) bottom = bottom.lower;
    const sends = bottom.loopback || ["veth", "dummy", "vxlan"].includes(bottom.kind);
    return {
      text:
        `Time stamping parameters for ${dev.name}:\nCapabilities:\n${sends ? "\tsoftware-transmit\n" : ""}` +
        "\tsoftware-receive\n\tsoftware-system-clock\nPTP Hardware Clock: none\n" +
        "Hardware Transmit Timestamp Modes: none\nHardware Receive Filter Modes: none\n",
      status: 0,
    };
  });
}

/** veth's queues, as many as the machine has processors unless said otherwise. */
function mostChannels(dev: NetDevice): { rx: number; tx: number } {
  return {
    rx: dev.settings.numRxQueues > 0 ? dev.settings.numRxQueues : 2,
    tx: dev.settings.numTxQueues > 0 ? dev.settings.numTxQueues : 2,
  };
}

function channels(dev: NetDevice | undefined): Answer {
  return known(dev, (dev) => {
    if (dev.kind !== "veth") return { error: `netlink error: ${NOT_SUPPORTED}\n`, status: 1 };
    const most = mostChannels(dev);
    const page = (rx: number, tx: number): string => `RX:\t\t${rx}\nTX:\t\t${tx}\nOther:\t\tn/a\nCombined:\tn/a\n`;
    return {
      text:
        `Channel parameters for ${dev.name}:\nPre-set maximums:\n${page(most.rx, most.tx)}` +
        `Current hardware settings:\n${page(dev.settings.rxChannels, dev.settings.txChannels)}`,
      status: 0,
    };
  });
}

function setChannels(dev: NetDevice | undefined, words: readonly string[]): Answer {
  const wanted = new Map<string, number>();
  for (let i = 0; i < words.length; i += 2) {
    const [name, value] = [words[i]!, words[i + 1]];
    if (!["rx", "tx", "other", "combined"].includes(name))
      return { error: `ethtool (-L): unknown parameter '${name}'\n`, status: 1 };
    if (value === undefined) return { error: `ethtool (-L): no value for parameter '${name}'\n`, status: 1 };
    if (!/^\d+$/.test(value))
      return { error: `ethtool (-L): invalid value '${value}' for parameter '${name}'\n`, status: 1 };
    wanted.set(name, Number(value));
  }
  return known(dev, (dev) => {
    if (dev.kind !== "veth") return { error: `netlink error: ${NOT_SUPPORTED}\n`, status: 1 };
    const most = mostChannels(dev);
    const rx = wanted.get("rx") ?? dev.settings.rxChannels;
    const tx = wanted.get("tx") ?? dev.settings.txChannels;
    let offset = 28;
    for (const [name, value] of wanted) {
      offset = 32;
      const limit = name === "rx" ? most.rx : name === "tx" ? most.tx : 0;
      if (value <= limit) continue;
      return {
        error: `netlink error: requested channel count exceeds maximum (offset ${offset})\nnetlink error: Invalid argument\n`,
        status: 1,
      };
    }
    if (rx === 0 || tx === 0)
      return {
        error:
          "netlink error: requested channel counts would result in no RX or TX channel being configured\nnetlink error: Invalid argument\n",
        status: 1,
      };
    dev.change({ rxChannels: rx });
    dev.change({ txChannels: tx });
    return { status: 0 };
  });
}

/** What -s takes, and which values. */
const SETTINGS: ReadonlyMap<string, RegExp> = new Map([
  ["speed", /^\d+$/],
  ["duplex", /^(half|full)$/],
  ["port", /^(tp|aui|mii|fibre|bnc|da)$/],
  ["mdix", /^(auto|on|off)$/],
  ["autoneg", /^(on|off)$/],
  ["phyad", /^\d+$/],
  ["xcvr", /^(internal|external)$/],
  ["advertise", /^(0x)?[0-9a-f]+$/i],
  ["wol", /^[pumbagsfd]+$/],
  ["msglvl", /^(0x)?[0-9a-f]+$/i],
  ["master-slave", /^(preferred-master|preferred-slave|forced-master|forced-slave)$/],
]);

function changeSettings(dev: NetDevice | undefined, words: readonly string[]): Answer {
  if (words.length === 0) return { status: 0 };
  for (let i = 0; i < words.length; i += 2) {
    const [name, value] = [words[i]!, words[i + 1]];
    const allowed = SETTINGS.get(name);
    if (!allowed) return { error: `ethtool (-s): unknown parameter '${name}'\n`, status: 1 };
    if (value === undefined) return { error: `ethtool (-s): no value for parameter '${name}'\n`, status: 1 };
    if (!allowed.test(value))
      return { error: `ethtool (-s): invalid value '${value}' for parameter '${name}'\n`, status: 1 };
  }
  return { error: dev ? `netlink error: ${NOT_SUPPORTED}\n` : NO_DEVICE, status: 75 };
}
