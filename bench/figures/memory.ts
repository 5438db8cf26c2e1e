// What does a connection, a container, a packet cost in memory?

import { Lab } from "../../src/scenario/lab.ts";
import { collectGarbage, memoryInUse } from "../support/memory.ts";
import { natPath, PORT } from "../support/nat-path.ts";
import type { Figure } from "./figure.ts";

const FLOWS = 200_000;
const CONTAINERS = 200;

async function bytesPerConntrack(): Promise<number> {
  const path = await natPath("sysctl -qw net.netfilter.nf_conntrack_max=2000000");
  await path.outsideHost.sh("ip route add local 198.18.0.0/15 dev lo");
  const sock = path.sender();
  sock.disconnect();
  const payload = new Uint8Array(18);
  const buffer = new Uint8Array(64);
  const to = { addr: 0, port: PORT };
  const send = (from: number, until: number): void => {
    for (let i = from; i < until; i++) {
      to.addr = 0xc6120000 + (i & 0x1ffff);
      to.port = PORT + (i >> 17);
      sock.sendNow(payload, { to });
      path.settle();
      path.outside.recvInto(buffer);
    }
  };
  path.listen(PORT + 1);
  send(0, 1000);
  const { ct } = path.host.host.netns.nf;
  const [entries, before] = [ct.count, memoryInUse()];
  send(1000, FLOWS);
  return (memoryInUse() - before) / (ct.count - entries);
}

async function bytesPerContainer(): Promise<number> {
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("docker-host");
  const start = async (from: number, to: number): Promise<void> => {
    const { status, stderr } = await host.sh(
      `for i in $(seq ${from} ${to - 1}); do docker run -d --name c$i busybox sleep 1d >/dev/null || exit 1; done`,
    );
    if (status !== 0) throw new Error(stderr);
  };
  await start(0, 20);
  const before = memoryInUse();
  await start(20, 20 + CONTAINERS);
  return (memoryInUse() - before) / CONTAINERS;
}

/** Growth of the heap over packets, where no collection fell in between. */
async function heapBytesPerPacket(): Promise<number> {
  const path = await natPath();
  const sock = path.sender();
  const payload = new Uint8Array(18);
  const buffer = new Uint8Array(64);
  const options = {};
  const send = (frames: number): void => {
    for (let i = 0; i < frames; i++) {
      sock.sendNow(payload, options);
      path.settle();
      path.outside.recvInto(buffer);
    }
  };
  send(200_000);
  const grown: number[] = [];
  for (let i = 0; i < 100; i++) {
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    send(1000);
    grown.push((process.memoryUsage().heapUsed - before) / 1000);
  }
  return grown.sort((a, b) => a - b)[50]!;
}

export const memoryFigures: readonly Figure[] = [
  { key: "bytes_per_conntrack", title: "a tracked connection", unit: "bytes", prepare: bytesPerConntrack, lower: true },
  { key: "bytes_per_container", title: "a container", unit: "bytes", prepare: bytesPerContainer, lower: true },
  {
    key: "heap_bytes_per_packet",
    title: "garbage of a forwarded packet",
    unit: "bytes",
    prepare: heapBytesPerPacket,
    lower: true,
  },
];
