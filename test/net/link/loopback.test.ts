import { expect, test } from "vitest";
import { devOpen } from "../../../src/net/core/dev.ts";
import { newKernel, newNet, run, send, tap } from "./wire-lab.ts";

const ZERO = "00:00:00:00:00:00";

test("lo is device 1, of 65536 bytes, and down in a new namespace", () => {
  const { loopback } = newNet(newKernel(), "host");
  expect([loopback.ifindex, loopback.mtu, loopback.up, loopback.operstate]).toEqual([1, 65536, false, "UNKNOWN"]);
});

test("lo receives what it sends: a tap sees a frame going out and coming in", () => {
  const kernel = newKernel();
  const { loopback } = newNet(kernel, "host");
  devOpen(loopback);
  const seen = tap(loopback);
  send(loopback, ZERO, ZERO);
  run(kernel);
  expect(seen).toEqual([`> ${ZERO} < ${ZERO} 88b5`, `< ${ZERO} < ${ZERO} 88b5`]);
  expect([loopback.stats.txPackets, loopback.stats.rxPackets]).toEqual([1, 1]);
});

test("what comes in by lo keeps its route and its connection", () => {
  const kernel = newKernel();
  const net = newNet(kernel, "host");
  devOpen(net.loopback);
  const dst = {};
  const ct = 5;
  let kept: unknown[] = [];
  net.packetTypes.set(0x88b5, (skb) => {
    kept = [skb.dst === dst, skb.ct === ct, skb.mark];
    skb.pool.consume(skb);
  });
  const skb = kernel.skbs.alloc(14);
  skb.put(14);
  skb.head[skb.data + 12] = 0x88;
  skb.head[skb.data + 13] = 0xb5;
  Object.assign(skb, { dst, ct, mark: 7, dev: net.loopback });
  net.loopback.ops.startXmit(skb, net.loopback);
  run(kernel);
  expect(kept).toEqual([true, true, 7]);
});
