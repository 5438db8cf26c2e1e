import { beforeEach, describe, expect, test } from "vitest";
import { SEC } from "../../../src/base/time.ts";
import { createBridge } from "../../../src/net/bridge/br-device.ts";
import { brAddIf } from "../../../src/net/bridge/br-if.ts";
import { devChangeNetNamespace, devOpen, unregisterNetdevice } from "../../../src/net/core/dev.ts";
import type { Kernel } from "../../../src/net/core/net.ts";
import { CHECKSUM_PARTIAL } from "../../../src/net/core/skb.ts";
import { inetAddrAdd } from "../../../src/net/ipv4/devinet.ts";
import { FlowKey, ipRouteOutputKey } from "../../../src/net/ipv4/route.ts";
import { createVethPair } from "../../../src/net/link/veth.ts";
import { createVxlan, type Vxlan, type VxlanConfig, vxlanConfig } from "../../../src/net/link/vxlan.ts";
import { NetNamespace } from "../../../src/net/netns.ts";
import { Tasks } from "../../../src/sim/task.ts";
import { internetChecksum, pseudoHeaderSum4 } from "../../../src/wire/checksum.ts";
import * as ipv4 from "../../../src/wire/ipv4.ts";
import { BROADCAST, mac, newKernel, run, send, tap } from "./wire-lab.ts";

const A = "02:00:00:00:0c:41";
const B = "02:00:00:00:0c:42";
const X = "02:00:00:00:00:0a";
const IP_A = 0xc0000201;
const IP_B = 0xc0000202;

let kernel: Kernel;
let hostA: NetNamespace;
let hostB: NetNamespace;
/** frames that leave host A's eth0, IP header on */
let wire: { bytes: Uint8Array; ipSummed: number }[];

beforeEach(() => {
  kernel = newKernel();
  hostA = new NetNamespace(kernel, "hostA", 1);
  hostB = new NetNamespace(kernel, "hostB", 2);
  const [a, b] = createVethPair(hostA.net, "eth0", hostB.net, "eth0");
  inetAddrAdd(hostA.ipv4, a, { local: IP_A, prefixLen: 24 });
  inetAddrAdd(hostB.ipv4, b, { local: IP_B, prefixLen: 24 });
  devOpen(a);
  devOpen(b);
  run(kernel, SEC);
  wire = [];
  a.taps.push({
    capture(skb, _dev, outgoing) {
      if (!outgoing || skb.head[skb.data + 12] !== 8 || skb.head[skb.data + 13] !== 0) return;
      wire.push({ bytes: skb.head.slice(skb.data + 14, skb.tail), ipSummed: skb.ipSummed });
    },
  });
});

function tunnel(ns: NetNamespace, address: string, config: Partial<VxlanConfig> = {}): Vxlan {
  const lower = ns.net.deviceByName("eth0")!;
  const remote = ns === hostA ? IP_B : IP_A;
  const vx = createVxlan(ns.net, ns.ipv4, "vx", vxlanConfig({ vni: 42, port: 4789, lower, remote, ...config }), {
    address: mac(address),
  });
  devOpen(vx.dev);
  return vx;
}

function learned(vx: Vxlan): string[] {
  const address = new Uint8Array(6);
  return [...vx.fdb.table.entries()].map((entry) => {
    const hex = [...vx.fdb.table.mac(entry, address)].map((b) => b.toString(16).padStart(2, "0")).join(":");
    return `${hex} ${vx.fdb.remotes(entry).map((remote) => remote.ip & 255)}`;
  });
}

describe("vxlan", () => {
  test("a frame travels in UDP and comes out at the other end", () => {
    const a = tunnel(hostA, A, { udpCsum: false });
    const b = tunnel(hostB, B, { udpCsum: false });
    const seen = tap(b.dev);
    send(a.dev, BROADCAST, X, 0x88b5, Uint8Array.of(1, 2, 3));
    run(kernel, SEC);
    expect(seen).toEqual([`< ${BROADCAST} < ${X} 88b5`]);
    const { bytes } = wire[0]!;
    expect([...bytes.subarray(20 + 2, 20 + 8 + 8)]).toEqual([0x12, 0xb5, 0, 33, 0, 0, 8, 0, 0, 0, 0, 0, 42, 0]);
    expect([bytes[1], bytes[6], bytes[7], bytes[8]]).toEqual([0, 0, 0, 64]);
    expect([a.dev.stats.txPackets, a.dev.stats.txBytes, b.dev.stats.rxPackets, b.dev.stats.rxBytes]).toEqual([
      1, 3, 1, 3,
    ]);
  });

  test("the MTU is the lower device's less 50 bytes", () => {
    expect(tunnel(hostA, A).dev.mtu).toBe(1450);
  });

  test("senders are learned, and what is known goes to one end only", () => {
    const a = tunnel(hostA, A);
    const b = tunnel(hostB, B);
    send(a.dev, BROADCAST, X);
    run(kernel, SEC);
    expect(learned(b)).toEqual([`${X} 1`, "00:00:00:00:00:00 1"]);
    b.fdb.delete(new Uint8Array(6), null);
    const seen = tap(a.dev);
    send(b.dev, X, "02:00:00:00:00:0b");
    send(b.dev, BROADCAST, "02:00:00:00:00:0b");
    run(kernel, SEC);
    expect(seen).toEqual([`< ${X} < 02:00:00:00:00:0b 88b5`]);
    expect(b.dev.stats.txDropped).toBe(1);
  });

  test("what was learned is forgotten after the ageing time", () => {
    const a = tunnel(hostA, A);
    const b = tunnel(hostB, B, { ageing: 60 });
    send(a.dev, BROADCAST, X);
    run(kernel, 50 * SEC);
    expect(learned(b)).toContain(`${X} 1`);
    run(kernel, 30 * SEC);
    expect(learned(b)).not.toContain(`${X} 1`);
  });

  test("with checksums on, the outer one is left to offload when the inner packet's is done", () => {
    const a = tunnel(hostA, A);
    tunnel(hostB, B);
    send(a.dev, BROADCAST, X);
    run(kernel, SEC);
    const { bytes, ipSummed } = wire[0]!;
    const partial = (bytes[26]! << 8) | bytes[27]!;
    expect(ipSummed).toBe(CHECKSUM_PARTIAL);
    expect(partial).toBe(internetChecksum(new Uint8Array(0), 0, 0, pseudoHeaderSum4(IP_A, IP_B, 17, 30)) ^ 0xffff);
  });

  test("one flow keeps its source port, another has another", () => {
    const a = tunnel(hostA, A);
    tunnel(hostB, B);
    send(a.dev, BROADCAST, X, 0x88b5);
    send(a.dev, BROADCAST, X, 0x88b5);
    send(a.dev, BROADCAST, X, 0x88b6);
    run(kernel, SEC);
    const ports = wire.map(({ bytes }) => (bytes[20]! << 8) | bytes[21]!);
    expect(ports[0]).toBe(ports[1]);
    expect(ports[0]).not.toBe(ports[2]);
    expect(ports.every((port) => port >= 32768 && port <= 60999)).toBe(true);
  });

  test("frames of another network are not taken", () => {
    const a = tunnel(hostA, A, { vni: 43 });
    const b = tunnel(hostB, B);
    const seen = tap(b.dev);
    send(a.dev, BROADCAST, X);
    run(kernel, SEC);
    expect(seen).toEqual([]);
    expect(kernel.skbs.inUse).toBe(0);
  });

  test("the tunnel's own address coming in is not taken", () => {
    const a = tunnel(hostA, A);
    const b = tunnel(hostB, B);
    const seen = tap(b.dev);
    send(a.dev, BROADCAST, B);
    run(kernel, SEC);
    expect(seen).toEqual([]);
  });

  test("two networks share a port, one network has one tunnel on a port", () => {
    tunnel(hostA, A);
    const { net, ipv4 } = hostA;
    const other = createVxlan(net, ipv4, "vx2", vxlanConfig({ vni: 43, port: 4789 }));
    devOpen(other.dev);
    expect(() => createVxlan(net, ipv4, "vx3", vxlanConfig({ vni: 42, port: 4789 }))).toThrow("already exists");
    expect(ipv4.udp.all()).toHaveLength(1);
    unregisterNetdevice(net.deviceByName("vx")!);
    expect(ipv4.udp.all()).toHaveLength(1);
    unregisterNetdevice(other.dev);
    expect(ipv4.udp.all()).toHaveLength(0);
  });

  test("a tunnel goes with the device below it", () => {
    tunnel(hostA, A);
    unregisterNetdevice(hostA.net.deviceByName("eth0")!);
    expect(hostA.net.deviceByName("vx")).toBe(undefined);
  });

  test("a tunnel that moves to a container's namespace still travels by the host's", () => {
    const a = tunnel(hostA, A);
    const b = tunnel(hostB, B);
    const inner = new NetNamespace(kernel, "c", 3);
    devChangeNetNamespace(a.dev, inner.net);
    devOpen(a.dev);
    const seen = tap(b.dev);
    send(a.dev, BROADCAST, X);
    run(kernel, SEC);
    expect(seen).toHaveLength(1);
    expect([a.dev.linkNet() === hostA.net, inner.net.nsids.get(hostA.net)]).toEqual([true, 0]);
  });

  test("a bridged packet too long for the tunnel is answered in its receiver's name", () => {
    const a = tunnel(hostA, A, { lower: null });
    const br = createBridge(hostA.net, "br0");
    devOpen(br.dev);
    brAddIf(br, a.dev);
    const [port, station] = createVethPair(hostA.net, "p", new NetNamespace(kernel, "c", 3).net, "eth0");
    brAddIf(br, port);
    devOpen(port);
    devOpen(station);
    // membership reports have gone by then
    run(kernel, 20 * SEC);
    wire.length = 0;
    const answers: number[][] = [];
    station.taps.push({
      capture(skb, _dev, outgoing) {
        if (!outgoing && skb.head[skb.data + 23] === 1) answers.push([...skb.head.subarray(skb.data, skb.tail)]);
      },
    });
    const packet = new Uint8Array(1500).fill(7);
    packet.fill(0, 0, 20);
    packet.set([0x45, 0, 1500 >> 8, 1500 & 255, 0, 9, 0x40, 0, 33, 17]);
    packet.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
    ipv4.updateChecksum(packet, 0);
    send(station, B, X, 0x0800, packet);
    run(kernel, SEC);
    expect(wire).toEqual([]);
    expect(answers.length).toBe(1);
    const answer = Uint8Array.from(answers[0]!);
    expect([...answer.subarray(0, 14)]).toEqual([...mac(X), ...mac(B), 8, 0]);
    const headers = [...answer.subarray(14, 24), ...answer.subarray(26, 36), ...answer.subarray(38, 42)];
    expect(headers).toEqual(
      [0x45, 0, 576 >> 8, 576 & 255, 0, 0, 0x40, 0, 33, 1].concat(
        [10, 0, 0, 2, 10, 0, 0, 1, 3, 4],
        [0, 0, 1450 >> 8, 1450 & 255],
      ),
    );
    expect([internetChecksum(answer, 14, 34), internetChecksum(answer, 34, answer.length)]).toEqual([0, 0]);
    expect([...answer.subarray(42)]).toEqual([...packet.subarray(0, 548)]);
    // without DF it is not answered but cut
    packet[6] = 0;
    ipv4.updateChecksum(packet, 0);
    send(station, B, X, 0x0800, packet);
    run(kernel, SEC);
    expect([answers.length, wire.length]).toEqual([1, 2]);
  });

  test("the host's own packet too long for the tunnel makes its route remember the MTU", () => {
    const a = tunnel(hostA, A, { lower: null });
    const b = tunnel(hostB, B, { lower: null });
    inetAddrAdd(hostA.ipv4, a.dev, { local: 0x0a070001, prefixLen: 24 });
    inetAddrAdd(hostB.ipv4, b.dev, { local: 0x0a070002, prefixLen: 24 });
    const sock = hostA.socket(2, 2, 0);
    const mtu = (): number => {
      const fl = new FlowKey();
      fl.daddr = 0x0a070002;
      return ipRouteOutputKey(hostA.ipv4, fl).mtu();
    };
    expect(mtu()).toBe(1500);
    new Tasks(kernel.sim).spawn(
      "sender",
      (function* () {
        yield* sock.connect({ addr: 0x0a070002, port: 9 });
        yield* sock.send(new Uint8Array(1472));
      })(),
    );
    run(kernel, SEC);
    expect(mtu()).toBe(1450);
    sock.release();
  });
});
