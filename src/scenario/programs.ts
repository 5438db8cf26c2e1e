// Every program of a scenario's host, by name, and how a host's file system is furnished with them. This is the one place
// that knows all of them.

import { configureDocker, dockerPrograms, scriptCallsDocker, startDocker } from "../docker/programs.ts";
import type { Host } from "../host/host.ts";
import { netProcEntries } from "../host/procfs-net.ts";
import { sysModuleTcpCubic } from "../host/sysfs-module.ts";
import { sysClassNet, sysVirtualNet } from "../host/sysfs-net.ts";
import type { Program } from "../posix/process.ts";
import { fileNode } from "../posix/vfs.ts";
import type { FilterLibrary } from "../shell/filters.ts";
import { populateVfs, shellPrograms } from "../shell/install.ts";
import { type AppVersions, makeAppTools } from "../tools/app-tools.ts";
import { brctl } from "../tools/brctl.ts";
import { openNetwork } from "../tools/dev-tcp.ts";
import { dmesg } from "../tools/dmesg.ts";
import { IPROUTE_6_1, IPROUTE_7_2, ipProgram } from "../tools/ip/ip.ts";
import { makeIptablesPrograms } from "../tools/iptables/programs.ts";
import { NCAT_7_93, NCAT_7_99 } from "../tools/nc/release.ts";
import { arp } from "../tools/net-tools/arp.ts";
import { ifconfig } from "../tools/net-tools/ifconfig.ts";
import { route } from "../tools/net-tools/route.ts";
import { nflogFile } from "../tools/nflog-file.ts";
import { nginxProgram } from "../tools/nginx/nginx.ts";
import { nsenter } from "../tools/nsenter.ts";
import { rare } from "../tools/rare.ts";
import { sysctl } from "../tools/sysctl.ts";
import { tcpdump } from "../tools/tcpdump/tcpdump.ts";
import { unshare } from "../tools/unshare.ts";
import { completers } from "./completers.ts";

/** Docker's generation, and with it the age of the programs around it. */
export type Generation = "20" | "28";

/** Versions that programs name in what they send: Debian 12's, and Debian forky's. */
const VERSIONS: Readonly<Record<Generation, AppVersions & { readonly nginx: string }>> = {
  "20": { curl: "7.88.1", nginx: "1.22.1", ncat: NCAT_7_93, ss: "ss" },
  "28": { curl: "8.22.0", nginx: "1.30.6", ncat: NCAT_7_99, ss: "ss72" },
};

export interface ProgramOptions {
  readonly filters: FilterLibrary | undefined;
  readonly docker: Generation;
}

/** Programs hold nothing of a lab, so that all labs of a process share what was made last for a generation. */
const made: Map<
  Generation,
  { readonly filters: FilterLibrary | undefined; readonly all: ReadonlyMap<string, Program> }
> = new Map();

/** All programs by name. */
export function standardPrograms({ filters, docker }: ProgramOptions): ReadonlyMap<string, Program> {
  const known = made.get(docker);
  if (known && known.filters === filters) return known.all;
  const all = makePrograms({ filters, docker });
  made.set(docker, { filters, all });
  return all;
}

function makePrograms(options: ProgramOptions): ReadonlyMap<string, Program> {
  const versions = VERSIONS[options.docker];
  return new Map<string, Program>([
    ...shellPrograms({ filters: options.filters, openNetwork, completers }),
    ["arp", arp],
    ["brctl", brctl],
    ["bridge", rare("bridge")],
    ["dmesg", dmesg],
    ["ethtool", rare("ethtool")],
    ["ifconfig", ifconfig],
    ["ip", ipProgram(options.docker === "20" ? IPROUTE_6_1 : IPROUTE_7_2)],
    ["ipset", rare("ipset")],
    ["nginx", nginxProgram(versions.nginx)],
    ["nsenter", nsenter],
    ["route", route],
    ["sysctl", sysctl],
    ["tc", rare("tc")],
    ["tcpdump", tcpdump],
    ["unshare", unshare],
    ...makeAppTools(versions),
    ["conntrack", rare("conntrack")],
    ["nft", rare("nft")],
    ...makeIptablesPrograms(options.docker === "20" ? "1.8.9" : "1.8.13"),
    ...dockerPrograms,
  ]);
}

/** Puts programs, devices and files into a host's root. */
export function furnishHost(host: Host): void {
  populateVfs(host.root, { programs: host.programs, proc: netProcEntries() });
  host.root.put("/sys/class/net", sysClassNet());
  host.root.put("/sys/devices/virtual/net", sysVirtualNet());
  host.root.put("/sys/module/tcp_cubic", sysModuleTcpCubic());
  host.root.put("/var/log/ulog/syslogemu.log", nflogFile());
  host.root.put("/etc/hosts", fileNode(`127.0.0.1\tlocalhost\n127.0.1.1\t${host.name}\n`));
  host.root.put("/etc/hostname", fileNode(`${host.name}\n`));
  // as on the machine of the recordings; nobody answers there unless a script sees to it
  host.root.put("/etc/resolv.conf", fileNode("nameserver 10.255.255.53\n"));
  host.root.put("/etc/nsswitch.conf", fileNode("hosts: files dns\n"));
}

/** What a script says of Docker, told to the host before it runs; a script that calls docker finds the daemon running. */
export function prepareDocker(host: Host, script: string, generation: Generation, images: readonly string[]): void {
  configureDocker(host, { generation, images });
  if (scriptCallsDocker(script)) startDocker(host);
}
