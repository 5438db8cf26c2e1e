import { describe, expect, test } from "vitest";
import { SEC } from "../../../src/base/time.ts";
import {
  devChangeNetNamespace,
  devClose,
  devOpen,
  devSetMacAddress,
  devSetMtu,
  unregisterNetdevice,
} from "../../../src/net/core/dev.ts";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import { createDummy } from "../../../src/net/link/dummy.ts";
import { createMacvlan, type MacvlanMode } from "../../../src/net/link/macvlan.ts";
import { createVlan } from "../../../src/net/link/vlan.ts";
import { ETH_P_8021AD, ETH_P_8021Q } from "../../../src/wire/ethernet.ts";
import { BROADCAST, mac, newKernel, newNet, run, send, station, tap } from "./wire-lab.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";

function vlan(lower: NetDevice, vid: number, protocol = ETH_P_8021Q): NetDevice {
  const config = { lower, vid, protocol, looseBinding: false, reorderHdr: true };
  return createVlan(lower.net, `${lower.name}.${vid}`, config);
}

describe("vlan", () => {
  test("a frame sent by a VLAN device carries its tag and comes in by the other side's", () => {
    const kernel = newKernel();
    const [port, end] = station(newNet(kernel, "host"), "v0");
    const one = vlan(port, 10);
    const other = vlan(end, 10);
    const wrong = vlan(end, 11);
    for (const dev of [one, other, wrong]) devOpen(dev);
    const tags: number[] = [];
    end.taps.push({ capture: (skb) => void tags.push(skb.vlanProto, skb.vlanTci) });
    const seen = tap(other);
    const unseen = tap(wrong);
    send(one, BROADCAST, A);
    run(kernel);
    expect(tags).toEqual([ETH_P_8021Q, 10]);
    expect([seen, unseen]).toEqual([[`< ${BROADCAST} < ${A} 88b5`], []]);
  });

  test("a tag inside a tag is taken off one by one", () => {
    const kernel = newKernel();
    const [port, end] = station(newNet(kernel, "host"), "v0");
    const ends = [port, end].map((lower) => {
      const outer = vlan(lower, 100, ETH_P_8021AD);
      devOpen(outer);
      const inner = vlan(outer, 5);
      devOpen(inner);
      return inner;
    });
    const seen = tap(ends[1]!);
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    expect(seen).toEqual([`< ${BROADCAST} < ${A} 88b5`]);
  });

  test("a VLAN device follows the one below: address, MTU, state, end", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [port] = station(net, "v0");
    const dev = vlan(port, 10);
    expect([...dev.address]).toEqual([...port.address]);
    devOpen(dev);
    run(kernel, 2 * SEC);
    expect([dev.operstate, dev.carrier]).toEqual(["UP", true]);
    devSetMtu(port, 1400);
    expect(dev.mtu).toBe(1400);
    devClose(port);
    expect([dev.up, dev.carrier]).toEqual([false, false]);
    expect(() => devOpen(dev)).toThrow("Network is down");
    expect(() => vlan(port, 10)).toThrow("VLAN device already exists");
    unregisterNetdevice(port);
    expect(net.deviceByName("v0.10")).toBe(undefined);
  });

  test("a VLAN device in another namespace stays when the one below moves", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [port] = station(net, "v0");
    const dev = vlan(port, 10);
    devChangeNetNamespace(port, newNet(kernel, "x"));
    expect([dev.registered, dev.net === net, dev.linkNet() === port.net]).toEqual([true, true, true]);
  });
});

describe("macvlan", () => {
  const setUp = (mode: MacvlanMode) => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [port, end] = station(net, "v0");
    const one = createMacvlan(net, "m0", port, mode, { address: mac(A) });
    const two = createMacvlan(newNet(kernel, "c"), "m1", port, mode, { address: mac(B) });
    devOpen(one);
    devOpen(two);
    return { kernel, port, end, one, two };
  };

  test("in bridge mode neighbours reach each other without leaving the machine", () => {
    const { kernel, end, one, two } = setUp("bridge");
    const outside = tap(end);
    const inside = tap(two);
    send(one, B, A);
    run(kernel);
    expect([inside, outside]).toEqual([[`< ${B} < ${A} 88b5`], []]);
    send(one, BROADCAST, A);
    run(kernel);
    expect([inside.length, outside.length]).toEqual([2, 1]);
  });

  test("a tap on the device below sees what neighbours say to each other, as received", () => {
    const { kernel, port, one } = setUp("bridge");
    const lower = tap(port);
    send(one, B, A);
    run(kernel);
    expect([lower, port.stats.rxPackets]).toEqual([[`< ${B} < ${A} 88b5`], 0]);
  });

  test("the device below listens to the addresses of those that are up", () => {
    const { port, one, two } = setUp("bridge");
    const listed = () => [...port.ucAddresses.keys(), port.promiscuity];
    expect(listed()).toEqual(["02000000000a", "02000000000b", 1]);
    devSetMacAddress(one, mac("02:00:00:00:00:0d"));
    devClose(two);
    expect(listed()).toEqual(["02000000000d", 1]);
    devClose(one);
    expect(listed()).toEqual([0]);
  });

  test("in private mode they do not", () => {
    const { kernel, end, one, two } = setUp("private");
    const outside = tap(end);
    const inside = tap(two);
    send(one, B, A);
    run(kernel);
    expect([inside, outside.length]).toEqual([[], 1]);
  });

  test("frames from outside come in by the device that has the address", () => {
    const { kernel, port, end, one, two } = setUp("vepa");
    const first = tap(one);
    const second = tap(two);
    const lower = tap(port);
    send(end, B, "02:00:00:00:00:0c");
    run(kernel);
    expect([first, second, lower.length]).toEqual([[], [`< ${B} < 02:00:00:00:00:0c 88b5`], 1]);
    send(end, BROADCAST, "02:00:00:00:00:0c");
    run(kernel);
    expect([first.length, second.length]).toEqual([1, 2]);
  });

  test("passthru is alone on its device", () => {
    const net = newNet(newKernel(), "host");
    const [port] = station(net, "v0");
    createMacvlan(net, "m0", port, "passthru");
    expect(() => createMacvlan(net, "m1", port, "bridge")).toThrow("Invalid argument");
  });

  test("an address is up once only", () => {
    const { one, port } = setUp("bridge");
    const twin = createMacvlan(port.net, "m2", port, "bridge", { address: one.address });
    expect(() => devOpen(twin)).toThrow("Address already in use");
  });

  test("no frame leaks", () => {
    for (const mode of ["private", "vepa", "bridge"] as const) {
      const { kernel, end, one } = setUp(mode);
      for (const to of [A, B, BROADCAST]) {
        send(one, to, A);
        send(end, to, "02:00:00:00:00:0c");
      }
      run(kernel);
      expect(kernel.skbs.inUse).toBe(0);
    }
  });
});

test("a dummy device takes frames and has no state of its own", () => {
  const kernel = newKernel();
  const dev = createDummy(newNet(kernel, "host"), "dummy0");
  devOpen(dev);
  send(dev, BROADCAST, A);
  expect([dev.operstate, dev.stats.txPackets, dev.stats.txBytes, kernel.skbs.inUse]).toEqual(["UNKNOWN", 1, 14, 0]);
});
