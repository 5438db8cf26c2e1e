import { describe, expect, test } from "vitest";
import { SEC } from "../../../src/base/time.ts";
import { createBridge } from "../../../src/net/bridge/br-device.ts";
import { brAddIf } from "../../../src/net/bridge/br-if.ts";
import { BR_STATE_NAMES, type NetBridge } from "../../../src/net/bridge/br-private.ts";
import { brStpSetBridgePriority, brStpSetEnabled } from "../../../src/net/bridge/br-stp-if.ts";
import { devClose, devOpen } from "../../../src/net/core/dev.ts";
import type { Net } from "../../../src/net/core/net.ts";
import { createVethPair } from "../../../src/net/link/veth.ts";
import { BROADCAST, mac, newKernel, newNet, run, send, station, tap, text } from "../link/wire-lab.ts";

function twoBridges(net: Net): [NetBridge, NetBridge] {
  const one = createBridge(net, "br1", { address: mac("02:00:00:00:00:01") });
  const two = createBridge(net, "br2", { address: mac("02:00:00:00:00:02") });
  for (const br of [one, two]) {
    brStpSetEnabled(br, true);
    devOpen(br.dev);
  }
  for (const name of ["x", "y"]) {
    const [a, b] = createVethPair(net, `${name}1`, net, `${name}2`);
    brAddIf(one, a);
    brAddIf(two, b);
    devOpen(a);
    devOpen(b);
  }
  return [one, two];
}

const states = (br: NetBridge): string[] => br.ports.map((port) => `${port.dev.name} ${BR_STATE_NAMES[port.state]}`);

describe("spanning tree", () => {
  test("of two links between two bridges one is blocked after listening and learning", () => {
    const kernel = newKernel();
    const [one, two] = twoBridges(newNet(kernel, "host"));
    expect(states(one)).toEqual(["y1 listening", "x1 listening"]);
    run(kernel, 16 * SEC);
    expect(states(one)).toEqual(["y1 learning", "x1 learning"]);
    run(kernel, 15 * SEC);
    expect(states(one)).toEqual(["y1 forwarding", "x1 forwarding"]);
    expect(states(two)).toEqual(["y2 blocking", "x2 forwarding"]);
    expect([two.rootPort, two.rootPathCost, two.designatedRoot.mac === one.bridgeId.mac]).toEqual([1, 2, true]);
  });

  test("a broadcast does not circle", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [one] = twoBridges(net);
    const [port, end] = station(net, "s");
    brAddIf(one, port);
    run(kernel, 40 * SEC);
    const seen = tap(end);
    send(end, BROADCAST, "02:00:00:00:00:0a");
    run(kernel, SEC);
    expect(seen.filter((line) => line.includes("88b5"))).toHaveLength(1);
  });

  test("the blocked link takes over when the other one fails", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const [, two] = twoBridges(net);
    run(kernel, 40 * SEC);
    devClose(net.deviceByName("x1")!);
    run(kernel, 60 * SEC);
    expect(states(two)).toEqual(["y2 forwarding", "x2 disabled"]);
  });

  test("the lower priority becomes root", () => {
    const kernel = newKernel();
    const [one, two] = twoBridges(newNet(kernel, "host"));
    run(kernel, 40 * SEC);
    brStpSetBridgePriority(two, 0x1000);
    run(kernel, 60 * SEC);
    expect([one.designatedRoot, two.rootPort]).toEqual([{ priority: 0x1000, mac: 0x020000000002 }, 0]);
    expect(states(one)).toEqual(["y1 blocking", "x1 forwarding"]);
  });

  test("a BPDU is 52 bytes: 802.3, LLC 42 42 03, and the configuration", () => {
    const kernel = newKernel();
    const net = newNet(kernel, "host");
    const br = createBridge(net, "br0", { address: mac("02:00:00:00:00:01") });
    brStpSetEnabled(br, true);
    const [port, end] = createVethPair(net, "p", newNet(kernel, "s"), "eth0", { address: mac("02:00:00:00:00:07") });
    const frames: string[] = [];
    end.taps.push({ capture: (skb) => void frames.push(text(skb.head.subarray(skb.data, skb.tail))) });
    devOpen(br.dev);
    brAddIf(br, port);
    devOpen(port);
    devOpen(end);
    run(kernel, 3 * SEC);
    expect(frames[0]).toBe(
      "01:80:c2:00:00:00 < 02:00:00:00:00:07 0026 4242030000000000" +
        "8000020000000001000000008000020000000001800100001400020" +
        "00f00",
    );
  });
});
