// What does a connection, a container, a packet cost in memory?

import { openSocket } from "../../src/host/host.ts";
import { AF_INET, SOCK_RAW } from "../../src/net/core/sock.ts";
import { Lab } from "../../src/scenario/lab.ts";
import { IPPROTO_TCP } from "../../src/wire/ipv4.ts";
import { set16 } from "../../src/wire/layout.ts";
import { SYN } from "../../src/wire/tcp.ts";
import { collectGarbage, collectYoungGarbage, memoryInUse } from "../support/memory.ts";
import { natPath, PORT } from "../support/nat-path.ts";
import type { Figure } from "./figure.ts";
import { captureToFiles } from "./forward.ts";

/** Two to the power of 17 destinations, and as many ports as it takes. */
const FLOWS = 1_000_000;
const PORTS = 8;
/** Compiled code, which no container has, grows with the first two hundred: the marginal one is measured. */
const FIRST_CONTAINERS = 200;
const CONTAINERS = 400;

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
      receivers[i >> 17]!.recvInto(buffer);
    }
  };
  const receivers = [path.outside];
  for (let port = PORT + 1; port < PORT + PORTS; port++) receivers.push(path.listen(port));
  send(0, 1000);
  const { ct } = path.host.host.netns.nf;
  const [entries, before] = [ct.count, memoryInUse()];
  send(1000, FLOWS);
  return (memoryInUse() - before) / (ct.count - entries);
}

/** Connections that have sent their SYN, by a raw socket; the next machine does not answer. */
async function bytesPerTcpConntrack(): Promise<number> {
  const path = await natPath("sysctl -qw net.netfilter.nf_conntrack_max=2000000 net.netfilter.nf_conntrack_checksum=0");
  const sock = openSocket(path.containerProcess, AF_INET, SOCK_RAW, IPPROTO_TCP).sock;
  const syn = new Uint8Array(20);
  set16(syn, 0, 40000);
  syn[12] = 5 << 4;
  syn[13] = SYN;
  const to = { addr: 0, port: 0 };
  const send = (from: number, until: number): void => {
    for (let i = from; i < until; i++) {
      to.addr = 0xc6120000 + (i & 0x1ffff);
      set16(syn, 2, PORT + (i >> 17));
      sock.sendmsg(syn, { to }).next();
      path.settle();
    }
  };
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
  await start(0, FIRST_CONTAINERS);
  const before = memoryInUse();
  await start(FIRST_CONTAINERS, FIRST_CONTAINERS + CONTAINERS);
  return (memoryInUse() - before) / CONTAINERS;
}

const WINDOW = 1000;
const WINDOWS = 1000;

/** Growth of the heap over a million packets, in windows so short that no collection falls into them. */
async function heapBytesPerPacket(captured: boolean): Promise<number> {
  const path = await natPath();
  const captures = captured ? captureToFiles(path) : null;
  const sock = path.sender();
  const payload = new Uint8Array(18);
  const buffer = new Uint8Array(64);
  const options = {};
  const grown = (frames: number): number => {
    collectYoungGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < frames; i++) {
      sock.sendNow(payload, options);
      path.settle();
      path.outside.recvInto(buffer);
    }
    return process.memoryUsage().heapUsed - before;
  };
  for (let i = 0; i < 200; i++) grown(WINDOW); // JIT
  captures?.renew();
  collectGarbage();
  let bytes = 0;
  // what asking costs is not the packets'
  for (let i = 0; i < WINDOWS; i++) bytes += grown(WINDOW) - grown(0);
  captures?.remove();
  return bytes / (WINDOW * WINDOWS);
}

export const memoryFigures: readonly Figure[] = [
  { key: "bytes_per_conntrack", title: "a tracked connection", unit: "bytes", prepare: bytesPerConntrack, lower: true },
  {
    key: "bytes_per_conntrack_tcp",
    title: "… of TCP, with its windows",
    unit: "bytes",
    prepare: bytesPerTcpConntrack,
    lower: true,
  },
  { key: "bytes_per_container", title: "a container", unit: "bytes", prepare: bytesPerContainer, lower: true },
  {
    key: "heap_bytes_per_packet",
    title: "garbage of a forwarded packet",
    unit: "bytes",
    prepare: () => heapBytesPerPacket(false),
    lower: true,
  },
  {
    key: "heap_bytes_per_packet_pcap",
    title: "… with both captures in files",
    unit: "bytes",
    prepare: () => heapBytesPerPacket(true),
    lower: true,
  },
];
