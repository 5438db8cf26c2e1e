import { expect, it } from "vitest";
import { Lab } from "../../src/scenario/lab.ts";

// a command line is read once a process (tools/iptables/run.ts): what comes of it must not be any lab's
it("gives the next lab rules that know nothing of the last one's packets and names", async () => {
  const script = `
    iptables -A INPUT -p icmp -m limit --limit 1/s --limit-burst 2 -m recent --set --name r -m quota --quota 200 -j ACCEPT
    iptables -A INPUT -m statistic --mode nth --every 2 --packet 0 -j ACCEPT
    iptables -A INPUT -m hashlimit --hashlimit-upto 1/s --hashlimit-mode srcip --hashlimit-name h -j ACCEPT
    iptables -N a
    iptables -A INPUT -j a
    iptables -E a b
    ping -c 4 -i 0.2 127.0.0.1
    iptables -nvL INPUT
    iptables -D INPUT -j b
    iptables -S`;
  const run = async () => await new Lab({ seed: 3 }).addHost("h").sh(script);
  const first = await run();
  expect(first.stderr).toBe("");
  expect(first.stdout).toContain("-A INPUT -p icmp -m limit");
  expect(first.stdout).not.toContain("-j b");
  expect(await run()).toEqual(first);
});

it("asks each lab anew for what its names say", async () => {
  const run = async (address: string) =>
    await new Lab({ seed: 1 })
      .addHost("h")
      .sh(`echo "${address} peer" >> /etc/hosts; iptables -A INPUT -s peer -j DROP; iptables -S INPUT`);
  expect((await run("10.0.0.1")).stdout).toContain("-s 10.0.0.1/32 -j DROP");
  expect((await run("10.0.0.2")).stdout).toContain("-s 10.0.0.2/32 -j DROP");
});
