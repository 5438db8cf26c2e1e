// What does a connection, a container, a packet cost in memory?

import { openSocket } from "../../src/host/host.ts";
import { AF_INET, SOCK_RAW } from "../../src/net/core/sock.ts";
import { TcpState } from "../../src/net/netfilter/proto-tcp-track.ts";
import { Lab } from "../../src/scenario/lab.ts";
import { IPPROTO_RAW, IPPROTO_TCP } from "../../src/wire/ipv4.ts";
import { set16, set32 } from "../../src/wire/layout.ts";
import { ACK, SYN } from "../../src/wire/tcp.ts";
import { collectGarbage, collectYoungGarbage, memoryInUse } from "../support/memory.ts";
import { HOST, natPath, PORT } from "../support/nat-path.ts";
import type { Figure } from "./figure.ts";
import { captureToFiles } from "./forward.ts";

/** Two to the power of 17 destinations, and as many ports as it takes. */
const FLOWS = 1_000_000;
const PORTS = 8;
const LOCAL_PORT = 40000;
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

/** Connections whose both ends have spoken, in three segments by raw sockets; what answers goes no further than the tracker. */
async function bytesPerTcpConntrack(): Promise<number> {
  const path = await natPath(
    "sysctl -qw net.netfilter.nf_conntrack_max=2000000 net.netfilter.nf_conntrack_checksum=0\n" +
      "iptables -I FORWARD -i eth0 -p tcp -j DROP",
  );
  const out = openSocket(path.containerProcess, AF_INET, SOCK_RAW, IPPROTO_TCP).sock;
  const back = path.outsideHost.host.netns.socket(AF_INET, SOCK_RAW, IPPROTO_RAW).sock;
  const to = { addr: 0, port: 0 };
  const segment = new Uint8Array(20);
  segment[12] = 5 << 4;
  set16(segment, 0, LOCAL_PORT);
  set16(segment, 14, 0xfaf0);
  const answer = new Uint8Array(40);
  answer.set([0x45, 0, 0, 40, 0, 0, 0, 0, 64, IPPROTO_TCP]);
  set32(answer, 16, HOST);
  set16(answer, 22, LOCAL_PORT);
  answer[32] = 5 << 4;
  answer[33] = SYN | ACK;
  set16(answer, 34, 0xffff);
  const toHost = { addr: HOST, port: 0 };
  const open = (from: number, until: number): void => {
    for (let i = from; i < until; i++) {
      to.addr = 0xc6120000 + (i & 0x1ffff);
      const port = PORT + (i >> 17);
      const [seq, ackSeq] = [Math.imul(i, 0x9e3779b1), Math.imul(i, 0x85ebca6b)];
      set16(segment, 2, port);
      set32(segment, 4, seq);
      set32(segment, 8, 0);
      segment[13] = SYN;
      out.sendmsg(segment, { to }).next();
      path.settle();
      set32(answer, 12, to.addr);
      set16(answer, 20, port);
      set32(answer, 24, ackSeq);
      set32(answer, 28, seq + 1);
      back.sendmsg(answer, { to: toHost }).next();
      path.settle();
      set32(segment, 4, seq + 1);
      set32(segment, 8, ackSeq + 1);
      segment[13] = ACK;
      out.sendmsg(segment, { to }).next();
      path.settle();
    }
  };
  open(0, 1000);
  const { ct } = path.host.host.netns.nf;
  const [entries, before] = [ct.count, memoryInUse()];
  open(1000, FLOWS);
  const perEntry = (memoryInUse() - before) / (ct.count - entries);
  if (ct.list.slice(-10).some(({ tcpState }) => tcpState !== TcpState.ESTABLISHED)) throw new Error("not established");
  return perEntry;
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
