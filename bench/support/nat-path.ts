// The path that the benchmarks run: a container's UDP socket → eth0 → veth → docker0 → Docker's rules and MASQUERADE → eth0 →
// the next machine's socket. Built by the same commands that a scenario would use.

import { openSocket } from "../../src/host/host.ts";
import { AF_INET, SOCK_DGRAM } from "../../src/net/core/sock.ts";
import type { UdpSock } from "../../src/net/ipv4/udp.ts";
import type { NetNamespace } from "../../src/net/netns.ts";
import type { Process } from "../../src/posix/process.ts";
import { Lab, type LabHost } from "../../src/scenario/lab.ts";
import { parseIpv4 } from "../../src/wire/addr.ts";

export const CONTAINER: number = parseIpv4("172.17.0.2")!;
export const HOST: number = parseIpv4("172.31.179.120")!;
export const OUTSIDE: number = parseIpv4("93.184.216.34")!;
export const PORT = 9999;

export interface NatPath {
  readonly lab: Lab;
  readonly host: LabHost;
  readonly container: NetNamespace;
  readonly containerProcess: Process;
  /** as the host counts it */
  readonly containerPid: number;
  readonly outsideHost: LabHost;
  /** bound to PORT */
  readonly outside: UdpSock;
  /** a further socket there */
  listen(port: number): UdpSock;
  /** a connected UDP socket in the container, bound to the port, if one is given */
  sender(port?: number): UdpSock;
  /** everything that is on its way arrives */
  settle(): void;
}

/** @param more commands on the host before the container starts */
export async function natPath(more = ""): Promise<NatPath> {
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("docker-host");
  const outsideHost = lab.addHost("outside");
  lab.cable(
    { host, name: "eth0", mac: "02:00:00:00:01:01" },
    { host: outsideHost, name: "eth0", mac: "02:00:00:00:01:02" },
  );
  await run(outsideHost, "ip addr add 172.31.176.1/20 dev eth0; ip addr add 93.184.216.34/32 dev lo");
  await run(
    host,
    `ip addr add 172.31.179.120/20 dev eth0
     ip route add default via 172.31.176.1
     ${more}
     docker run -itd --name box busybox >/dev/null
     docker exec box ping -c 1 93.184.216.34 >/dev/null`,
  );
  const pid = Number((await host.sh("docker inspect -f '{{.State.Pid}}' box")).stdout);
  const containerProcess = host.host.machine.processes.get(pid)!;
  const container = containerProcess.ns.net as NetNamespace;
  const listen = (port: number): UdpSock => {
    const sock = outsideHost.host.netns.socket(AF_INET, SOCK_DGRAM, 0).sock as UdpSock;
    sock.bind({ addr: 0, port });
    return sock;
  };
  const { sim } = lab.engine;
  return {
    lab,
    host,
    container,
    containerProcess,
    containerPid: pid,
    outsideHost,
    outside: listen(PORT),
    listen,
    sender(port) {
      const sock = openSocket(containerProcess, AF_INET, SOCK_DGRAM).sock as UdpSock;
      if (port !== undefined) sock.bind({ addr: 0, port });
      sock.connectStart({ addr: OUTSIDE, port: PORT });
      return sock;
    },
    settle() {
      sim.doSoftirq();
      if (sim.needResched()) sim.run(undefined, sim.now);
    },
  };
}

async function run(host: LabHost, script: string): Promise<void> {
  const { status, stderr } = await host.sh(script);
  if (status !== 0) throw new Error(stderr);
}
