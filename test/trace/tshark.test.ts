// What Wireshark's tshark says of an annotated capture. Skipped where there is no tshark; .ci/run installs it and runs this.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";
import { recordedScript, traced } from "../support/traced.ts";

const missing = spawnSync("tshark", ["--version"]).status !== 0;

function tshark(file: string, ...args: string[]): string[] {
  const { status, stdout, stderr } = spawnSync("tshark", ["-r", file, ...args], { encoding: "utf8" });
  const complaints = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("Running as user"));
  expect([status, complaints]).toEqual([0, []]);
  return stdout.split("\n").filter((line) => line !== "");
}

async function written(script: string): Promise<string> {
  const file = join(temporaryFolder(), "all.pcapng");
  const { bytes } = await traced(script);
  writeFileSync(file, bytes);
  return file;
}

describe.skipIf(missing)("tshark", () => {
  it("reads an annotated capture without complaint", async () => {
    for (const name of ["02-published-port", "09-isolation", "17-fragments-and-mtu", "24-vxlan-overlay"]) {
      const file = await written(recordedScript(name));
      expect(tshark(file).length).toBeGreaterThan(20);
      expect(tshark(file, "-Y", "_ws.malformed || _ws.expert.severity == error")).toEqual([]);
    }
  });

  it("shows a packet's whole way by its number, with interfaces and comments", async () => {
    const file = await written(recordedScript("02-published-port"));
    const fields = ["-T", "fields", "-E", "aggregator=|", "-e", "frame.interface_name", "-e", "frame.comment"];
    const found = tshark(file, "-Y", 'frame.comment contains "#1."', ...fields);
    expect(found).toEqual(tshark(file, "-Y", "frame.packet_id == 1", ...fields));
    expect(
      found.map((line) =>
        line.replace(/.*\t#1\. (.*)/, (all, rest: string) => `${all.split("\t")[0]}|${rest}`).split("|"),
      ),
    ).toEqual([
      [
        "outside/eth0",
        "delivered to nginx (pid 1) in web1",
        "made here, by curl (pid 23)",
        "route 172.31.176.0/20 dev eth0 proto kernel scope link src 172.31.176.1 (table main)",
        "next hop 172.31.179.120",
        "waits: the MAC address of 172.31.179.120 is not known",
      ],
      [
        "docker-host/eth0",
        "delivered to nginx (pid 1) in web1",
        "PREROUTING: conntrack NEW: tcp SYN_SENT src=172.31.176.1 dst=172.31.179.120 sport=55604 dport=8080 [UNREPLIED] src=172.31.179.120 dst=172.31.176.1 sport=8080 dport=55604",
        "nat PREROUTING 1: -m addrtype --dst-type LOCAL -j DOCKER",
        "nat DOCKER 2: ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80 ⇒ ACCEPT",
        "destination 172.31.179.120:8080 → 172.17.0.2:80 by DOCKER 2 DNAT",
        "route 172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 (table main)",
        "filter FORWARD 1: -j DOCKER-USER",
        "filter DOCKER-USER 1: -j RETURN",
        "filter FORWARD 2: -j DOCKER-ISOLATION-STAGE-1",
        "filter DOCKER-ISOLATION-STAGE-1 2: -j RETURN",
        "filter FORWARD 4: -o docker0 -j DOCKER",
        "filter DOCKER 1: -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT",
      ],
      [
        "docker-host/docker0",
        "delivered to nginx (pid 1) in web1",
        "next hop 172.17.0.2",
        "waits: the MAC address of 172.17.0.2 is not known",
        "docker0 forwards to port vethde79e58",
      ],
      ["docker-host/vethde79e58", "delivered to nginx (pid 1) in web1"],
      [
        "web1/eth0",
        "delivered to nginx (pid 1) in web1",
        "route local 172.17.0.2 dev eth0 table local proto kernel scope host src 172.17.0.2",
        "delivered to nginx (pid 1)",
      ],
    ]);
  });

  it("reads a packet that had no link header when it was dropped", async () => {
    const file = await written("iptables -A OUTPUT -j DROP; ip link set lo up; ping -c 1 -W 1 127.0.0.1");
    expect(tshark(file, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.protocols", "-e", "ip.dst")).toEqual(
      ["docker-host/lo dropped (IP)\traw:ip:icmp:data\t127.0.0.1"],
    );
  });
});
