// The benchmarks' path on the real kernel, in network namespaces of its own: container's eth0 → veth → docker0 → Docker's rules and
// MASQUERADE → eth0 → outside. Offloads are off on every device. Nothing outside these namespaces is touched.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const OUTSIDE = "93.184.216.34";
const PORT = "9999";
const SINK_PORT = "8000";
/** 198.18.0.0/15, for benchmarks (RFC 2544) */
const FIRST_DESTINATION = "198.18.0.0";
const FLOWS = 50_000;

/** The machine cannot do it; the message is one line. */
export class Unable extends Error {}

export interface KernelRound {
  /** frames or segments that arrived outside, per second */
  readonly perSecond: number;
  /** the same per second of processor time: of sender, receiver, tcpdumps and the kernel's threads for softirqs together */
  readonly perCpuSecond: number;
  /** part of the frames that the tcpdumps say they lost; 0 without */
  readonly lost: number;
}

export class KernelPath {
  private static made = 0;
  private readonly work: string;
  private readonly container: string;
  private readonly host: string;
  private readonly outside: string;
  private readonly softirqThreads = pidsOf("ksoftirqd/");
  private sink: ChildProcess | null = null;

  /** @param work folder with the program `traffic`, where captures go; @param rules, more for iptables-restore */
  constructor(work: string, rules: string, more: string) {
    this.work = work;
    const tag = `vlb${process.pid}-${KernelPath.made++}`;
    this.container = `${tag}-c`;
    this.host = `${tag}-h`;
    this.outside = `${tag}-o`;
    try {
      this.build(rules, more);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  private build(rules: string, more: string): void {
    const { container: c, host: h, outside: o } = this;
    for (const name of [c, h, o]) {
      sh(`ip netns add ${name}`);
      const quiet = "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";
      sh(`ip -n ${name} link set lo up && ip netns exec ${name} sysctl -qw ${quiet}`);
    }
    sh(`ip -n ${h} link add docker0 type bridge
      ip -n ${h} addr add 172.17.0.1/16 dev docker0
      ip -n ${h} link set docker0 up
      ip -n ${h} link add veth1 type veth peer name eth0 netns ${c}
      ip -n ${h} link set veth1 master docker0 up
      ip -n ${c} addr add 172.17.0.2/16 dev eth0
      ip -n ${c} link set eth0 up
      ip -n ${c} route add default via 172.17.0.1
      ip -n ${h} link add eth0 type veth peer name eth0 netns ${o}
      ip -n ${h} addr add 172.31.179.120/20 dev eth0
      ip -n ${h} link set eth0 up
      ip -n ${h} route add default via 172.31.176.1
      ip -n ${o} addr add 172.31.176.1/20 dev eth0
      ip -n ${o} addr add ${OUTSIDE}/32 dev lo
      ip -n ${o} link set eth0 up
      ip netns exec ${h} sysctl -qw net.ipv4.ip_forward=1
      for at in "${c} eth0" "${h} veth1" "${h} docker0" "${h} eth0" "${o} eth0"; do
        set -- $at
        ip netns exec $1 ethtool -K $2 tso off gso off gro off >/dev/null
      done`);
    const restore = sh("command -v iptables-legacy-restore || command -v iptables-restore").trim();
    sh(`ip netns exec ${h} ${restore}`, rules);
    if (more !== "") sh(`ip netns exec ${h} ${restore} -n`, more);
    sh(`ip netns exec ${c} ping -c 1 -W 2 ${OUTSIDE}`);
    // datagrams are counted when they have arrived, not read
    sh(`ip netns exec ${o} ${restore.replace("-restore", "")} -t raw -A PREROUTING -p udp -j DROP`);
  }

  /** Datagrams of one flow for some seconds. */
  async udp(payload: number, seconds: number, captured: boolean): Promise<KernelRound> {
    return await this.measure(`udp ${OUTSIDE} ${PORT} ${payload} ${seconds}`, captured);
  }

  /** A datagram for each of FLOWS connections that conntrack has not seen. */
  async newFlows(payload: number): Promise<KernelRound> {
    return await this.measure(`flows ${FIRST_DESTINATION} ${PORT} ${payload} ${FLOWS}`, false);
  }

  /** Full-size data segments of one connection. */
  async tcp(seconds: number): Promise<KernelRound> {
    this.sink ??= spawn("ip", ["netns", "exec", this.outside, join(this.work, "traffic"), "sink", SINK_PORT], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    return await this.measure(`tcp ${OUTSIDE} ${SINK_PORT} ${seconds}`, false);
  }

  private async measure(traffic: string, captured: boolean): Promise<KernelRound> {
    const dumps = captured ? ["docker0", "eth0"].map((name) => this.startDump(name)) : [];
    if (captured) await new Promise((resolve) => setTimeout(resolve, 600));
    const others = [...dumps, ...(traffic.startsWith("tcp") ? [this.sink!] : [])];
    const pids = [...others.map(({ pid }) => pid!), ...this.softirqThreads];
    const busy = (): number => pids.reduce((sum, pid) => sum + processorSeconds(pid), 0);
    const [before, busyBefore] = [this.arrived(), busy()];
    const text = sh(`ip netns exec ${this.container} ${join(this.work, "traffic")} ${traffic}`);
    const { seconds, cpu } = JSON.parse(text) as { readonly seconds: number; readonly cpu: number };
    await new Promise((resolve) => setTimeout(resolve, 50));
    const frames = this.arrived() - before;
    const perCpuSecond = frames / (cpu + busy() - busyBefore);
    const lost = await Promise.all(dumps.map((dump) => endDump(dump)));
    for (const file of readdirSync(this.work)) if (file.endsWith(".pcap")) rmSync(join(this.work, file));
    return { perSecond: frames / seconds, perCpuSecond, lost: lost.length === 0 ? 0 : Math.max(...lost) / frames };
  }

  private arrived(): number {
    return Number(sh(`ip netns exec ${this.outside} cat /sys/class/net/eth0/statistics/rx_packets`));
  }

  private startDump(name: string): ChildProcess {
    const file = join(this.work, `${name}.pcap`);
    const args = ["netns", "exec", this.host, "tcpdump", "-Z", "root", "-nn", "-i", name, "-w", file];
    return spawn("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
  }

  remove(): void {
    this.sink?.kill();
    for (const name of [this.container, this.host, this.outside]) {
      try {
        sh(`ip netns del ${name}`);
      } catch {
        // it was not made
      }
    }
  }
}

function pidsOf(name: string): number[] {
  const isIt = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith(name);
    } catch {
      return false; // it has ended
    }
  };
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && isIt(pid))
    .map(Number);
}

/** That a process of one thread has had. */
function processorSeconds(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e9;
}

/** Ends a tcpdump; the packets that it says were dropped. */
async function endDump(dump: ChildProcess): Promise<number> {
  let text = "";
  dump.stderr!.on("data", (piece: Buffer) => {
    text += piece.toString();
  });
  const ended = new Promise((resolve) => dump.once("close", resolve));
  dump.kill("SIGTERM");
  await ended;
  return Number(/(\d+) packets dropped by kernel/.exec(text)?.[1] ?? 0);
}

/** Runs a script; throws Unable with the first line that it complained. */
export function sh(script: string, input = ""): string {
  try {
    return execFileSync("sh", ["-ec", script], { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const line = stderr?.split("\n").find((one) => one.trim() !== "");
    throw new Unable(line ?? `${script.trim().split("\n")[0]}: failed`);
  }
}

/** Throws Unable when root, namespaces or a program is missing. Builds `traffic` in the folder. */
export function prepareMachine(work: string, source: string): void {
  if (process.getuid?.() !== 0) throw new Unable("needs root, for network namespaces");
  const missing = ["ip", "sysctl", "ethtool", "ping", "tcpdump", "cc"].filter((name) => !found(name));
  if (!found("iptables-restore")) missing.push("iptables");
  if (missing.length > 0) throw new Unable(`these programs are missing: ${missing.join(", ")}`);
  sh(`cc -O2 -o ${join(work, "traffic")} ${source}`);
}

function found(name: string): boolean {
  try {
    sh(`command -v ${name}`);
    return true;
  } catch {
    return false;
  }
}

/** Linux's version and the processor, for the table's head. */
export function machine(): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unknown processor";
  const cpus = readFileSync("/proc/cpuinfo", "utf8").match(/^processor/gm)?.length ?? 1;
  return `Linux ${sh("uname -r").trim()}, Node ${process.version}, ${cpus} × ${model}`;
}
