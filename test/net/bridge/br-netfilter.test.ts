import { beforeEach, expect, test } from "vitest";
import { createBridge } from "../../../src/net/bridge/br-device.ts";
import { brAddIf } from "../../../src/net/bridge/br-if.ts";
import { brNetfilterInit } from "../../../src/net/bridge/br-netfilter.ts";
import type { NetBridge } from "../../../src/net/bridge/br-private.ts";
import { devOpen, devSetPromiscuity } from "../../../src/net/core/dev.ts";
import type { Kernel, Net } from "../../../src/net/core/net.ts";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import { NF_ACCEPT, NF_DROP } from "../../../src/net/core/netfilter.ts";
import * as ipv4 from "../../../src/wire/ipv4.ts";
import { mac, newKernel, newNet, run, send, station, tap } from "../link/wire-lab.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const BR = "02:00:00:00:00:01";

let kernel: Kernel;
let net: Net;
let br: NetBridge;
let ends: NetDevice[];
let hooks: string[];

function packet(destination: number): Uint8Array {
  const b = new Uint8Array(28);
  b[0] = 0x45;
  ipv4.setTotalLength(b, 0, 28);
  b[8] = 64;
  b[9] = 17;
  ipv4.setSource(b, 0, 0x0a000001);
  ipv4.setDestination(b, 0, destination);
  ipv4.updateChecksum(b, 0);
  return b;
}

beforeEach(() => {
  kernel = newKernel();
  net = newNet(kernel, "host");
  br = createBridge(net, "br0", { address: mac(BR) });
  devOpen(br.dev);
  ends = ["va", "vb"].map((name) => {
    const [port, end] = station(net, name);
    brAddIf(br, port);
    return end;
  });
  hooks = [];
  brNetfilterInit(net, () => ({
    fakeRoute: () => null,
    routeInput: () => null,
    routeOutput: () => false,
    dstDev: () => br.dev,
    forwarding: () => false,
    resolve: (skb) => {
      skb.head.set(mac(A), skb.macHeader);
      return true;
    },
    fragment: (skb) => skb.pool.consume(skb),
  }));
  for (const [hook, name] of ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"].entries())
    net.hooksIpv4.register(hook, {
      name,
      priority: 0,
      fn: (skb, state) => {
        hooks.push(
          `${name} ${state.in?.name ?? "-"} ${state.out?.name ?? "-"} ${skb.physInDev?.name ?? "-"} ${skb.physOutDev?.name ?? "-"}`,
        );
        return NF_ACCEPT;
      },
    });
  run(kernel);
});

test("a bridged IPv4 frame passes PRE_ROUTING, FORWARD and POST_ROUTING as the bridge's", () => {
  const heard = tap(ends[1]!);
  send(ends[0]!, B, A, 0x0800, packet(0x0a000002));
  run(kernel);
  expect(hooks).toEqual(["PREROUTING br0 - va -", "FORWARD br0 br0 va vb", "POSTROUTING - br0 va vb"]);
  expect(heard).toEqual([`< ${B} < ${A} 0800`]);
});

test("FORWARD may drop what is only bridged", () => {
  net.hooksIpv4.register(2, { name: "drop", priority: 1, fn: () => NF_DROP });
  const heard = tap(ends[1]!);
  send(ends[0]!, B, A, 0x0800, packet(0x0a000002));
  run(kernel);
  expect(heard).toEqual([]);
  expect(kernel.skbs.inUse).toBe(0);
});

test("with bridge-nf-call-iptables off iptables does not see bridged frames", () => {
  net.sysctl.get("net/bridge/bridge-nf-call-iptables")!.write!("0\n");
  const heard = tap(ends[1]!);
  send(ends[0]!, B, A, 0x0800, packet(0x0a000002));
  run(kernel);
  expect(hooks).toEqual([]);
  expect(heard).toHaveLength(1);
});

test("a frame for the host passes PRE_ROUTING once: on the bridge, not again when it comes up", () => {
  const up: string[] = [];
  net.packetTypes.set(0x0800, (skb, dev) => {
    if (net.hooksIpv4.run(0, skb, dev, null, null)) up.push(dev.name);
    skb.pool.consume(skb);
  });
  send(ends[0]!, BR, A, 0x0800, packet(0x0a0000fe));
  run(kernel);
  expect(hooks).toEqual(["PREROUTING br0 - va -"]);
  expect(up).toEqual(["br0"]);
});

test("DNAT to another station of the bridge sends the frame there", () => {
  net.hooksIpv4.register(0, {
    name: "dnat",
    priority: 1,
    fn: (skb) => {
      ipv4.setDestination(skb.head, skb.data, 0x0a000002);
      ipv4.updateChecksum(skb.head, skb.data);
      return NF_ACCEPT;
    },
  });
  const learned = tap(ends[1]!);
  send(ends[1]!, BR, A, 0x88b5);
  run(kernel);
  send(ends[0]!, BR, B, 0x0800, packet(0x0a000063));
  run(kernel);
  expect(learned.filter((line) => line.startsWith("<"))).toEqual([`< ${A} < ${B} 0800`]);
});

test("an IPv4 header that is wrong is dropped on the bridge already", () => {
  const heard = tap(ends[1]!);
  const bad = packet(0x0a000002);
  bad[10]! ^= 1;
  send(ends[0]!, B, A, 0x0800, bad);
  run(kernel);
  expect([heard, hooks]).toEqual([[], []]);
});

test("the padding of a short frame does not reach the other side", () => {
  const lengths: number[] = [];
  ends[1]!.taps.push({ capture: (skb) => void lengths.push(skb.len) });
  const padded = new Uint8Array(46);
  padded.set(packet(0x0a000002));
  send(ends[0]!, B, A, 0x0800, padded);
  run(kernel);
  expect(lengths).toEqual([14 + 28]);
});

test("a copy for a promiscuous bridge leaves its connection to the frame that is forwarded", () => {
  const connection = 7;
  net.hooksIpv4.register(0, {
    name: "conntrack",
    priority: 1,
    fn: (skb) => {
      skb.ct = connection;
      return NF_ACCEPT;
    },
  });
  const seen: number[] = [];
  net.hooksIpv4.register(4, {
    name: "forwarded",
    priority: 1,
    fn: (skb) => {
      seen.push(skb.ct);
      return NF_ACCEPT;
    },
  });
  net.packetTypes.set(0x0800, (skb) => {
    seen.push(skb.ct);
    skb.pool.consume(skb);
  });
  devSetPromiscuity(br.dev, 1);
  send(ends[0]!, B, A, 0x0800, packet(0x0a000002));
  run(kernel);
  expect(seen).toEqual([connection, 0]);
});
