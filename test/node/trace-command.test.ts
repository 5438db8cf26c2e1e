import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { readPcapng } from "../../src/capture/pcapng.ts";
import { type CliResult, temporaryFolder, vethlab } from "../support/cli.ts";

const SCRIPT = `ip netns add web
ip link add veth0 address 02:00:00:00:00:01 type veth peer name eth0 netns web address 02:00:00:00:00:02
ip addr add 10.0.0.1/24 dev veth0
ip link set veth0 up
ip -n web addr add 10.0.0.2/24 dev eth0
ip -n web link set eth0 up
ip netns exec web iptables -A INPUT -p udp -j DROP
ping -c 1 10.0.0.2 >/dev/null
echo hello > /dev/udp/10.0.0.2/9
exit 3
`;

let folder: string;
let script: string;

beforeEach(() => {
  folder = temporaryFolder();
  script = join(folder, "script.sh");
  writeFileSync(script, SCRIPT);
});

function trace(...args: string[]): CliResult {
  return vethlab(["trace", script, ...args]);
}

describe("vethlab trace", () => {
  it("tells the packets that pass a filter, and ends with the script's status", () => {
    expect(trace("udp port 9")).toEqual({
      status: 3,
      stderr: "",
      stdout: `#5 0.009593 IP 10.0.0.1.45697 > 10.0.0.2.9: UDP, length 6
  docker-host
    0.009593 made here, by bash (pid 1)
             route 10.0.0.0/24 dev veth0 proto kernel scope link src 10.0.0.1 (table main)
             next hop 10.0.0.2
             out veth0
  web
    0.009594 in eth0
             route local 10.0.0.2 dev eth0 table local proto kernel scope host src 10.0.0.2
             INPUT
               filter INPUT 1: -p udp -j DROP
             DROPPED by filter INPUT 1: -p udp -j DROP (NETFILTER_DROP)
`,
    });
  });

  it("counts what packets came to", () => {
    expect(trace("--summary").stdout).toBe(`5 packets
    1 delivered
       1  delivered to ping (pid 9) in docker-host
    3 taken by the kernel
       1  taken by ICMP in web
       1  taken by ARP in web
       1  taken by ARP in docker-host
    1 dropped
       1  dropped: NETFILTER_DROP in web by filter INPUT 1
`);
    expect(JSON.parse(trace("--summary", "--json", "udp").stdout)).toEqual({
      packets: 1,
      counts: [{ verdict: "dropped", namespace: "web", detail: "NETFILTER_DROP", by: "filter INPUT 1", packets: 1 }],
      copies: [],
    });
  });

  it("gives programs one object a packet and line", () => {
    const rule = { table: "filter", chain: "INPUT", number: 1, text: "-A INPUT -p udp -j DROP", target: "DROP" };
    const end = { verdict: "dropped", namespace: "web", detail: "NETFILTER_DROP", by: rule };
    const lines = trace("--json").stdout.trimEnd().split("\n");
    expect(lines.length).toBe(5);
    const { copies, time, ...packet } = JSON.parse(lines[4]!) as { copies: { steps: object[] }[]; time: number };
    expect(packet).toEqual({ packet: 5, text: "IP 10.0.0.1.45697 > 10.0.0.2.9: UDP, length 6", fate: end });
    expect(time).toBeCloseTo(0.009593, 5);
    expect(copies).toEqual([{ copy: 0, of: null, end, steps: expect.any(Array) }]);
    expect(copies[0]!.steps.map((step) => ({ ...step, time: 0 }))).toEqual([
      {
        time: 0,
        namespace: "docker-host",
        device: "veth0",
        kind: "sent",
        by: "bash (pid 1)",
        because: "",
        packet: "10.0.0.1:45697 → 10.0.0.2:9",
      },
      {
        time: 0,
        namespace: "docker-host",
        device: "veth0",
        kind: "route",
        route: "10.0.0.0/24 dev veth0 proto kernel scope link src 10.0.0.1",
        table: "main",
        rule: "",
      },
      { time: 0, namespace: "docker-host", device: "veth0", kind: "nexthop", address: "10.0.0.2" },
      {
        time: 0,
        namespace: "docker-host",
        device: "veth0",
        kind: "sight",
        direction: "out",
        interface: "docker-host/veth0",
        length: 48,
        bridge: "",
      },
      {
        time: 0,
        namespace: "web",
        device: "eth0",
        kind: "sight",
        direction: "in",
        interface: "web/eth0",
        length: 48,
        bridge: "",
      },
      {
        time: 0,
        namespace: "web",
        device: "eth0",
        kind: "route",
        route: "local 10.0.0.2 dev eth0 table local proto kernel scope host src 10.0.0.2",
        table: "local",
        rule: "",
      },
      { time: 0, namespace: "web", device: "eth0", kind: "rule", hook: "INPUT", rule, matched: true, verdict: "DROP" },
    ]);
  });

  it("lists the kernel's functions in pwru's columns", () => {
    expect(trace("--functions", "--packet", "5").stdout).toBe(
      `SKB TIME     NETNS       MARK/x IFACE   PROTO  MTU  LEN TUPLE                           FUNC
#5  0.009593 docker-host 0      veth0:2 0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) __ip_local_out
#5  0.009593 docker-host 0      veth0:2 0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) ip_output
#5  0.009593 docker-host 0      veth0:2 0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) ip_finish_output2
#5  0.009593 docker-host 0      veth0:2 0x0800 1500 48  10.0.0.1:45697->10.0.0.2:9(udp) __dev_queue_xmit
#5  0.009593 docker-host 0      veth0:2 0x0800 1500 48  10.0.0.1:45697->10.0.0.2:9(udp) dev_hard_start_xmit
#5  0.009593 docker-host 0      veth0:2 0x0800 1500 48  10.0.0.1:45697->10.0.0.2:9(udp) veth_xmit
#5  0.009594 web         0      eth0:2  0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) __netif_receive_skb_core
#5  0.009594 web         0      eth0:2  0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) ip_rcv
#5  0.009594 web         0      eth0:2  0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) ip_route_input_noref
#5  0.009594 web         0      eth0:2  0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) ip_local_deliver
#5  0.009594 web         0      eth0:2  0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) nf_hook_slow
#5  0.009594 web         0      eth0:2  0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) nft_do_chain
#5  0.009594 web         0      eth0:2  0x0800 1500 34  10.0.0.1:45697->10.0.0.2:9(udp) sk_skb_reason_drop(SKB_DROP_REASON_NETFILTER_DROP)
`,
    );
  });

  it("writes to a file", () => {
    const file = join(folder, "way.txt");
    expect(trace("--out", file, "--packet", "2")).toEqual({ status: 3, stdout: "", stderr: "" });
    expect(readFileSync(file, "utf8")).toMatch(/^#2 .* ARP, Request who-has 10\.0\.0\.2 tell 10\.0\.0\.1, length 28\n/);
  });

  it.each([
    [[], "trace takes a script; see vethlab trace --help"],
    [["SCRIPT", "icmp and"], "in the filter 'icmp and': can't parse filter expression: syntax error"],
    [["SCRIPT", "--functions", "--json"], "--functions goes without --json, --summary and --all-rules"],
    [["SCRIPT", "--summary", "--all-rules"], "--summary goes without --all-rules"],
    [["SCRIPT", "--packet", "first"], "--packet takes a whole number up to 9007199254740991, not 'first'"],
    [["SCRIPT", "--colour"], "Unknown option '--colour'"],
  ])("refuses %j in one line", (args, complaint) => {
    const given = args.map((word) => (word === "SCRIPT" ? script : word));
    expect(vethlab(["trace", ...given])).toEqual({ status: 2, stdout: "", stderr: `vethlab: ${complaint}\n` });
  });
});

describe("vethlab run --pcapng", () => {
  it("writes one annotated capture, and says so", () => {
    const file = join(folder, "all.pcapng");
    const { status, stdout, stderr } = vethlab(["run", script, "--out", folder, "--pcapng", file]);
    expect([status, stdout, stderr]).toEqual([3, "", `vethlab: ${file}: 10 frames\n`]);
    const { frames, interfaces } = readPcapng(new Uint8Array(readFileSync(file)));
    expect(frames.length).toBe(10);
    expect(interfaces.map(({ name }) => name)).toEqual(["docker-host/veth0", "web/eth0"]);
  });

  it("is not begun when its file cannot be made", () => {
    const file = join(folder, "none", "all.pcapng");
    expect(vethlab(["run", script, "--out", folder, "--pcapng", file])).toEqual({
      status: 1,
      stdout: "",
      stderr: `vethlab: ${file}: no such file or directory\n`,
    });
  });

  it("is refused for several scripts at once", () => {
    expect(vethlab(["run", script, "-j", "2", "--pcapng", "x"])).toEqual({
      status: 2,
      stdout: "",
      stderr: "vethlab: --pcapng is one script's: it does not go with --jobs\n",
    });
  });
});
