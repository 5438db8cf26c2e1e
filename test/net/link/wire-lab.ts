// The smallest lab for devices: one kernel, namespaces without IP, frames by hand, and taps that remember.

import { devOpen, devQueueXmit } from "../../../src/net/core/dev.ts";
import { Kernel, Net } from "../../../src/net/core/net.ts";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import { createLoopback } from "../../../src/net/link/loopback.ts";
import { createVethPair } from "../../../src/net/link/veth.ts";
import { Rng } from "../../../src/sim/rng.ts";
import { Sim } from "../../../src/sim/sim.ts";

export const BROADCAST = "ff:ff:ff:ff:ff:ff";

export function newKernel(seed = 1): Kernel {
  return new Kernel(new Sim(), new Rng(seed));
}

export function newNet(kernel: Kernel, label: string): Net {
  const net = new Net(kernel, label, 4026532200);
  createLoopback(net);
  return net;
}

export function mac(text: string): Uint8Array {
  return Uint8Array.from(text.split(":").map((part) => Number.parseInt(part, 16)));
}

/** "to < from type payload" of a frame, as taps print it. */
export function text(b: Uint8Array): string {
  const hex = [...b].map((byte) => byte.toString(16).padStart(2, "0"));
  return `${hex.slice(0, 6).join(":")} < ${hex.slice(6, 12).join(":")} ${hex.slice(12, 14).join("")} ${hex.slice(14).join("")}`;
}

/** Sends a frame by a device: `to` and `from` as MAC texts. */
export function send(
  dev: NetDevice,
  to: string,
  from: string,
  etherType = 0x88b5,
  payload: Uint8Array = new Uint8Array(0),
): void {
  const skb = dev.net.kernel.skbs.alloc(14 + payload.length);
  const at = skb.put(14 + payload.length);
  skb.head.set(mac(to), at);
  skb.head.set(mac(from), at + 6);
  skb.head[at + 12] = etherType >> 8;
  skb.head[at + 13] = etherType & 255;
  skb.head.set(payload, at + 14);
  skb.dev = dev;
  skb.protocol = etherType;
  skb.networkHeader = at + 14;
  devQueueXmit(skb);
}

/** What a tap on `dev` sees: "> …" sent, "< …" received, without payload. */
export function tap(dev: NetDevice): string[] {
  const seen: string[] = [];
  dev.taps.push({
    capture(skb, _dev, outgoing) {
      seen.push(`${outgoing ? ">" : "<"} ${text(skb.head.subarray(skb.data, skb.data + 14)).trim()}`);
    },
  });
  return seen;
}

/** A veth pair, both ends up: [in `net`, the station's end in a namespace of its own]. */
export function station(net: Net, name: string): [NetDevice, NetDevice] {
  const own = newNet(net.kernel, name);
  const [port, end] = createVethPair(net, name, own, "eth0");
  devOpen(port);
  devOpen(end);
  return [port, end];
}

/** Runs what is due now, and what becomes due within `ns`. */
export function run(kernel: Kernel, ns = 0): void {
  kernel.sim.run(undefined, kernel.sim.now + Math.max(ns, 1_000_000));
}
