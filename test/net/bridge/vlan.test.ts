import { beforeEach, describe, expect, test } from "vitest";
import { createBridge } from "../../../src/net/bridge/br-device.ts";
import { brAddIf } from "../../../src/net/bridge/br-if.ts";
import { bridgePortOf, type NetBridge } from "../../../src/net/bridge/br-private.ts";
import {
  brVlanAdd,
  brVlanDelete,
  brVlanSetDefaultPvid,
  brVlanSetFiltering,
  brVlanSetProtocol,
  VLAN_PVID,
  VLAN_UNTAGGED,
} from "../../../src/net/bridge/br-vlan.ts";
import { devOpen, devSetPromiscuity } from "../../../src/net/core/dev.ts";
import type { Kernel } from "../../../src/net/core/net.ts";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import { ETH_P_8021AD, ETH_P_8021Q } from "../../../src/wire/ethernet.ts";
import { BROADCAST, newKernel, newNet, run, send, station } from "../link/wire-lab.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";

let kernel: Kernel;
let br: NetBridge;
let ends: NetDevice[];

/** "tag protocol/vid" of every frame that a device sees, "-" without a tag. */
function tags(dev: NetDevice): string[] {
  const seen: string[] = [];
  dev.taps.push({
    capture(skb, _dev, outgoing) {
      if (!outgoing) seen.push(skb.vlanProto === 0 ? "-" : `${skb.vlanProto.toString(16)}/${skb.vlanTci}`);
    },
  });
  return seen;
}

function port(i: number): ReturnType<typeof bridgePortOf> {
  return bridgePortOf(br.ports.find((one) => one.portNo === i + 1)!.dev);
}

/** Each port's VLANs, as "bridge vlan" has them: P pvid, U untagged. */
function vlans(): string[] {
  return [null, ...br.ports.toReversed()].map((one) => {
    const group = one ? one.vlan! : br.vlan!.own;
    const list = [...group.vlans.values()];
    return list.map(({ vid, untagged }) => `${vid}${vid === group.pvid ? "P" : ""}${untagged ? "U" : ""}`).join(" ");
  });
}

beforeEach(() => {
  kernel = newKernel();
  const net = newNet(kernel, "host");
  br = createBridge(net, "br0");
  ends = [];
  for (let i = 0; i < 3; i++) {
    const [dev, end] = station(net, `v${i}`);
    brAddIf(br, dev);
    ends.push(end);
  }
  devOpen(br.dev);
});

describe("membership", () => {
  test("who asks for VLANs first finds everybody in VLAN 1, untagged", () => {
    brVlanSetFiltering(br, true);
    expect(vlans()).toEqual(["1PU", "1PU", "1PU", "1PU"]);
  });

  test("a new PVID leaves the old VLAN tagged or untagged as it was", () => {
    brVlanAdd(br, port(0), 10, VLAN_PVID | VLAN_UNTAGGED);
    brVlanAdd(br, port(0), 1, 0);
    expect(vlans()[1]).toBe("1 10PU");
  });

  test("the default PVID moves where nobody touched it, and not while frames are filtered", () => {
    brVlanAdd(br, port(1), 10, VLAN_PVID | VLAN_UNTAGGED);
    brVlanSetDefaultPvid(br, 5);
    expect(vlans()).toEqual(["5PU", "5PU", "1U 10PU", "5PU"]);
    brVlanSetFiltering(br, true);
    expect(() => brVlanSetDefaultPvid(br, 6)).toThrow("Operation not permitted");
  });

  test("a port that comes later gets the default PVID, and its own address in that VLAN", () => {
    brVlanSetFiltering(br, true);
    const [dev] = station(br.dev.net, "v9");
    brAddIf(br, dev);
    expect(vlans().at(-1)).toBe("1PU");
    expect(br.fdb.find(dev.address, 0, 1)).toBeGreaterThanOrEqual(0);
  });

  test("VLAN 0, 4095 and more are none", () => {
    for (const vid of [0, 4095]) expect(() => brVlanAdd(br, port(0), vid, 0)).toThrow("Vlan id is invalid");
  });
});

describe("frames", () => {
  beforeEach(() => {
    brVlanSetFiltering(br, true);
    brVlanAdd(br, port(0), 10, VLAN_PVID | VLAN_UNTAGGED);
    brVlanAdd(br, port(2), 10, 0);
  });

  test("an untagged frame belongs to its port's PVID, and leaves tagged where that is not untagged", () => {
    const [, stranger, trunk] = ends.map(tags);
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    expect([stranger, trunk]).toEqual([[], ["8100/10"]]);
  });

  test("a station is known in its VLAN only", () => {
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    const address = Uint8Array.from([2, 0, 0, 0, 0, 0x0a]);
    expect([0, 1, 10].map((vid) => br.fdb.find(address, 0, vid) >= 0)).toEqual([false, false, true]);
  });

  test("a port without a PVID takes no untagged frame", () => {
    brVlanDelete(br, port(1), 1);
    const seen = ends.map(tags);
    send(ends[1]!, BROADCAST, B);
    run(kernel);
    expect(seen).toEqual([[], [], []]);
  });

  test("a tag of the wrong kind is part of an untagged frame", () => {
    brVlanSetProtocol(br, ETH_P_8021AD);
    const [, , trunk] = ends.map(tags);
    const skb = kernel.skbs.alloc(18);
    const at = skb.put(18);
    skb.head.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 0x0a, 0x81, 0, 0, 7, 0x88, 0xb5], at);
    skb.dev = ends[0]!;
    skb.protocol = ETH_P_8021Q;
    ends[0]!.ops.startXmit(skb, ends[0]!);
    run(kernel);
    expect(trunk).toEqual(["88a8/10"]);
  });

  test("the bridge itself hears its own VLANs only, unless it is promiscuous", () => {
    const seen = tags(br.dev);
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    expect(seen).toEqual([]);
    devSetPromiscuity(br.dev, 1);
    send(ends[0]!, BROADCAST, A);
    run(kernel);
    expect(seen).toEqual(["8100/10"]);
  });

  test("no frame leaks", () => {
    for (const end of ends) send(end, BROADCAST, A);
    run(kernel);
    expect(kernel.skbs.inUse).toBe(0);
  });
});
