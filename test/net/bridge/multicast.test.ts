import { expect, test } from "vitest";
import { SEC } from "../../../src/base/time.ts";
import { createBridge } from "../../../src/net/bridge/br-device.ts";
import { brAddIf } from "../../../src/net/bridge/br-if.ts";
import { brMulticastSetQuerier } from "../../../src/net/bridge/br-multicast.ts";
import type { NetBridge } from "../../../src/net/bridge/br-private.ts";
import { devOpen } from "../../../src/net/core/dev.ts";
import type { Kernel } from "../../../src/net/core/net.ts";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import * as igmp from "../../../src/wire/igmp.ts";
import * as ipv4 from "../../../src/wire/ipv4.ts";
import { mac, newKernel, newNet, run, send, station, tap } from "../link/wire-lab.ts";

const GROUP = 0xef010203;
const GROUP_MAC = "01:00:5e:01:02:03";
const A = "02:00:00:00:00:0a";

function packet(protocol: number, destination: number, payload: Uint8Array): Uint8Array {
  const b = new Uint8Array(20 + payload.length);
  b[0] = 0x45;
  ipv4.setTotalLength(b, 0, b.length);
  b[8] = 1;
  b[9] = protocol;
  ipv4.setSource(b, 0, 0x0a000001);
  ipv4.setDestination(b, 0, destination);
  ipv4.updateChecksum(b, 0);
  b.set(payload, 20);
  return b;
}

function igmpMessage(type: number, group: number): Uint8Array {
  const b = new Uint8Array(8);
  igmp.setType(b, 0, type);
  igmp.setMaxResponse(b, 0, 100);
  igmp.setGroup(b, 0, group);
  igmp.updateChecksum(b, 0, 8);
  return packet(2, group === 0 ? 0xe0000001 : group, b);
}

function lab(): { kernel: Kernel; br: NetBridge; ends: NetDevice[]; heard: () => number[] } {
  const kernel = newKernel();
  const net = newNet(kernel, "host");
  const br = createBridge(net, "br0", { address: mac("02:00:00:00:00:01") });
  devOpen(br.dev);
  const ends = ["va", "vb", "vc"].map((name) => {
    const [port, end] = station(net, name);
    brAddIf(br, port);
    return end;
  });
  run(kernel);
  const seen = ends.map((end) => tap(end));
  const heard = (): number[] => {
    for (const list of seen) list.length = 0;
    send(ends[0]!, GROUP_MAC, A, 0x0800, packet(17, GROUP, new Uint8Array(8)));
    run(kernel, 10_000_000);
    return seen.map((list) => list.filter((line) => line.startsWith(`< ${GROUP_MAC}`)).length);
  };
  return { kernel, br, ends, heard };
}

test("without a querier a group is flooded, whoever wants it", () => {
  const { kernel, ends, heard } = lab();
  send(ends[1]!, GROUP_MAC, A, 0x0800, igmpMessage(igmp.IGMPV2_HOST_MEMBERSHIP_REPORT, GROUP));
  run(kernel);
  expect(heard()).toEqual([0, 1, 1]);
});

test("with a querier a group goes to its members and to the querier's port only", () => {
  const { kernel, br, ends, heard } = lab();
  send(ends[2]!, "01:00:5e:00:00:01", A, 0x0800, igmpMessage(igmp.IGMP_HOST_MEMBERSHIP_QUERY, 0));
  run(kernel, 11 * SEC);
  expect(heard()).toEqual([0, 0, 1]);
  send(ends[1]!, GROUP_MAC, A, 0x0800, igmpMessage(igmp.IGMPV2_HOST_MEMBERSHIP_REPORT, GROUP));
  run(kernel);
  expect(heard()).toEqual([0, 1, 1]);
  expect([...br.multicast.groups.keys()]).toEqual([GROUP]);
});

test("a membership that is not renewed runs out", () => {
  const { kernel, br, ends } = lab();
  send(ends[1]!, GROUP_MAC, A, 0x0800, igmpMessage(igmp.IGMPV2_HOST_MEMBERSHIP_REPORT, GROUP));
  // a timer this far away may be 16 seconds late
  run(kernel, 277 * SEC);
  expect(br.multicast.groups.size).toBe(0);
});

test("a bridge that queries asks at once, at startup intervals, then every 125 s", () => {
  const { kernel, br, ends } = lab();
  const times: number[] = [];
  ends[0]!.taps.push({
    capture: (skb, _dev, _out, { ns: now }) =>
      void (skb.head[skb.data + 23] === 2 && times.push(Math.round(now / SEC))),
  });
  brMulticastSetQuerier(br, true);
  run(kernel, 200 * SEC);
  expect(times).toEqual([0, 33, 160]);
});
