// How long does one frame take from a container through docker0, MASQUERADE and eth0 to the next machine? UDP frames are
// put on the container's eth0 as a raw socket would; the far end has nobody listening and says so within its rate limit.

import { Bench } from "tinybench";
import { devQueueXmit } from "../src/net/core/dev.ts";
import type { NetNamespace } from "../src/net/netns.ts";
import { Lab } from "../src/scenario/lab.ts";
import { parseIpv4 } from "../src/wire/addr.ts";
import * as checksum from "../src/wire/checksum.ts";
import * as ethernet from "../src/wire/ethernet.ts";
import * as ipv4 from "../src/wire/ipv4.ts";
import * as udp from "../src/wire/udp.ts";

export const question: string = "One UDP frame of 60 bytes, container → docker0 → MASQUERADE → eth0 → the next machine";
/** Frames in one run of a task. */
export const perRun = 2000;
const PAYLOAD = 18;
const CONTAINER = parseIpv4("172.17.0.2")!;
const OUTSIDE = parseIpv4("93.184.216.34")!;

async function world(captures: boolean, rules = 0): Promise<() => void> {
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("docker-host");
  const { status, stderr } = await host.sh(`
    ip netns add outside
    ip link add eth0 address 02:00:00:00:01:01 type veth peer name eth0 netns outside address 02:00:00:00:01:02
    ip addr add 172.31.179.120/20 dev eth0
    ip link set eth0 up
    ip route add default via 172.31.176.1
    ip -n outside addr add 172.31.176.1/20 dev eth0
    ip -n outside addr add 93.184.216.34/32 dev lo
    ip -n outside link set lo up
    ip -n outside link set eth0 up
    docker run -itd --name test1 busybox >/dev/null
    docker exec test1 ping -c 1 93.184.216.34 >/dev/null
  `);
  if (status !== 0) throw new Error(stderr);
  if (rules > 0) {
    const lines = Array.from(
      { length: rules },
      (_, i) => `-A FORWARD -s 10.9.${i >> 8}.${i & 255} -p tcp --dport 80 -j DROP`,
    );
    const loaded = await host.sh(`iptables-restore -n <<'X'\n*filter\n${lines.join("\n")}\nCOMMIT\nX\n`);
    if (loaded.status !== 0) throw new Error(loaded.stderr);
  }
  const pid = Number((await host.sh("docker inspect -f '{{.State.Pid}}' test1")).stdout);
  const taps = captures ? [host.tap("docker0"), host.tap("eth0")] : [];
  const { net } = host.host.machine.processes.get(pid)!.ns.net as NetNamespace;
  const dev = net.deviceByName("eth0")!;
  const gateway = host.host.netns.net.deviceByName("docker0")!;
  const { kernel } = net;
  const frame = new Uint8Array(14 + 20 + 8 + PAYLOAD);
  ethernet.setDestination(frame, 0, gateway.address);
  frame.set(dev.address, 6);
  ethernet.setEtherType(frame, 0, ethernet.ETH_P_IP);
  ipv4.emit(
    {
      tos: 0,
      totalLength: 28 + PAYLOAD,
      identification: 1,
      flagsAndOffset: ipv4.DF,
      ttl: 64,
      protocol: ipv4.IPPROTO_UDP,
      checksum: 0,
      source: CONTAINER,
      destination: OUTSIDE,
      options: new Uint8Array(0),
    },
    frame,
    14,
  );
  ipv4.updateChecksum(frame, 14);
  udp.setSourcePort(frame, 34, 40000);
  udp.setDestinationPort(frame, 34, 9);
  udp.setLength(frame, 34, 8 + PAYLOAD);
  const sum = checksum.internetChecksum(
    frame,
    34,
    frame.length,
    checksum.pseudoHeaderSum4(CONTAINER, OUTSIDE, 17, 8 + PAYLOAD),
  );
  udp.setChecksum(frame, 34, checksum.udpChecksum(sum));
  void taps;
  return () => {
    for (let i = 0; i < perRun; i++) {
      const skb = kernel.skbs.alloc(frame.length);
      const at = skb.put(frame.length);
      skb.head.set(frame, at);
      skb.protocol = ethernet.ETH_P_IP;
      skb.dev = dev;
      skb.networkHeader = at + 14;
      devQueueXmit(skb);
      lab.engine.sim.doSoftirq();
    }
  };
}

export const bench: Bench = new Bench({ time: 1500, warmupTime: 500 });
bench.add("no capture", await world(false));
bench.add("docker0 and eth0 captured", await world(true));
bench.add("no capture, 10,000 rules in FORWARD that do not match", await world(false, 10_000));
