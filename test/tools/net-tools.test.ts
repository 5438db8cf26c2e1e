import { expect, it } from "vitest";
import { Lab } from "../../src/scenario/lab.ts";

// Texts as net-tools 2.10 printed them on a recorded kernel.

async function pair(): Promise<ReturnType<Lab["addHost"]>> {
  const host = new Lab().addHost("box");
  const { stderr } = await host.sh(`
    ip netns add a
    ip link add v0 address 02:00:00:00:00:01 type veth peer name eth0 netns a address 02:00:00:00:00:02
    ip -n a addr add 10.0.0.2/24 dev eth0; ip -n a link set eth0 up
    ifconfig v0 10.0.0.1/24 up
    sleep 2 # both ends have the number 2: only the next round of the link watch finds this one running`);
  expect(stderr).toBe("");
  return host;
}

it("a capture makes an interface look promiscuous in /sys only", async () => {
  const host = await pair();
  const { stdout } = await host.sh(
    "tcpdump -i v0 -w x.pcap 2>/dev/null & sleep 1; ifconfig v0 | head -1; cat /sys/class/net/v0/flags",
  );
  expect(stdout).toBe("v0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n0x1103\n");
});

it("promiscuity that was asked for shows", async () => {
  const host = await pair();
  const { stdout } = await host.sh(
    "ifconfig v0 promisc; ifconfig v0 | head -1; ifconfig v0 -promisc; ifconfig v0 | head -1",
  );
  expect(stdout).toBe(
    "v0: flags=4419<UP,BROADCAST,RUNNING,PROMISC,MULTICAST>  mtu 1500\nv0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n",
  );
});

it("an address without a mask gets that of its class, a mask moves the broadcast address", async () => {
  const host = await pair();
  const { stdout } = await host.sh(
    "ifconfig v0 10.1.0.1; ip -4 -o addr show v0; ifconfig v0 10.1.0.1 netmask 255.255.255.0; ip -4 -o addr show v0",
  );
  expect(stdout).toMatch(/inet 10\.1\.0\.1\/8 brd 10\.255\.255\.255 scope global v0/);
  expect(stdout).toMatch(/inet 10\.1\.0\.1\/24 brd 10\.1\.0\.255 scope global v0/);
});

it("route adds, lists, refuses and deletes as the old system calls do", async () => {
  const host = await pair();
  const { stdout, stderr } = await host.sh(`
    route add -net 10.2.0.0 netmask 255.255.0.0 gw 10.0.0.2
    route add -host 10.4.0.1 gw 10.0.0.2
    route add default gw 10.0.0.2 v0
    route add -net 10.5.0.0/16 reject
    route add default gw 10.9.9.9; echo $?
    route -n
    route del default
    route del default; echo $?`);
  expect(stdout).toBe(
    "7\nKernel IP routing table\n" +
      "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n" +
      "0.0.0.0         10.0.0.2        0.0.0.0         UG    0      0        0 v0\n" +
      "10.0.0.0        0.0.0.0         255.255.255.0   U     0      0        0 v0\n" +
      "10.2.0.0        10.0.0.2        255.255.0.0     UG    0      0        0 v0\n" +
      "10.4.0.1        10.0.0.2        255.255.255.255 UGH   0      0        0 v0\n" +
      "10.5.0.0        -               255.255.0.0     !     0      -        0 -\n" +
      "7\n",
  );
  expect(stderr).toBe("SIOCADDRT: Network is unreachable\nSIOCDELRT: No such process\n");
});

it("arp lists neighbours, adds permanent ones and forgets them", async () => {
  const host = await pair();
  const { stdout } = await host.sh(`
    ping -c 1 -q 10.0.0.2 >/dev/null
    arp -n
    arp -s 10.0.0.9 02:00:00:00:00:99
    arp -n 10.0.0.9
    arp -d 10.0.0.9
    arp -d 10.0.0.9; echo $?
    arp -an`);
  const header = "Address                  HWtype  HWaddress           Flags Mask            Iface\n";
  expect(stdout).toBe(
    `${header}10.0.0.2                 ether   02:00:00:00:00:02   C                     v0\n` +
      `${header}10.0.0.9                 ether   02:00:00:00:00:99   CM                    v0\n` +
      "255\n? (10.0.0.2) at 02:00:00:00:00:02 [ether] on v0\n",
  );
});

it("sysctl prints, sets, and refuses what is not there or not allowed", async () => {
  const host = await pair();
  const { stdout, stderr, status } = await host.sh(`
    sysctl net.ipv4.ip_forward
    sysctl -w net.ipv4.ip_forward=1
    sysctl -n net.ipv4.ip_forward
    sysctl net.ipv4.ip_local_port_range
    sysctl net.foo; sysctl -w net.ipv4.ip_forward=x; sysctl -w net.ipv6.conf.all.disable_ipv6=0`);
  expect(stdout).toBe(
    "net.ipv4.ip_forward = 0\nnet.ipv4.ip_forward = 1\n1\nnet.ipv4.ip_local_port_range = 32768\t60999\n",
  );
  expect(stderr).toBe(
    "sysctl: cannot stat /proc/sys/net/foo: No such file or directory\n" +
      'sysctl: setting key "net.ipv4.ip_forward": Invalid argument\n' +
      'sysctl: setting key "net.ipv6.conf.all.disable_ipv6": Operation not supported\n',
  );
  expect(status).toBe(1);
});

it("ethtool switches off what depends on what was switched off, and says so", async () => {
  const host = await pair();
  const { stdout } = await host.sh("ethtool -K v0 tx off; ethtool -k v0 | grep -E '^(tx-c|tcp|generic-seg)'");
  expect(stdout).toBe(
    "Actual changes:\ntx-checksum-ip-generic: off\ntx-tcp-segmentation: off [not requested]\n" +
      "tx-tcp-ecn-segmentation: off [not requested]\ntx-tcp-mangleid-segmentation: off [not requested]\n" +
      "tx-tcp6-segmentation: off [not requested]\ntx-udp-segmentation: off [not requested]\ntx-checksum-sctp: off\n" +
      "tx-checksumming: off\ntcp-segmentation-offload: off\ngeneric-segmentation-offload: on\n",
  );
});

it("nsenter runs a program in another process's network namespace, and names what is missing", async () => {
  const host = await pair();
  const { stdout, stderr } = await host.sh(`
    ip netns exec a sleep 100 &
    sleep 0.1
    nsenter -n -t $! ip -o link show eth0 | cut -d: -f2
    nsenter -n -t 99999 true; echo $?
    nsenter -n -t $! nosuchcmd; echo $?`);
  expect(stdout).toBe(" eth0@if2\n1\n127\n");
  expect(stderr).toBe(
    "nsenter: cannot open /proc/99999/ns/net: No such file or directory\n" +
      "nsenter: failed to execute nosuchcmd: No such file or directory\n",
  );
});

it("GRO on a veth, which would merge what arrives, is refused by name", async () => {
  const host = await pair();
  const { stdout, stderr } = await host.sh("ethtool -K v0 gro on; echo $?; ethtool -k v0 | grep generic-receive");
  expect([stdout, stderr]).toEqual([
    "1\ngeneric-receive-offload: off\n",
    "ethtool: generic-receive-offload on v0: GRO is not emulated\n",
  ]);
});
