// brctl of bridge-utils 1.7.1: bridges, their ports, spanning tree and forwarding tables. It asks the kernel by the SIOCBR*
// calls and by sysfs (/sys/class/net/BRIDGE/bridge, PORT/brport), which is why its errors differ from command to command.

import { Errno, NetError, strerror } from "../base/errno.ts";
import { type Ns, SEC } from "../base/time.ts";
import { netnsOf } from "../host/host.ts";
import { createBridge } from "../net/bridge/br-device.ts";
import { brAddIf, brDelIf } from "../net/bridge/br-if.ts";
import {
  BR_HAIRPIN_MODE,
  BR_STATE_NAMES,
  type BridgeId,
  type BridgePort,
  bridgeOf,
  bridgePortOf,
  holdTime,
  type NetBridge,
} from "../net/bridge/br-private.ts";
import {
  brSetAgeingTime,
  brSetForwardDelay,
  brSetHelloTime,
  brSetMaxAge,
  brStpSetBridgePriority,
  brStpSetEnabled,
  brStpSetPathCost,
  brStpSetPortPriority,
} from "../net/bridge/br-stp-if.ts";
import { brTimerValue } from "../net/bridge/br-stp-timer.ts";
import { BR_FDB_LOCAL, BR_FDB_STATIC, FDB_NO_PORT } from "../net/bridge/fdb-table.ts";
import { devValidName, unregisterNetdevice } from "../net/core/dev.ts";
import type { Net } from "../net/core/net.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import type { Process, Program } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";
import { formatMac, macFromNumber } from "../wire/addr.ts";
import { getopt } from "./net-util/getopt.ts";

const IFNAMSIZ = 16;
const TICKS_PER_SECOND = 100;
const TICK_NS: Ns = SEC / TICKS_PER_SECOND;

interface Outcome {
  readonly out?: string;
  readonly err?: string;
  readonly status: number;
}

interface Command {
  readonly name: string;
  /** least number of arguments */
  readonly least: number;
  readonly usage: string;
  run(net: Net, args: readonly string[]): Outcome;
}

const DONE: Outcome = { status: 0 };

/** In the order in which the usage lists them. */
const COMMANDS: readonly Command[] = [
  { name: "addbr", least: 1, usage: "<bridge>\t\tadd bridge", run: addBridge },
  { name: "delbr", least: 1, usage: "<bridge>\t\tdelete bridge", run: deleteBridge },
  { name: "addif", least: 2, usage: "<bridge> <device>\tadd interface to bridge", run: addInterfaces },
  { name: "delif", least: 2, usage: "<bridge> <device>\tdelete interface from bridge", run: deleteInterfaces },
  { name: "hairpin", least: 3, usage: "<bridge> <port> {on|off}\tturn hairpin on/off", run: hairpin },
  { name: "setageing", least: 2, usage: "<bridge> <time>\t\tset ageing time", run: setAgeing },
  { name: "setbridgeprio", least: 2, usage: "<bridge> <prio>\t\tset bridge priority", run: setBridgePriority },
  { name: "setfd", least: 2, usage: "<bridge> <time>\t\tset bridge forward delay", run: setForwardDelay },
  { name: "sethello", least: 2, usage: "<bridge> <time>\t\tset hello time", run: setHello },
  { name: "setmaxage", least: 2, usage: "<bridge> <time>\t\tset max message age", run: setMaxAge },
  { name: "setpathcost", least: 3, usage: "<bridge> <port> <cost>\tset path cost", run: setPathCost },
  { name: "setportprio", least: 3, usage: "<bridge> <port> <prio>\tset port priority", run: setPortPriority },
  { name: "show", least: 0, usage: "[ <bridge> ]\t\tshow a list of bridges", run: show },
  { name: "showmacs", least: 1, usage: "<bridge>\t\tshow a list of mac addrs", run: showMacs },
  { name: "showstp", least: 1, usage: "<bridge>\t\tshow bridge stp info", run: showStp },
  { name: "stp", least: 2, usage: "<bridge> {on|off}\tturn stp on/off", run: setStp },
];

const USAGE: string = `Usage: brctl [commands]\ncommands:\n${COMMANDS.map(({ name, usage }) => `\t${name.padEnd(10)}\t${usage}\n`).join("")}`;

export const brctl: Program = function* (proc: Process): Task<number> {
  const outcome = main(proc);
  if (outcome.err !== undefined) yield* proc.printError(outcome.err);
  if (outcome.out !== undefined) yield* proc.print(outcome.out);
  return outcome.status;
};

function main(proc: Process): Outcome {
  const parsed = getopt(proc.argv.slice(1), "Vh", {
    long: [
      { name: "help", argument: 0, short: "h" },
      { name: "version", argument: 0, short: "V" },
    ],
  });
  for (const { name } of parsed.options) {
    if (name === "h") return { out: USAGE, status: 0 };
    return { out: "bridge-utils, 1.7\n", status: 0 };
  }
  if (parsed.error !== undefined) return { err: `brctl: ${parsed.error}\nUnknown option '?'\n`, out: USAGE, status: 1 };
  const [name, ...args] = parsed.operands;
  if (name === undefined) return { out: USAGE, status: 1 };
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) return { err: `never heard of command [${name}]\n`, out: USAGE, status: 1 };
  if (args.length < command.least)
    return { out: `Incorrect number of arguments for command\nUsage: brctl ${name} ${command.usage}\n`, status: 1 };
  if (!name.startsWith("show") && !proc.capable("NET_ADMIN"))
    return failed(`brctl: bridge ${args[0]}: ${strerror(Errno.EPERM)}`);
  return command.run(netnsOf(proc).net, args);
}

function failed(sentence: string): Outcome {
  return { err: `${sentence}\n`, status: 1 };
}

/** errno of what `call` throws, 0 when it does not. */
function errnoOf(call: () => void): number {
  try {
    call();
    return 0;
  } catch (error) {
    if (error instanceof NetError) return error.errno;
    throw error;
  }
}

/** The kernel reads a name as a fixed field: what is longer is cut off. */
function fieldName(name: string): string {
  return name.slice(0, IFNAMSIZ - 1);
}

/** The bridge of a name. Throws ENODEV, EOPNOTSUPP (another kind of device). */
function bridgeByName(net: Net, name: string): NetBridge {
  const dev = net.deviceByName(fieldName(name));
  if (!dev) throw new NetError(Errno.ENODEV);
  const br = bridgeOf(dev);
  if (!br) throw new NetError(Errno.EOPNOTSUPP);
  return br;
}

function addBridge(net: Net, args: readonly string[]): Outcome {
  const name = args[0]!;
  const errno = errnoOf(() => {
    if (!devValidName(fieldName(name))) throw new NetError(Errno.EINVAL);
    createBridge(net, fieldName(name));
  });
  if (errno === 0) return DONE;
  if (errno === Errno.EEXIST) return failed(`device ${name} already exists; can't create bridge with the same name`);
  return failed(`add bridge failed: ${strerror(errno)}`);
}

function deleteBridge(net: Net, args: readonly string[]): Outcome {
  const name = args[0]!;
  const dev = net.deviceByName(fieldName(name));
  if (!dev) return failed(`bridge ${name} doesn't exist; can't delete it`);
  if (!bridgeOf(dev)) return failed(`can't delete bridge ${name}: ${strerror(Errno.EPERM)}`);
  if (dev.up) return failed(`bridge ${name} is still up; can't delete it`);
  unregisterNetdevice(dev);
  return DONE;
}

/** Which of the two names is wrong: the interface is looked at first. */
function missing(net: Net, bridge: string, port: string): Outcome {
  return failed(net.deviceByName(port) ? `bridge ${bridge} does not exist!` : `interface ${port} does not exist!`);
}

function addInterfaces(net: Net, args: readonly string[]): Outcome {
  const [bridge, ...ports] = args as [string, ...string[]];
  for (const port of ports) {
    const errno = errnoOf(() => {
      const dev = net.deviceByName(port);
      if (!dev) throw new NetError(Errno.ENODEV);
      brAddIf(bridgeByName(net, bridge), dev);
    });
    if (errno === Errno.ENODEV) return missing(net, bridge, port);
    if (errno === Errno.EBUSY)
      return failed(`device ${port} is already a member of a bridge; can't add it to bridge ${bridge}.`);
    if (errno === Errno.ELOOP)
      return failed(`device ${port} is a bridge device itself; can't add a bridge device to a bridge device.`);
    if (errno !== 0) return failed(`can't add ${port} to bridge ${bridge}: ${strerror(errno)}`);
  }
  return DONE;
}

function deleteInterfaces(net: Net, args: readonly string[]): Outcome {
  const [bridge, ...ports] = args as [string, ...string[]];
  for (const port of ports) {
    const errno = errnoOf(() => {
      const dev = net.deviceByName(port);
      if (!dev) throw new NetError(Errno.ENODEV);
      brDelIf(bridgeByName(net, bridge), dev);
    });
    if (errno === Errno.ENODEV) return missing(net, bridge, port);
    if (errno === Errno.EINVAL) return failed(`device ${port} is not a port of ${bridge}`);
    if (errno !== 0) return failed(`can't delete ${port} from ${bridge}: ${strerror(errno)}`);
  }
  return DONE;
}

/** "on", "yes", "1" and their opposites. */
function onOff(word: string): boolean | undefined {
  if (word === "on" || word === "yes" || word === "1") return true;
  return word === "off" || word === "no" || word === "0" ? false : undefined;
}

/** What sysfs says to a write for a port: ENODEV without such a device, ENOENT when it is no port. */
function portByName(net: Net, name: string): BridgePort {
  const dev = net.deviceByName(name);
  if (!dev) throw new NetError(Errno.ENODEV);
  const port = bridgePortOf(dev);
  if (!port) throw new NetError(Errno.ENOENT);
  return port;
}

function hairpin(net: Net, args: readonly string[]): Outcome {
  const [bridge, name, word] = args as [string, string, string];
  const on = onOff(word);
  if (on === undefined) return failed("expect on/off for argument");
  const errno = errnoOf(() => {
    if (!net.deviceByName(name)) throw new NetError(Errno.ENODEV);
    bridgeByName(net, bridge);
    const port = portByName(net, name);
    port.flags = on ? port.flags | BR_HAIRPIN_MODE : port.flags & ~BR_HAIRPIN_MODE;
  });
  if (errno === 0) return DONE;
  if (errno === Errno.ENODEV) return missing(net, bridge, name);
  return failed(`can't set ${name} to hairpin on bridge ${bridge}: ${strerror(errno)}`);
}

/** sscanf("%lf") of a number of seconds, as whole 1/100 s in ns. */
function seconds(text: string): Ns | undefined {
  const match = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/.exec(text);
  return match ? Math.floor(Number((Number(match[0]) * TICKS_PER_SECOND).toFixed(4))) * TICK_NS : undefined;
}

/** sscanf("%i"): decimal, 0x… or 0… */
function integer(text: string): number | undefined {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(text);
  if (!match) return undefined;
  const digits = match[2]!;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return match[1] === "-" ? -value : value;
}

function setBridge<T>(
  net: Net,
  bridge: string,
  value: T | undefined,
  bad: string,
  what: string,
  set: (br: NetBridge, value: T) => void,
): Outcome {
  if (value === undefined) return failed(bad);
  const errno = errnoOf(() => set(bridgeByName(net, bridge), value));
  return errno === 0 ? DONE : failed(`${what} failed: ${strerror(errno)}`);
}

function setAgeing(net: Net, args: readonly string[]): Outcome {
  return setBridge(net, args[0]!, seconds(args[1]!), "bad ageing time value", "set ageing time", brSetAgeingTime);
}

function setForwardDelay(net: Net, args: readonly string[]): Outcome {
  const value = seconds(args[1]!);
  return setBridge(net, args[0]!, value, "bad forward delay value", "set forward delay", brSetForwardDelay);
}

function setHello(net: Net, args: readonly string[]): Outcome {
  return setBridge(net, args[0]!, seconds(args[1]!), "bad hello timer value", "set hello timer", brSetHelloTime);
}

function setMaxAge(net: Net, args: readonly string[]): Outcome {
  return setBridge(net, args[0]!, seconds(args[1]!), "bad max age value", "set max age", brSetMaxAge);
}

function setBridgePriority(net: Net, args: readonly string[]): Outcome {
  return setBridge(net, args[0]!, integer(args[1]!), "bad priority", "set bridge priority", (br, priority) =>
    brStpSetBridgePriority(br, priority & 0xffff),
  );
}

function setStp(net: Net, args: readonly string[]): Outcome {
  return setBridge(net, args[0]!, onOff(args[1]!), "expect on/off for argument", "set stp status", brStpSetEnabled);
}

/** The bridge's name is not looked at. */
function setPort(
  net: Net,
  args: readonly string[],
  bad: string,
  what: string,
  set: (port: BridgePort, value: number) => void,
): Outcome {
  const value = integer(args[2]!);
  if (value === undefined) return failed(bad);
  const errno = errnoOf(() => set(portByName(net, args[1]!), value >>> 0));
  return errno === 0 ? DONE : failed(`${what} failed: ${strerror(errno)}`);
}

function setPathCost(net: Net, args: readonly string[]): Outcome {
  return setPort(net, args, "bad path cost value", "set path cost", brStpSetPathCost);
}

function setPortPriority(net: Net, args: readonly string[]): Outcome {
  return setPort(net, args, "bad path priority value", "set port priority", brStpSetPortPriority);
}

/** scandir(3) with alphasort in the C locale. */
function byName<T extends { readonly dev: NetDevice }>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (a.dev.name < b.dev.name ? -1 : 1));
}

function bridgesOf(net: Net): NetBridge[] {
  return byName([...net.devices.values()].map(bridgeOf).filter((br) => br !== null));
}

function show(net: Net, args: readonly string[]): Outcome {
  let out = "";
  let err = "";
  let status = 0;
  const one = (br: NetBridge): void => {
    if (out === "") out = "bridge name\tbridge id\t\tSTP enabled\tinterfaces\n";
    const ports = byName(br.ports).map((port) => port.dev.name);
    out += `${br.dev.name}\t\t${idText(br.bridgeId)}\t${br.stpEnabled ? "yes" : "no"}\t\t`;
    out += `${ports.join("\n\t\t\t\t\t\t\t")}\n`;
  };
  if (args.length === 0) for (const br of bridgesOf(net)) one(br);
  for (const name of args) {
    const found = findShown(net, name);
    if (typeof found === "string") {
      err += found;
      status = 1;
    } else one(found);
  }
  return { out, err, status };
}

function findShown(net: Net, name: string): NetBridge | string {
  const dev = net.deviceByName(name);
  if (!dev) return `bridge ${name} does not exist!\n`;
  return bridgeOf(dev) ?? `device ${name} is not a bridge!\n`;
}

/** "8000.020000000900" */
function idText(id: BridgeId): string {
  const mac = new Uint8Array(6);
  macFromNumber(id.mac, mac);
  return `${hex4(id.priority)}.${formatMac(mac).replaceAll(":", "")}`;
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, "0");
}

/** 1/100 s as "%4i.%.2i" */
function ticksText(ticks: number): string {
  const whole = Math.floor(ticks / TICKS_PER_SECOND);
  return `${String(whole).padStart(4)}.${String(ticks % TICKS_PER_SECOND).padStart(2, "0")}`;
}

function timeText(ns: Ns): string {
  return ticksText(Math.floor(ns / TICK_NS));
}

/** The forwarding table by address (brforward in sysfs, br_fdb_fillbuf): entries of the bridge itself are not in it. */
function showMacs(net: Net, args: readonly string[]): Outcome {
  let br: NetBridge;
  try {
    br = bridgeByName(net, args[0]!);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return failed(`read of forward table failed: ${strerror(error.errno)}`);
  }
  const { fdb, now } = br;
  const rows: { mac: string; text: string }[] = [];
  for (const entry of fdb.entries()) {
    const flags = fdb.flags(entry);
    const age = flags & BR_FDB_STATIC ? 0 : now - fdb.updated(entry);
    if (fdb.port(entry) === FDB_NO_PORT || age > holdTime(br)) continue;
    const mac = formatMac(fdb.mac(entry, new Uint8Array(6)));
    const local = flags & BR_FDB_LOCAL ? "yes" : "no";
    rows.push({ mac, text: `${String(fdb.port(entry)).padStart(3)}\t${mac}\t${local}\t\t${timeText(age)}\n` });
  }
  rows.sort((a, b) => (a.mac < b.mac ? -1 : a.mac > b.mac ? 1 : 0));
  const text = rows.map((row) => row.text).join("");
  return { out: `port no\tmac addr\t\tis local?\tageing timer\n${text}`, status: 0 };
}

function showStp(net: Net, args: readonly string[]): Outcome {
  let out = "";
  let err = "";
  let status = 0;
  const br = findShown(net, args[0]!);
  if (typeof br === "string") {
    err = br;
    status = 1;
  } else out = bridgeText(br);
  return { out, err, status };
}

function bridgeText(br: NetBridge): string {
  const timer = (t: Parameters<typeof brTimerValue>[0]): string => ticksText(brTimerValue(t));
  const flags =
    (br.topologyChange ? "TOPOLOGY_CHANGE " : "") + (br.topologyChangeDetected ? "TOPOLOGY_CHANGE_DETECTED " : "");
  const head = `${br.dev.name}
 bridge id\t\t${idText(br.bridgeId)}
 designated root\t${idText(br.designatedRoot)}
 root port\t\t${String(br.rootPort).padStart(4)}\t\t\tpath cost\t\t${String(br.rootPathCost).padStart(4)}
 max age\t\t${timeText(br.maxAgeNs)}\t\t\tbridge max age\t\t${timeText(br.maxAgeNs)}
 hello time\t\t${timeText(br.helloTimeNs)}\t\t\tbridge hello time\t${timeText(br.helloTimeNs)}
 forward delay\t\t${timeText(br.forwardDelayNs)}\t\t\tbridge forward delay\t${timeText(br.forwardDelayNs)}
 ageing time\t\t${timeText(br.ageingTimeNs)}
 hello timer\t\t${timer(br.helloTimer)}\t\t\ttcn timer\t\t${timer(br.tcnTimer)}
 topology change timer\t${timer(br.topologyChangeTimer)}\t\t\tgc timer\t\t${timer(br.gcTimer)}
 flags\t\t\t${flags}\n\n\n`;
  return `${head}${byName(br.ports).map(portText).join("")}`;
}

function portText(port: BridgePort): string {
  const timer = (t: Parameters<typeof brTimerValue>[0]): string => ticksText(brTimerValue(t));
  const flags =
    (port.configPending ? "CONFIG_PENDING " : "") +
    (port.topologyChangeAck ? "TOPOLOGY_CHANGE_ACK " : "") +
    (port.flags & BR_HAIRPIN_MODE ? "\n hairpin mode\t\t   1" : "");
  return `${port.dev.name} (${port.portNo})
 port id\t\t${hex4(port.portId)}\t\t\tstate\t\t${BR_STATE_NAMES[port.state]!.padStart(15)}
 designated root\t${idText(port.designatedRoot)}\tpath cost\t\t${String(port.pathCost).padStart(4)}
 designated bridge\t${idText(port.designatedBridge)}\tmessage age timer\t${timer(port.messageAgeTimer)}
 designated port\t${hex4(port.designatedPort)}\t\t\tforward delay timer\t${timer(port.forwardDelayTimer)}
 designated cost\t${String(port.designatedCost).padStart(4)}\t\t\thold timer\t\t${timer(port.holdTimer)}
 flags\t\t\t${flags}\n\n`;
}
