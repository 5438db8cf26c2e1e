// The networking applications of a Debian 12 host, by name, and busybox's own forms of those that differ, which container
// images use: "busybox-NAME".

import type { Program } from "../posix/process.ts";
import { busybox } from "./busybox.ts";
import { busyboxArp, busyboxBrctl, busyboxIfconfig, busyboxRoute, busyboxSysctl } from "./busybox-net.ts";
import { curlProgram } from "./curl/curl.ts";
import { getent } from "./getent.ts";
import { httpd } from "./httpd/httpd.ts";
import { ncProgram } from "./nc/nc.ts";
import { NCAT_7_93, type NcatRelease } from "./nc/release.ts";
import { ping } from "./ping/ping.ts";
import { rare } from "./rare.ts";
import { busyboxWget } from "./wget.ts";

/** Programs whose versions differ between Docker's generations. */
export interface AppVersions {
  /** as in curl's User-Agent */
  readonly curl: string;
  readonly ncat: NcatRelease;
  /** by its name in rare-tools.ts */
  readonly ss: "ss" | "ss72";
}

/** By name; `wget`, `httpd` and `nc` are those of the recordings: busybox's and ncat. */
export function makeAppTools(versions: AppVersions): ReadonlyMap<string, Program> {
  return new Map<string, Program>([
    ["arping", rare("arping")],
    ["busybox", busybox],
    ["curl", curlProgram(versions.curl)],
    ["dig", rare("dig")],
    ["getent", getent],
    ["host", rare("host")],
    ["httpd", httpd],
    ["iperf3", rare("iperf3")],
    ["nc", ncProgram(versions.ncat)],
    ["ncat", ncProgram(versions.ncat)],
    ["netstat", rare("netstat")],
    ["nslookup", rare("nslookup")],
    ["nstat", rare("nstat")],
    ["ping", ping],
    ["ss", rare(versions.ss)],
    ["telnet", rare("telnet")],
    ["tracepath", rare("tracepath")],
    ["traceroute", rare("traceroute")],
    ["wget", busyboxWget],
    ["busybox-arp", busyboxArp],
    ["busybox-arping", rare("busyboxArping")],
    ["busybox-brctl", busyboxBrctl],
    ["busybox-ifconfig", busyboxIfconfig],
    ["busybox-netstat", rare("busyboxNetstat")],
    ["busybox-nslookup", rare("busyboxNslookup")],
    ["busybox-route", busyboxRoute],
    ["busybox-sysctl", busyboxSysctl],
    ["busybox-telnet", rare("busyboxTelnet")],
    ["busybox-traceroute", rare("busyboxTraceroute")],
  ]);
}

/** As on Debian 12. */
export const appTools: ReadonlyMap<string, Program> = makeAppTools({ curl: "7.88.1", ncat: NCAT_7_93, ss: "ss" });
