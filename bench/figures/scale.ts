// How long does it take to come up: a process, and many containers, networks, namespaces? And what does a frame for all cost?

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { AF_INET, SOCK_DGRAM } from "../../src/net/core/sock.ts";
import type { UdpSock } from "../../src/net/ipv4/udp.ts";
import { Lab, type LabHost } from "../../src/scenario/lab.ts";
import { netnsByName } from "../../src/tools/ip/netns-names.ts";
import { parseIpv4 } from "../../src/wire/addr.ts";
import type { Batch, Figure } from "./figure.ts";

/** bench/figures and out/bench, where the bundle is, are equally deep. */
const root = fileURLToPath(new URL("../../", import.meta.url));

function medianMs(runs: number, args: readonly string[]): number {
  const times = Array.from({ length: runs }, () => {
    const began = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return performance.now() - began;
  });
  return times.sort((a, b) => a - b)[runs >> 1]!;
}

/** `vethlab run` of a scenario in a fresh process, in times of `node -e 0`; needs `npm run build`. */
async function coldStart(): Promise<number> {
  const script = "fixtures/kernel/02-published-port/scenario.sh";
  const bare = medianMs(9, ["-e", "0"]);
  return medianMs(9, ["dist/bin/cli.js", "run", script, "--out", "out/bench", "--quiet"]) / bare;
}

async function containersPerSecond(): Promise<number> {
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("docker-host");
  const count = 300;
  const began = performance.now();
  const { status, stderr } = await host.sh(
    `for i in $(seq ${count}); do docker run -d --name c$i busybox sleep 1d >/dev/null || exit 1; done`,
  );
  if (status !== 0) throw new Error(stderr);
  return (count * 1000) / (performance.now() - began);
}

async function networksPerSecond(): Promise<number> {
  const host = new Lab({ seed: 1 }).addHost("docker-host");
  const count = 1000;
  const began = performance.now();
  await run(
    host,
    `for i in $(seq ${count}); do docker network create --subnet 10.$((i/250)).$((i%250)).0/24 n$i >/dev/null || exit 1; done`,
  );
  return (count * 1000) / (performance.now() - began);
}

const HOSTS = 10;
const NAMESPACES = 1000;

async function run(host: LabHost, script: string): Promise<void> {
  const { status, stderr } = await host.sh(script);
  if (status !== 0 || stderr !== "") throw new Error(stderr);
}

/** Namespaces n1 … on the bridge br0 of a host, with the addresses of `net`.0.0/16 from `net`.0.2 on; their router is br0. */
async function namespaces(host: LabHost, count: number, net: string): Promise<void> {
  await run(
    host,
    `sysctl -qw net.ipv4.ip_forward=1
     ip link add br0 type bridge
     ip addr add ${net}.0.1/16 dev br0
     ip link set br0 up
     for i in $(seq ${count}); do
       ip netns add n$i
       ip link add v$i type veth peer name eth0 netns n$i
       ip link set v$i master br0 up
       ip -n n$i addr add ${net}.$((i/250)).$((i%250+2))/16 dev eth0
       ip -n n$i link set eth0 up
       ip -n n$i route add default via ${net}.0.1
     done`,
  );
}

/** Ten hosts around a switch, a thousand namespaces in each. */
async function bigLab(): Promise<LabHost[]> {
  const lab = new Lab({ seed: 1 });
  const wires = lab.addHost("switch");
  await run(wires, "ip link add sw type bridge; ip link set sw up");
  const hosts: LabHost[] = [];
  for (let h = 0; h < HOSTS; h++) {
    const host = lab.addHost(`host${h}`);
    lab.cable({ host, name: "eth0" }, { host: wires, name: `port${h}` });
    await run(wires, `ip link set port${h} master sw up`);
    await namespaces(host, NAMESPACES, `10.${h}`);
    await run(host, `ip addr add 192.168.0.${h + 1}/24 dev eth0; ip link set eth0 up`);
    for (let other = 0; other < HOSTS; other++)
      if (other !== h) await run(host, `ip route add 10.${other}.0.0/16 via 192.168.0.${other + 1}`);
    hosts.push(host);
  }
  return hosts;
}

async function namespacesPerSecond(): Promise<number> {
  const began = performance.now();
  await bigLab();
  return (HOSTS * NAMESPACES * 1000) / (performance.now() - began);
}

/** From a namespace of the first host to one of the last: the script, the program, ARP on all three links. */
async function firstPing(): Promise<number> {
  const hosts = await bigLab();
  const began = performance.now();
  const { status, stdout } = await hosts[0]!.sh(`ip netns exec n${NAMESPACES} ping -c 1 10.${HOSTS - 1}.4.2`);
  if (status !== 0) throw new Error(stdout);
  return performance.now() - began;
}

/** A datagram to all, from one namespace on a bridge to the others; counted as often as it arrives. */
async function broadcast(): Promise<Batch> {
  const ports = 1000;
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("host");
  await namespaces(host, ports, "10.0");
  await run(host, "sleep 3"); // what the devices say when they come up is over
  const sock = netnsByName(host.host, "n1").socket(AF_INET, SOCK_DGRAM, 0).sock as UdpSock;
  sock.broadcast = true;
  const last = netnsByName(host.host, `n${ports}`);
  const { rxPackets } = last.net.deviceByName("eth0")!.stats;
  const payload = new Uint8Array(18);
  const options = { to: { addr: parseIpv4("10.0.255.255")!, port: 9 } };
  const frames = 20;
  let sent = 0;
  return {
    units: frames * (ports - 1),
    run() {
      for (let i = 0; i < frames; i++) {
        sock.sendNow(payload, options);
        lab.engine.sim.doSoftirq();
      }
      sent += frames;
    },
    check() {
      const got = last.net.deviceByName("eth0")!.stats.rxPackets - rxPackets;
      if (got !== sent) throw new Error(`${sent} broadcasts were sent and ${got} came to the last port`);
    },
  };
}

export const scaleFigures: readonly Figure[] = [
  {
    key: "cold_start",
    title: "vethlab run of 02 in a fresh process",
    unit: "× node -e 0",
    prepare: coldStart,
    lower: true,
  },
  {
    key: "containers_per_second",
    title: "docker run, 300 times",
    unit: "containers/s",
    prepare: containersPerSecond,
    repeat: 3,
    once: true,
  },
  {
    key: "networks_per_second",
    title: "docker network create, 1,000 times",
    unit: "networks/s",
    prepare: networksPerSecond,
    once: true,
  },
  {
    key: "namespaces_per_second",
    title: "10,000 namespaces with veth pairs in ten hosts",
    unit: "namespaces/s",
    prepare: namespacesPerSecond,
    once: true,
  },
  {
    key: "first_ping_ms",
    title: "first ping between the farthest two of them",
    unit: "ms",
    prepare: firstPing,
    once: true,
    lower: true,
  },
  {
    key: "broadcast_1000_ports",
    title: "a broadcast on a bridge of 1,000 ports, received",
    unit: "frames/s",
    prepare: broadcast,
  },
];
