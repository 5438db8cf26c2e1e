import { expect, test } from "vitest";
import { Lab } from "../../src/scenario/lab.ts";

// No kernel at hand has ipvlan; what is expected follows drivers/net/ipvlan and iproute2's ip/iplink_ipvlan.c.

const HOST = "02:00:00:00:00:01";

/** A host at 10.0.0.1 on a cable with "out" at 10.0.0.2; a 10.0.0.11 and b 10.0.0.12 share the host's device. */
async function setUp(mode: string): Promise<ReturnType<Lab["addHost"]>> {
  const host = new Lab().addHost("box");
  const { stderr } = await host.sh(`
    ip netns add out
    ip link add eth0 address ${HOST} type veth peer name eth0 netns out address 02:00:00:00:00:02
    ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up
    ip -n out addr add 10.0.0.2/24 dev eth0; ip -n out link set eth0 up
    for n in a b; do
      ip netns add $n; ip link add link eth0 name ip$n netns $n type ipvlan mode ${mode}; ip -n $n link set ip$n up
    done
    ip -n a addr add 10.0.0.11/24 dev ipa; ip -n b addr add 10.0.0.12/24 dev ipb`);
  expect(stderr).toBe("");
  return host;
}

/** Who of the others answers a's ping. */
async function answers(host: ReturnType<Lab["addHost"]>): Promise<string[]> {
  const { stdout } = await host.sh(
    "for i in 1 2 12; do ip netns exec a ping -c 1 -W 1 10.0.0.$i >/dev/null && echo 10.0.0.$i; done",
  );
  return stdout.trim().split("\n");
}

test("l2: neighbours and the world are reached, the device below is not", async () => {
  expect(await answers(await setUp("l2"))).toEqual(["10.0.0.2", "10.0.0.12"]);
});

test("l3: who is outside needs a route to the devices; nobody is asked by ARP", async () => {
  const host = await setUp("l3");
  expect(await answers(host)).toEqual(["10.0.0.12"]);
  await host.sh("ip -n out route add 10.0.0.11 via 10.0.0.1");
  expect(await answers(host)).toEqual(["10.0.0.2", "10.0.0.12"]);
  const { stdout } = await host.sh("ip -n a link show ipa");
  expect(stdout).toContain("<BROADCAST,MULTICAST,NOARP,UP,LOWER_UP>");
});

test("private: neighbours are not reached", async () => {
  expect(await answers(await setUp("l2 private"))).toEqual(["10.0.0.2"]);
});

test("all share one Ethernet address, each has its own IP addresses, and a mode is everybody's", async () => {
  const host = await setUp("l2");
  const { stdout, stderr } = await host.sh(`
    ip -n b addr add 10.0.0.11/24 dev ipb
    ip -n a link set ipa address 02:00:00:00:00:77
    ip link add link eth0 type macvlan
    ip -n a link set ipa type ipvlan mode l3
    ip -n b -d link show ipb | sed 's/numtx.*//'`);
  expect(stderr).toBe(
    "Error: Address already assigned to an ipvlan device.\nRTNETLINK answers: Operation not supported\n" +
      "RTNETLINK answers: Device or resource busy\n",
  );
  expect(
    stdout,
  ).toBe(`2: ipb@if2: <BROADCAST,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000
    link/ether ${HOST} brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 
    ipvlan  mode l3 bridge addrgenmode eui64 
`);
});

test("the devices follow the one below: address, MTU, carrier, end", async () => {
  const host = await setUp("l2");
  const { stdout } = await host.sh(`
    ip link set eth0 mtu 1400 address 02:00:00:00:00:09
    ip -n out link set eth0 down
    sleep 2
    ip -n a -o link show ipa; ip link del eth0; ip -n a -br link`);
  expect(stdout).toBe(
    "2: ipa@if2: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1400 qdisc noqueue state DOWN mode DEFAULT group default qlen 1000\\" +
      "    link/ether 02:00:00:00:00:09 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n" +
      "lo               DOWN           00:00:00:00:00:00 <LOOPBACK> \n",
  );
});
