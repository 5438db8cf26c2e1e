import { describe, expect, it } from "vitest";
import { readCapture } from "../../src/capture/read.ts";
import { Lab } from "../../src/scenario/lab.ts";

async function pair(): Promise<ReturnType<Lab["addHost"]>> {
  const host = new Lab().addHost("box");
  await host.sh(`
    ip netns add a
    ip link add v0 address 02:00:00:00:00:01 type veth peer name eth0 netns a address 02:00:00:00:00:02
    ip -n a addr add 10.0.0.2/24 dev eth0; ip -n a link set eth0 up
    ip addr add 10.0.0.1/24 dev v0; ip link set v0 up`);
  return host;
}

const frames = (host: ReturnType<Lab["addHost"]>, path: string): number =>
  readCapture(host.readFile(path)).frames.length;

describe("tcpdump", () => {
  it("has a frame in its file within a second of its arrival, with -U", async () => {
    const host = await pair();
    await host.sh("tcpdump -U -i v0 -w x.pcap icmp 2>/dev/null & sleep 1; ping -c 1 10.0.0.2 >/dev/null; sleep 1");
    expect(frames(host, "/root/x.pcap")).toBe(2);
  });

  it("loses what lay in the packet socket's block when it is ended", async () => {
    const host = await pair();
    const { stderr } = await host.sh(
      "tcpdump -i v0 -w x.pcap icmp & sleep 1; ping -c 1 10.0.0.2 >/dev/null; kill %1; wait",
    );
    expect(frames(host, "/root/x.pcap")).toBe(0);
    expect(stderr).toBe(
      "tcpdump: listening on v0, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n" +
        "0 packets captured\n2 packets received by filter\n0 packets dropped by kernel\n",
    );
  });

  it("loses nothing with --immediate-mode", async () => {
    const host = await pair();
    await host.sh(
      "tcpdump --immediate-mode -i v0 -w x.pcap icmp 2>/dev/null & sleep 1; ping -c 1 10.0.0.2 >/dev/null; kill %1; wait",
    );
    expect(frames(host, "/root/x.pcap")).toBe(2);
  });

  it("ends after -c packets and prints them", async () => {
    const host = await pair();
    const { stdout } = await host.sh(
      "tcpdump -n -t -c 2 -i v0 icmp 2>/dev/null & sleep 1; ping -c 3 -i 0.2 10.0.0.2 >/dev/null; wait",
    );
    expect(stdout.replace(/id \d+/g, "id N")).toBe(
      "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id N, seq 1, length 64\n" +
        "IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id N, seq 1, length 64\n",
    );
  });

  it("sees a packet on the loopback once", async () => {
    const host = await pair();
    await host.sh(
      "tcpdump --immediate-mode -i lo -w lo.pcap 2>/dev/null & sleep 1; ping -c 1 127.0.0.1 >/dev/null; kill %1; wait",
    );
    expect(frames(host, "/root/lo.pcap")).toBe(2);
  });

  it("reads a capture back through a filter", async () => {
    const host = await pair();
    const { stdout } = await host.sh(`
      tcpdump --immediate-mode -i v0 -w x.pcap 2>/dev/null & sleep 1; ping -c 1 10.0.0.2 >/dev/null; kill %1; wait
      tcpdump -n -t -r x.pcap arp 2>/dev/null | head -1
      tcpdump -r x.pcap --count icmp 2>/dev/null`);
    expect(stdout).toBe("ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28\n2 packets\n");
  });

  it("refuses an interface, a filter or an option by name", async () => {
    const host = await pair();
    const { stdout, stderr } = await host.sh(
      "tcpdump -i nope; echo $?; tcpdump -i v0 'foo bar'; echo $?; tcpdump -i v0 -E x; echo $?; tcpdump -r none.pcap; echo $?",
    );
    expect(stdout).toBe("1\n1\n1\n1\n");
    expect(stderr).toBe(
      "tcpdump: nope: No such device exists\n(No such device exists)\n" +
        "tcpdump: can't parse filter expression: syntax error\nvethlab: foo bar\nvethlab: ^^^\n" +
        "tcpdump: option -E is not emulated by vethlab\n" +
        "tcpdump: none.pcap: No such file or directory\n",
    );
  });

  it("prints a filter's program before and after optimisation, but for vlan on an interface", async () => {
    const host = await pair();
    const { stdout, stderr } = await host.sh(`
      tcpdump -O -d -i v0 icmp; tcpdump -O -dd -i any arp; tcpdump -O -ddd -s 96 -i v0 ip6
      tcpdump -ddd -i v0 'host 1.2.3.4 and inbound'; echo $?; tcpdump -O -d -i v0 vlan; echo $?; tcpdump -O -d -i v0 port 99999; echo $?`);
    expect(stdout).toBe(
      "(000) ldh      [12]\n(001) jeq      #0x800           jt 2\tjf 5\n(002) ldb      [23]\n" +
        "(003) jeq      #0x1             jt 4\tjf 5\n(004) ret      #262144\n(005) ret      #0\n" +
        "{ 0x28, 0, 0, 0x00000000 },\n{ 0x15, 0, 1, 0x00000806 },\n{ 0x6, 0, 0, 0x00040000 },\n{ 0x6, 0, 0, 0x00000000 },\n" +
        "4\n40 0 0 12\n21 0 1 34525\n6 0 0 96\n6 0 0 0\n" +
        "16\n40 0 0 12\n21 0 4 2048\n32 0 0 26\n21 8 0 16909060\n32 0 0 30\n21 6 9 16909060\n21 1 0 2054\n" +
        "21 0 7 32821\n32 0 0 28\n21 2 0 16909060\n32 0 0 38\n21 0 3 16909060\n40 0 0 4294963204\n21 1 0 4\n6 0 0 262144\n6 0 0 0\n" +
        "0\n1\n1\n",
    );
    expect(stderr).toBe(
      "tcpdump: data link type LINUX_SLL2\n" +
        "tcpdump: option -d is not emulated by vethlab for vlan on a live interface\n" +
        "tcpdump: illegal port number 99999 > 65535\nvethlab: port 99999\nvethlab:      ^^^^^\n",
    );
  });
});
