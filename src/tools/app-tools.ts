// The networking applications of a Debian 12 host, by name, and busybox's own forms of those that differ, which container
// images use: "busybox-NAME".

import type { Program } from "../posix/process.ts";
import { arping } from "./arping.ts";
import { busybox } from "./busybox.ts";
import { busyboxArping } from "./busybox-arping.ts";
import { busyboxArp, busyboxBrctl, busyboxIfconfig, busyboxRoute, busyboxSysctl } from "./busybox-net.ts";
import { busyboxTraceroute } from "./busybox-traceroute.ts";
import { curlProgram } from "./curl/curl.ts";
import { dig } from "./dig/dig.ts";
import { busyboxNslookup, host, nslookup } from "./dig/nslookup.ts";
import { getent } from "./getent.ts";
import { httpd } from "./httpd/httpd.ts";
import { iperf3 } from "./iperf3/iperf3.ts";
import { ncProgram } from "./nc/nc.ts";
import { NCAT_7_93, type NcatRelease } from "./nc/release.ts";
import { busyboxNetstat } from "./netstat/busybox.ts";
import { netstat } from "./netstat/netstat.ts";
import { nstat } from "./nstat.ts";
import { ping } from "./ping/ping.ts";
import { ss } from "./ss/ss.ts";
import { busyboxTelnet, telnet } from "./telnet.ts";
import { tracepath } from "./tracepath.ts";
import { traceroute } from "./traceroute/traceroute.ts";
import { busyboxWget } from "./wget.ts";

/** Programs whose versions differ between Docker's generations. */
export interface AppVersions {
  /** as in curl's User-Agent */
  readonly curl: string;
  readonly ncat: NcatRelease;
}

/** By name; `wget`, `httpd` and `nc` are those of the recordings: busybox's and ncat. */
export function makeAppTools(versions: AppVersions): ReadonlyMap<string, Program> {
  return new Map<string, Program>([
    ["arping", arping],
    ["busybox", busybox],
    ["curl", curlProgram(versions.curl)],
    ["dig", dig],
    ["getent", getent],
    ["host", host],
    ["httpd", httpd],
    ["iperf3", iperf3],
    ["nc", ncProgram(versions.ncat)],
    ["ncat", ncProgram(versions.ncat)],
    ["netstat", netstat],
    ["nslookup", nslookup],
    ["nstat", nstat],
    ["ping", ping],
    ["ss", ss],
    ["telnet", telnet],
    ["tracepath", tracepath],
    ["traceroute", traceroute],
    ["wget", busyboxWget],
    ["busybox-arp", busyboxArp],
    ["busybox-arping", busyboxArping],
    ["busybox-brctl", busyboxBrctl],
    ["busybox-ifconfig", busyboxIfconfig],
    ["busybox-netstat", busyboxNetstat],
    ["busybox-nslookup", busyboxNslookup],
    ["busybox-route", busyboxRoute],
    ["busybox-sysctl", busyboxSysctl],
    ["busybox-telnet", busyboxTelnet],
    ["busybox-traceroute", busyboxTraceroute],
  ]);
}

/** As on Debian 12. */
export const appTools: ReadonlyMap<string, Program> = makeAppTools({ curl: "7.88.1", ncat: NCAT_7_93 });
