// What listens to netfilter costs nothing once it is gone; what it prints is held by the recordings own/150 to 154.

import { expect, test } from "vitest";
import { Lab } from "../../../src/index.ts";

const TRACED = "ip link set lo up; iptables -t raw -A OUTPUT -p icmp -j TRACE;";

test("a namespace traces packets while somebody listens, and no longer", async () => {
  const host = new Lab({ seed: 1 }).addHost("host");
  const { monitor } = host.host.netns.nf.tables;
  await host.sh(`${TRACED} nft monitor trace > out & xtables-monitor -t > out2 & sleep 0.1`);
  expect(monitor.tracing).toBe(true);
  await host.sh("kill $(pidof nft; pidof xtables-monitor); sleep 0.1");
  expect([monitor.tracing, monitor.watching]).toEqual([false, false]);
});

test("a monitor hears of its own namespace only", async () => {
  const host = new Lab({ seed: 1 }).addHost("host");
  const { stdout } = await host.sh(`${TRACED}
    ip netns add other
    ip netns exec other ip link set lo up
    ip netns exec other nft monitor trace > there.txt & nft monitor trace > here.txt &
    sleep 0.1; ping -c 1 127.0.0.1 > /dev/null; sleep 0.1
    wc -l < there.txt; wc -l < here.txt`);
  expect(stdout).toBe("0\n6\n");
});

test("nft monitor's JSON is refused by name", async () => {
  const { stderr, status } = await new Lab({ seed: 1 }).addHost("host").sh("nft monitor rules json");
  expect([stderr, status]).toEqual([
    "Error: monitor json is not emulated\nmonitor rules json\n              ^^^^\n",
    1,
  ]);
});
