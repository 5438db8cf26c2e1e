// iperf3, held against what Debian 12's 3.12 printed on a real kernel: tests.sh and mistakes.sh were recorded, tests.txt and
// mistakes.txt are their output. How fast it is is the machine's; the form is compared.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Lab } from "../../../src/scenario/lab.ts";

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");

/** A report without its numbers, units of speed, and what the machine is called. */
function form(text: string): string {
  return text
    .replace(/("system_info":|"time":|"cookie":|Cookie:|Time:|^Linux).*$/gm, "$1")
    .replace(/\d+(\.\d+)?(e-?\d+)?/g, "N")
    .replace(/[KMG]?(bits|Bytes)/g, "$1")
    .replace(/ +/g, " ");
}

const NET = `
  ip netns add lan
  ip link add eth0 netns lan type veth peer name lan0
  ip addr add 10.1.0.1/24 dev lan0
  ip link set lan0 up
  ip -n lan addr add 10.1.0.2/24 dev eth0
  ip -n lan link set eth0 up
`;

async function run(script: string): Promise<string> {
  const { stdout } = await new Lab({ seed: 1 }).addHost("docker-host").sh(script);
  return stdout;
}

for (const [name, what] of [
  ["tests", "tests over TCP and UDP"],
  ["bidir", "tests in both directions at once"],
  ["options", "tests with titles, times, the server's output and other options"],
] as const) {
  test(`iperf3's ${what} print reports of the real program's form, as text and as JSON`, async () => {
    expect(form(await run(read(`${name}.sh`)))).toBe(form(read(`${name}.txt`)));
  });
}

test("iperf3's mistakes are told in the real program's words", async () => {
  expect(await run(read("mistakes.sh"))).toBe(read("mistakes.txt"));
});

test("iperf3 -b sends at the rate that it is told", async () => {
  const out = await run(`${NET}
    iperf3 -s -1 >/dev/null & sleep 1
    ip netns exec lan iperf3 -c 10.1.0.1 -t 4 -b 10M -J`);
  const { end } = JSON.parse(out) as { end: Record<string, { bits_per_second: number }> };
  for (const sum of ["sum_sent", "sum_received"]) {
    expect(end[sum]!.bits_per_second / 10e6).toBeGreaterThan(0.97);
    expect(end[sum]!.bits_per_second / 10e6).toBeLessThan(1.06);
  }
});

test("a UDP test tells which datagrams a rule dropped", async () => {
  const out = await run(`${NET}
    iptables -A INPUT -p udp --dport 5201 -m statistic --mode nth --every 10 --packet 5 -j DROP
    iperf3 -s -1 >/dev/null & sleep 1
    ip netns exec lan iperf3 -c 10.1.0.1 -u -b 1M -t 1`);
  expect(
    out
      .split("\n")
      .filter((line) => /sender|receiver/.test(line))
      .map((line) => line.replace(/.*ms {2}/, "")),
  ).toEqual(["0/87 (0%)  sender", "9/87 (10%)  receiver"]);
});

test("a second client is turned away while a test runs", async () => {
  const out = await run(`${NET}
    iperf3 -s >/dev/null & sleep 1
    ip netns exec lan iperf3 -c 10.1.0.1 -t 3 -b 1M >/dev/null & sleep 1
    ip netns exec lan iperf3 -c 10.1.0.1 2>&1; echo $?`);
  expect(out).toBe("iperf3: error - the server is busy running a test. try again later\n1\n");
});

test("the control connection carries cookie, parameters, states and results", async () => {
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("docker-host");
  const { stdout } = await host.sh(`${NET}
    tcpdump -U -i lan0 -w lan0.pcap tcp port 5201 2>/dev/null & sleep 1
    iperf3 -s -1 >/dev/null & sleep 1
    ip netns exec lan iperf3 -c 10.1.0.1 -k 2 -l 1K >/dev/null
    sleep 1
    tcpdump -n -r lan0.pcap 'tcp[12:1] = 0x80 and tcp[13:1] & 8 != 0' 2>/dev/null | sed 's/.*length //' | tr '\\n' ' '`);
  // cookie, PARAM_EXCHANGE, length, parameters, CREATE_STREAMS, the stream's cookie, TEST_START, TEST_RUNNING, data, TEST_END,
  // EXCHANGE_RESULTS, lengths and results both ways, DISPLAY_RESULTS, IPERF_DONE
  expect(stdout.replace(/ (1\d\d|2\d\d|3\d\d)\b/g, " JSON").trim()).toBe(
    "37 1 4 JSON 1 37 1 1 1024 1024 1 1 4 JSON 4 JSON 1 1",
  );
});

test("-S marks the streams' packets but for the cookie, not the control connection's", async () => {
  const lab = new Lab({ seed: 1 });
  const { stdout } = await lab.addHost("docker-host").sh(`${NET}
    tcpdump -U -i lan0 -w lan0.pcap tcp 2>/dev/null & sleep 1
    iperf3 -s -1 >/dev/null & sleep 1
    ip netns exec lan iperf3 -c 10.1.0.1 -k 2 -l 1K -S 0x28 --cport 40000 >/dev/null
    sleep 1
    for filter in 'src port 40000' 'dst port 40000' 'not port 40000'; do
      tcpdump -v -n -r lan0.pcap "tcp[13] & 8 != 0 and $filter" 2>/dev/null | grep -o 'tos 0x[0-9a-f]*' | sort -u
    done
    tcpdump -v -n -r lan0.pcap 'dst port 40000 and tcp[13] & 2 == 0' 2>/dev/null | grep -o 'tos 0x[0-9a-f]*' | sort | uniq -c | tail -1`);
  expect(stdout.replace(/ +\d+ /, "")).toBe("tos 0x0\ntos 0x28\ntos 0x0\ntos 0x28\n");
});

test("what iperf3 here does not do is refused by name", async () => {
  expect(await run("iperf3 -c 10.1.0.1 -Z 2>&1; echo $?; iperf3 -c 10.1.0.1 --sctp 2>&1; echo $?")).toBe(
    "vethlab: iperf3: -Z is not supported\n1\nvethlab: iperf3: --sctp is not supported\n1\n",
  );
});
