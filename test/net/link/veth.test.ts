import { describe, expect, test } from "vitest";
import { SEC } from "../../../src/base/time.ts";
import { devChangeNetNamespace, devClose, devOpen, devSetMtu, unregisterNetdevice } from "../../../src/net/core/dev.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../../../src/net/core/skb.ts";
import { createVethPair, vethPeer } from "../../../src/net/link/veth.ts";
import { newKernel, newNet, run, send, station, tap } from "./wire-lab.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";

describe("veth", () => {
  test("the peer is registered first and has the lower index", () => {
    const net = newNet(newKernel(), "host");
    const [dev, peer] = createVethPair(net, "veth0", net, "veth1");
    expect([dev.ifindex, peer.ifindex, dev.iflink(), peer.iflink()]).toEqual([3, 2, 2, 3]);
  });

  test("what one end sends, the other receives, and both count it", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [port, end] = station(net, "v0");
    const sent = tap(end);
    const received = tap(port);
    send(end, B, A);
    run(kernel);
    expect(sent).toEqual([`> ${B} < ${A} 88b5`]);
    expect(received).toEqual([`< ${B} < ${A} 88b5`]);
    expect([end.stats.txPackets, end.stats.txBytes, port.stats.rxPackets, port.stats.rxBytes]).toEqual([1, 14, 1, 14]);
  });

  test("the carrier is there while both ends are up", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [dev, peer] = createVethPair(net, "veth0", net, "veth1");
    const seen = (): string[] => [dev.operstate, peer.operstate, String(dev.carrier)];
    devOpen(dev);
    expect(seen()).toEqual(["LOWERLAYERDOWN", "LOWERLAYERDOWN", "false"]);
    devOpen(peer);
    expect(seen()).toEqual(["UP", "UP", "true"]);
    devClose(peer);
    expect(seen()).toEqual(["LOWERLAYERDOWN", "UP", "false"]);
    // the end that is up is judged at once, the other in the next round
    run(kernel, 2 * SEC);
    expect(seen()).toEqual(["LOWERLAYERDOWN", "LOWERLAYERDOWN", "false"]);
  });

  test("a device whose peer was moved to another namespace is DOWN, not LOWERLAYERDOWN", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const other = newNet(kernel, "x");
    const [dev, peer] = createVethPair(net, "v0", net, "v1");
    devOpen(dev);
    devOpen(peer);
    devChangeNetNamespace(peer, other);
    expect([dev.operstate, dev.carrier, peer.up, peer.ifindex, dev.iflink()]).toEqual(["DOWN", false, false, 2, 2]);
  });

  test("without a carrier a frame is dropped before any tap sees it", () => {
    const net = newNet(newKernel(), "host");
    const [dev] = createVethPair(net, "v0", net, "v1");
    devOpen(dev);
    const seen = tap(dev);
    send(dev, B, A);
    expect(seen).toEqual([]);
    expect(dev.stats.txDropped).toBe(1);
  });

  test("a frame longer than the receiver's MTU is dropped there, unless it is a super-packet", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [port, end] = station(net, "v0");
    devSetMtu(port, 100);
    send(end, B, A, 0x88b5, new Uint8Array(104));
    send(end, B, A, 0x88b5, new Uint8Array(105));
    run(kernel);
    expect([port.stats.rxPackets, port.stats.rxDropped, end.stats.txDropped]).toEqual([1, 1, 1]);
  });

  test("a checksum left to offload stays left to it", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [port, end] = station(net, "v0");
    let seen: SkBuff["ipSummed"] | undefined;
    net.packetTypes.set(0x88b5, (skb) => {
      seen = skb.ipSummed;
      skb.pool.consume(skb);
    });
    const skb = kernel.skbs.alloc(64);
    skb.put(64);
    skb.head.set(port.address, skb.data);
    skb.head[skb.data + 12] = 0x88;
    skb.head[skb.data + 13] = 0xb5;
    skb.ipSummed = CHECKSUM_PARTIAL;
    skb.dev = end;
    end.ops.startXmit(skb, end);
    run(kernel);
    expect(seen).toBe(CHECKSUM_PARTIAL);
    expect(kernel.skbs.inUse).toBe(0);
  });

  test("one end's end is the other's, in whatever namespace it is", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [port, end] = station(net, "v0");
    const far = end.net;
    unregisterNetdevice(port);
    expect([net.deviceByName("v0"), far.deviceByName("eth0"), vethPeer(end)]).toEqual([undefined, undefined, null]);
  });

  test("a name that is taken leaves neither end behind", () => {
    const net = newNet(newKernel(), "host");
    expect(() => createVethPair(net, "lo", net, "v1")).toThrow("File exists");
    expect([...net.devices.values()].map((dev) => dev.name)).toEqual(["lo"]);
  });

  test("random addresses are unicast and locally administered", () => {
    const net = newNet(newKernel(), "host");
    for (let i = 0; i < 20; i++) {
      const [dev, peer] = createVethPair(net, "veth%d", net, "veth%d");
      expect([dev.address[0]! & 3, peer.address[0]! & 3]).toEqual([2, 2]);
    }
  });
});
