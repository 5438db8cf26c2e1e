import { beforeEach, describe, expect, test } from "vitest";
import { SEC } from "../../../src/base/time.ts";
import { createBridge } from "../../../src/net/bridge/br-device.ts";
import { brFdbAdd, fdbToNud } from "../../../src/net/bridge/br-fdb.ts";
import { brAddIf, brDelIf } from "../../../src/net/bridge/br-if.ts";
import {
  BR_BCAST_FLOOD,
  BR_FLOOD,
  BR_HAIRPIN_MODE,
  BR_ISOLATED,
  BR_LEARNING,
  BR_PORT_LOCKED,
  BR_STATE_FORWARDING,
  bridgePortOf,
  type NetBridge,
} from "../../../src/net/bridge/br-private.ts";
import { brSetAgeingTime } from "../../../src/net/bridge/br-stp-if.ts";
import {
  devClose,
  devOpen,
  devSetMacAddress,
  devSetMtu,
  devSetPromiscuity,
  unregisterNetdevice,
} from "../../../src/net/core/dev.ts";
import type { Kernel, Net } from "../../../src/net/core/net.ts";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import { createVethPair } from "../../../src/net/link/veth.ts";
import { BROADCAST, mac, newKernel, newNet, run, send, station, tap } from "../link/wire-lab.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const C = "02:00:00:00:00:0c";
const BR = "02:00:00:00:00:01";

let kernel: Kernel;
let net: Net;
let br: NetBridge;
let ports: NetDevice[];
let ends: NetDevice[];
let seen: string[][];

beforeEach(() => {
  kernel = newKernel();
  net = newNet(kernel, "host");
  br = createBridge(net, "br0", { address: mac(BR) });
  devOpen(br.dev);
  ports = [];
  ends = [];
  for (const name of ["va", "vb", "vc"]) {
    const [port, end] = station(net, name);
    brAddIf(br, port);
    ports.push(port);
    ends.push(end);
  }
  run(kernel);
  seen = ends.map((end) => tap(end));
});

function heard(): string[][] {
  run(kernel);
  const out = seen.map((list) => list.filter((line) => line.startsWith("<")).map((line) => line.slice(2, 19)));
  for (const list of seen) list.length = 0;
  return out;
}

function fdb(): string[] {
  const out: string[] = [];
  const address = new Uint8Array(6);
  for (const entry of br.fdb.entries())
    out.push(
      `${[...br.fdb.mac(entry, address)].map((b) => b.toString(16).padStart(2, "0")).join(":")} ${br.fdb.port(entry)} ${fdbToNud(br, entry)}`.trim(),
    );
  return out;
}

describe("forwarding", () => {
  test("a frame to a station never heard is flooded, the answer is learned and forwarded", () => {
    send(ends[0]!, B, A);
    expect(heard()).toEqual([[], [B], [B]]);
    send(ends[1]!, A, B);
    expect(heard()).toEqual([[A], [], []]);
    send(ends[0]!, B, A);
    expect(heard()).toEqual([[], [B], []]);
  });

  test("the newest port is flooded first", () => {
    const order: string[] = [];
    for (const port of ports)
      port.taps.push({ capture: (_skb, dev, outgoing) => void (outgoing && order.push(dev.name)) });
    send(br.dev, BROADCAST, BR);
    expect(order).toEqual(["vc", "vb", "va"]);
  });

  test("a broadcast goes to all other ports and up", () => {
    const up = tap(br.dev);
    send(ends[0]!, BROADCAST, A);
    expect(heard()).toEqual([[], [BROADCAST], [BROADCAST]]);
    expect(up).toEqual([`< ${BROADCAST} < ${A} 88b5`]);
    expect([br.dev.stats.rxPackets, br.dev.stats.rxBytes]).toEqual([1, 0]);
  });

  test("a frame to the bridge's or a port's own address goes up only", () => {
    const up = tap(br.dev);
    send(ends[0]!, BR, A);
    expect(heard()).toEqual([[], [], []]);
    const own = [...ports[1]!.address].map((b) => b.toString(16).padStart(2, "0")).join(":");
    send(ends[0]!, own, A);
    expect(heard()).toEqual([[], [], []]);
    expect(up).toEqual([`< ${BR} < ${A} 88b5`, `< ${own} < ${A} 88b5`]);
  });

  test("the bridge sees frames between its ports when it is promiscuous", () => {
    send(ends[1]!, A, B);
    run(kernel);
    const up = tap(br.dev);
    send(ends[0]!, B, A);
    run(kernel);
    expect(up).toEqual([]);
    devSetPromiscuity(br.dev, 1);
    send(ends[0]!, B, A);
    run(kernel);
    expect(up).toEqual([`< ${B} < ${A} 88b5`]);
  });

  test("what the host sends goes to the station's port, or everywhere", () => {
    send(br.dev, A, BR);
    expect(heard()).toEqual([[A], [A], [A]]);
    send(ends[0]!, BR, A);
    heard();
    send(br.dev, A, BR);
    expect(heard()).toEqual([[A], [], []]);
    expect([br.dev.stats.txPackets, br.dev.stats.txBytes]).toEqual([2, 28]);
  });

  test("no frame leaks", () => {
    for (let i = 0; i < 100; i++) send(ends[i % 3]!, i % 2 ? BROADCAST : B, A);
    run(kernel, SEC);
    expect(kernel.skbs.inUse).toBe(0);
  });

  test("hairpin lets a frame out where it came in", () => {
    bridgePortOf(ports[0]!)!.flags |= BR_HAIRPIN_MODE;
    send(ends[0]!, B, A);
    expect(heard()).toEqual([[B], [B], [B]]);
  });

  test("isolated ports do not hear each other", () => {
    for (const i of [0, 1]) bridgePortOf(ports[i]!)!.flags |= BR_ISOLATED;
    send(ends[0]!, BROADCAST, A);
    expect(heard()).toEqual([[], [], [BROADCAST]]);
    send(ends[2]!, BROADCAST, C);
    expect(heard()).toEqual([[BROADCAST], [BROADCAST], []]);
  });

  test("a locked port takes frames of stations that are known behind it, and learns none", () => {
    const port = bridgePortOf(ports[0]!)!;
    port.flags |= BR_PORT_LOCKED;
    send(ends[0]!, BROADCAST, A);
    expect([heard(), fdb().some((line) => line.startsWith(A))]).toEqual([[[], [], []], false]);
    brFdbAdd(ports[0]!, { address: mac(A), vid: 0, state: "static", create: true, exclusive: true });
    send(ends[0]!, BROADCAST, A);
    expect(heard()).toEqual([[], [BROADCAST], [BROADCAST]]);
    // from behind another port the same address is a stranger's
    bridgePortOf(ports[1]!)!.flags |= BR_PORT_LOCKED;
    send(ends[1]!, BROADCAST, A);
    expect(heard()).toEqual([[], [], []]);
  });

  test("a port with flood off gets no unknown unicast, one with bcast_flood off no broadcast but the host's own", () => {
    bridgePortOf(ports[1]!)!.flags &= ~(BR_FLOOD | BR_BCAST_FLOOD);
    send(ends[0]!, C, A);
    expect(heard()).toEqual([[], [], [C]]);
    send(ends[0]!, BROADCAST, A);
    expect(heard()).toEqual([[], [], [BROADCAST]]);
    send(br.dev, BROADCAST, BR);
    expect(heard()).toEqual([[BROADCAST], [BROADCAST], [BROADCAST]]);
  });

  test("frames of the reserved group stay: pause is dropped, LLDP goes to the port itself, BPDUs are forwarded while STP is off", () => {
    const up = tap(br.dev);
    send(ends[0]!, "01:80:c2:00:00:01", A);
    send(ends[0]!, "01:80:c2:00:00:0e", A);
    expect(heard()).toEqual([[], [], []]);
    send(ends[0]!, "01:80:c2:00:00:00", A);
    expect(heard()).toEqual([[], ["01:80:c2:00:00:00"], ["01:80:c2:00:00:00"]]);
    expect(up).toEqual([`< 01:80:c2:00:00:00 < ${A} 88b5`]);
  });
});

describe("learning", () => {
  test("a bridge forgets a MAC after the ageing time", () => {
    send(ends[0]!, BROADCAST, A);
    run(kernel, 299 * SEC);
    expect(fdb()).toContain(`${A} 1`);
    run(kernel, 301 * SEC);
    expect(fdb()).not.toContain(`${A} 1`);
  });

  test("an ageing time of 0 learns nothing and forgets all", () => {
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    brSetAgeingTime(br, 0);
    run(kernel, SEC);
    send(ends[1]!, A, B);
    expect(heard().map((list) => list.length)).toEqual([1, 1, 2]);
    expect(fdb().filter((line) => line.startsWith("02:00:00:00:00:0"))).toEqual([`${BR} 0 permanent`]);
  });

  test("a station that moves is found at its new port", () => {
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    send(ends[1]!, BROADCAST, A);
    run(kernel);
    expect(fdb()).toContain(`${A} 2`);
  });

  test("a port with learning off teaches nothing", () => {
    bridgePortOf(ports[0]!)!.flags &= ~BR_LEARNING;
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    expect(fdb()).not.toContain(`${A} 1`);
  });

  test("what was learned by a port goes when the port goes down", () => {
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    devClose(ports[0]!);
    expect(fdb()).not.toContain(`${A} 1`);
  });

  test("static entries stay, and the newest comes first", () => {
    brFdbAdd(ports[2]!, { address: mac(C), vid: 0, state: "static", create: true, exclusive: true });
    expect(fdb()[0]).toBe(`${C} 3 static`);
    run(kernel, 400 * SEC);
    expect(fdb()[0]).toBe(`${C} 3 static`);
    expect(() =>
      brFdbAdd(ports[2]!, { address: mac(C), vid: 0, state: "static", create: true, exclusive: true }),
    ).toThrow("File exists");
  });

  test("a thousand stations are kept apart, and forgotten alike", () => {
    for (let i = 0; i < 1000; i++) {
      const tail = `${(i >> 8).toString(16)}:${(i & 255).toString(16)}`;
      send(ends[i % 3]!, BROADCAST, `02:00:00:01:${tail}`);
      if (i % 50 === 49) run(kernel);
    }
    run(kernel);
    const before = br.fdb.size;
    expect(before).toBeGreaterThanOrEqual(1004);
    for (let i = 0; i < 1000; i++) {
      const entry = br.fdb.find(mac(`02:00:00:01:${(i >> 8).toString(16)}:${(i & 255).toString(16)}`), 0, 0);
      expect(br.fdb.port(entry)).toBe((i % 3) + 1);
    }
    run(kernel, 700 * SEC);
    expect(br.fdb.size).toBe(before - 1000);
  });
});

describe("the bridge as a device", () => {
  test("a bridge without an address of its own takes the lowest of its ports, and none without ports", () => {
    const other = createBridge(net, "br1");
    const [x] = createVethPair(net, "x", net, "x1", { address: mac("06:00:00:00:00:02") });
    const [y] = createVethPair(net, "y", net, "y1", { address: mac("06:00:00:00:00:01") });
    const own = (): string => [...other.dev.address].map((b) => b.toString(16).padStart(2, "0")).join(":");
    const first = own();
    expect(first.slice(0, 2)).not.toBe("00");
    brAddIf(other, x);
    expect(own()).toBe("06:00:00:00:00:02");
    brAddIf(other, y);
    expect(own()).toBe("06:00:00:00:00:01");
    brDelIf(other, y);
    expect(own()).toBe("06:00:00:00:00:02");
    brDelIf(other, x);
    expect(own()).toBe("00:00:00:00:00:00");
  });

  test("an address that the user set stays", () => {
    const other = createBridge(net, "br1");
    devSetMacAddress(other.dev, mac("0a:00:00:00:00:01"));
    const [x] = createVethPair(net, "x", net, "x1");
    brAddIf(other, x);
    expect([...other.dev.address]).toEqual([...mac("0a:00:00:00:00:01")]);
  });

  test("a port's new address is a local one, the old one no more", () => {
    const old = `${[...ports[0]!.address].map((b) => b.toString(16).padStart(2, "0")).join(":")} 1 permanent`;
    expect(fdb()).toContain(old);
    devSetMacAddress(ports[0]!, mac("0a:00:00:00:00:07"));
    expect(fdb()).toContain("0a:00:00:00:00:07 1 permanent");
    expect(fdb()).not.toContain(old);
  });

  test("the bridge has a carrier while a port forwards", () => {
    expect([br.dev.carrier, br.dev.operstate]).toEqual([true, "UP"]);
    for (const end of ends) devClose(end);
    run(kernel, 2 * SEC);
    expect([br.dev.carrier, br.dev.operstate]).toEqual([false, "DOWN"]);
    devOpen(ends[2]!);
    expect([br.dev.carrier, br.dev.operstate]).toEqual([true, "UP"]);
  });

  test("a new bridge that never had a port has a carrier, and its state is UNKNOWN", () => {
    const other = createBridge(net, "br1");
    devOpen(other.dev);
    expect([other.dev.carrier, other.dev.operstate]).toEqual([true, "UNKNOWN"]);
  });

  test("the MTU follows the smallest port's, until the user sets it", () => {
    devSetMtu(ports[1]!, 1400);
    expect(br.dev.mtu).toBe(1400);
    devSetMtu(br.dev, 1450);
    devSetMtu(ports[1]!, 1300);
    expect(br.dev.mtu).toBe(1450);
  });

  test("a device has one master; lo and bridges are no ports", () => {
    const other = createBridge(net, "br1");
    expect(() => brAddIf(other, ports[0]!)).toThrow("Device or resource busy");
    expect(() => brAddIf(other, net.loopback)).toThrow("Invalid argument");
    expect(() => brAddIf(other, br.dev)).toThrow("Can not enslave a bridge to a bridge");
  });

  test("a port that is deleted leaves the bridge, and its number is free again", () => {
    unregisterNetdevice(ports[1]!);
    expect(br.ports.map((port) => port.dev.name)).toEqual(["vc", "va"]);
    const [x] = createVethPair(net, "x", net, "x1");
    expect(brAddIf(br, x).portNo).toBe(2);
  });

  test("a bridge that is deleted lets its ports go", () => {
    unregisterNetdevice(br.dev);
    expect(ports.map((port) => [port.master, port.rxHandler, port.promiscuity])).toEqual(
      ports.map(() => [null, null, 0]),
    );
    run(kernel, 10 * SEC);
    expect(kernel.sim.idle).toBe(true);
  });

  test("a port forwards at once while STP is off", () => {
    expect(br.ports.map((port) => port.state)).toEqual([BR_STATE_FORWARDING, BR_STATE_FORWARDING, BR_STATE_FORWARDING]);
  });
});
