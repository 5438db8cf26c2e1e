// Hand-made networks, one script and one behaviour each, against what the same lines printed on Linux.

import { describe, expect, it } from "vitest";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScenario } from "../../src/scenario/run.ts";

const PAIR = `
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip netns add b
ip link add v0 type veth peer name v1 netns b
ip addr add 10.0.0.1/24 dev v0
ip -n b addr add 10.0.0.2/24 dev v1
ip link set v0 up
ip -n b link set v1 up
ip -n b link set lo up
`;

async function stdoutOf(script: string): Promise<string> {
  let stdout = "";
  const decoder = new TextDecoder();
  const filters = nodeFilters();
  await runScenario({
    script,
    name: "scenario.sh",
    ...(filters ? { filters } : {}),
    stdout: (bytes) => {
      stdout += decoder.decode(bytes, { stream: true });
    },
  });
  return stdout;
}

describe("a network made by hand", () => {
  it("refuses a connection to a closed port of its own address on another interface", async () => {
    expect(await stdoutOf(`${PAIR}curl -s -m 1 http://10.0.0.1/; echo "exit $?"`)).toBe("exit 7\n");
  });

  it("loses tcpdump's last frames with the interface that it listens on", async () => {
    const script = `${PAIR}
(tcpdump -U -i v0 -w v0.pcap; echo "exit $?") > said.txt 2>&1 &
sleep 1
ping -c 1 -q 10.0.0.2 > /dev/null
ip link del v0
sleep 0.1
cat said.txt`;
    expect(await stdoutOf(script)).toBe(
      "tcpdump: listening on v0, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n" +
        "tcpdump: pcap_loop: The interface disappeared\n" +
        "0 packets captured\n4 packets received by filter\n0 packets dropped by kernel\nexit 1\n",
    );
  });

  it("keeps tcpdump listening through an interface that goes down and comes back", async () => {
    const script = `${PAIR}
ping -c 1 -q 10.0.0.2 > /dev/null
tcpdump -U -i v0 -w v0.pcap icmp 2>/dev/null &
sleep 1
ip link set v0 down
ip link set v0 up
ping -c 1 -q 10.0.0.2 > /dev/null
sleep 1.1
tcpdump -n -t -r v0.pcap 2>/dev/null | sed 's/id [0-9]*/id N/'`;
    expect(await stdoutOf(script)).toBe(
      "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id N, seq 1, length 64\n" +
        "IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id N, seq 1, length 64\n",
    );
  });

  it("shows tcpdump's lines within a tenth of a second with -l, but its capture file only every second", async () => {
    const script = `${PAIR}
tcpdump -l -n -i v0 icmp > lines.txt 2>/dev/null &
tcpdump -U -i v0 -w v0.pcap icmp 2>/dev/null &
sleep 1.1
ping -c 1 -q 10.0.0.2 > /dev/null
sleep 0.1
wc -l < lines.txt
stat -c %s v0.pcap
sleep 1
stat -c %s v0.pcap`;
    expect(await stdoutOf(script)).toBe("2\n24\n252\n");
  });

  it("sends pings to a broadcast address unfragmentable and so without an identification", async () => {
    const script = `${PAIR}
tcpdump -U -i v0 -w v0.pcap icmp 2>/dev/null &
sleep 1
ping -b -c 1 -W 1 10.0.0.255 > /dev/null 2>&1
sleep 1
tcpdump -n -v -t -r v0.pcap 2>/dev/null | head -1`;
    expect(await stdoutOf(script)).toBe(
      "IP (tos 0x0, ttl 64, id 0, offset 0, flags [DF], proto ICMP (1), length 84)\n",
    );
  });

  it("lets an nc client go on until its own input ends, whatever the server has closed", async () => {
    const script = `${PAIR}
ip netns exec b bash -c 'echo banner | nc -l -p 5000' &
tcpdump -U -i v0 -w v0.pcap 'tcp[tcpflags] & tcp-fin != 0' 2>/dev/null &
sleep 1
sleep 0.5 | nc 10.0.0.2 5000
sleep 1
tcpdump -n -tt -r v0.pcap 2>/dev/null | awk 'NR==1 {first=$1} {print $3, int(($1-first)*10)}' | sed 's/10.0.0.1.[0-9]*/client/'`;
    expect(await stdoutOf(script)).toBe("banner\n10.0.0.2.5000 0\nclient 4\n");
  });

  it("hears what came to an nc server before its empty input makes it close", async () => {
    const script = `${PAIR}
ip netns exec b nc -l -p 5000 > got.txt < /dev/null &
sleep 0.5
echo hello | nc 10.0.0.2 5000
sleep 0.1
cat got.txt`;
    expect(await stdoutOf(script)).toBe("hello\n");
  });
});
