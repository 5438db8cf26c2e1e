// A machine out of what a real one says about itself: `ip -j addr`, `ip -j link`, `ip -j route`, `ip -j rule`, iptables-save,
// sysctl, `docker network inspect` and `docker inspect`. The emulated machine is built by the ordinary commands; what one of
// them refuses is named with its file and place, never left out in silence.

import type { Host } from "../host/host.ts";
import type { Lab } from "../host/lab.ts";
import { PLAIN_NAMES } from "../tools/iptables/names.ts";
import { restoreTables } from "../tools/iptables/restore.ts";
import { EDGE } from "./edge.ts";
import { importNft } from "./import-nft.ts";

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

export interface HostFiles {
  readonly addr?: SourceFile;
  readonly link?: SourceFile;
  readonly route?: SourceFile;
  readonly rule?: SourceFile;
  readonly rules?: SourceFile;
  readonly sysctl?: SourceFile;
  readonly ipset?: SourceFile;
  /** nft list ruleset */
  readonly nft?: SourceFile;
  readonly networks?: SourceFile;
  readonly containers?: SourceFile;
}

/** A file that is not what it should be. */
export class ImportError extends Error {
  override readonly name: string = "ImportError";
}

export interface Published {
  readonly container: string;
  readonly protocol: "tcp" | "udp";
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

export interface Imported {
  /** what was not understood: "rules.v4:12: …" */
  readonly unknown: readonly string[];
  /** what the files do not say and was taken to be so */
  readonly assumed: readonly string[];
  readonly published: readonly Published[];
}

type Json = Readonly<Record<string, unknown>>;

function list(file: SourceFile | undefined): Json[] {
  if (file === undefined) return [];
  try {
    const value: unknown = JSON.parse(file.text);
    if (Array.isArray(value) && value.every((each) => typeof each === "object" && each !== null))
      return value as Json[];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ImportError(`${file.name}: not a JSON list of objects`);
}

const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const object = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
/** One word of a command line. */
const word = (value: unknown): string => `'${text(value).replaceAll("'", "")}'`;

/** Builds `host`, which must be new. Throws ImportError. */
export async function importHost(lab: Lab, host: Host, files: HostFiles): Promise<Imported> {
  const builder = new Builder(lab, host, files);
  await builder.devices();
  await builder.docker();
  await builder.routes();
  await builder.rules();
  return builder;
}

function bindingsOf(container: string, key: string, bindings: unknown): Published[] {
  const [port, protocol] = key.split("/");
  if (protocol !== "tcp" && protocol !== "udp") return [];
  const found: Published[] = [];
  for (const binding of Array.isArray(bindings) ? (bindings as Json[]) : []) {
    const hostIp = text(binding.HostIp) || "0.0.0.0";
    // published to IPv6, too
    if (hostIp.includes(":")) continue;
    found.push({ container, protocol, hostIp, hostPort: Number(binding.HostPort), containerPort: Number(port) });
  }
  return found;
}

/** The published ports in what `docker inspect` shows. Throws ImportError. */
export function publishedPorts(containers: SourceFile): Published[] {
  return list(containers).flatMap((each) =>
    Object.entries(object(object(each.NetworkSettings).Ports)).flatMap(([key, bindings]) =>
      bindingsOf(text(each.Name).replace(/^\//, ""), key, bindings),
    ),
  );
}

class Builder implements Imported {
  readonly unknown: string[] = [];
  readonly assumed: string[] = [];
  readonly published: Published[] = [];
  #veths = 0;
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #files: HostFiles;

  constructor(lab: Lab, host: Host, files: HostFiles) {
    this.#lab = lab;
    this.#host = host;
    this.#files = files;
  }

  /** Runs a command; what it refuses is not understood. */
  async #run(where: string, command: string): Promise<boolean> {
    const { status, stderr } = await this.#lab.sh(this.#host, command);
    if (status === 0) return true;
    this.unknown.push(`${where}: ${stderr.trim().split("\n")[0] || command}`);
    return false;
  }

  async devices(): Promise<void> {
    const { addr, link, sysctl } = this.#files;
    const links = new Map(list(link).map((each) => [text(each.ifname), each]));
    const entries = list(addr);
    const masters = new Set(entries.map((each) => text(each.master)));
    const quiet = "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";
    await this.#lab.sh(
      this.#host,
      `sysctl -qw ${quiet}; ip netns add ${EDGE}; ip netns exec ${EDGE} sysctl -qw ${quiet}`,
    );
    for (const [i, each] of entries.entries()) {
      const name = text(each.ifname);
      const where = `${addr!.name}: interface ${name || i}`;
      const kind = text(object(links.get(name)?.linkinfo ?? each.linkinfo).info_kind);
      if (name !== "lo" && text(each.master) === "") {
        const bridge = kind === "bridge" || (kind === "" && (masters.has(name) || /^(docker\d|br-)/.test(name)));
        if (bridge) await this.#run(where, `ip link add ${word(name)} address ${word(each.address)} type bridge`);
        else if (each.link !== undefined && kind !== "dummy") {
          const what = kind === "" ? "one of a kind that --link would tell," : `one of kind ${kind}`;
          this.unknown.push(`${where}: a device over another here (${text(each.link)}), ${what}`);
          continue;
        } else if (kind === "" || kind === "veth" || kind === "dummy") {
          const far = `e${i}`;
          const mac = text(each.link_type) === "ether" ? `address ${word(each.address)}` : "";
          await this.#run(
            where,
            `ip link add ${word(name)} ${mac} type veth peer name ${far} netns ${EDGE} && ip -n ${EDGE} link set ${far} up`,
          );
        } else {
          this.unknown.push(`${where}: a device of kind ${kind}`);
          continue;
        }
      }
      if (text(each.master) !== "") {
        const own = Array.isArray(each.addr_info) && each.addr_info.some((info: Json) => info.family === "inet");
        if (own) this.unknown.push(`${where}: an address on a port of ${text(each.master)}`);
        continue;
      }
      for (const info of Array.isArray(each.addr_info) ? (each.addr_info as Json[]) : []) {
        if (info.family !== "inet" || (name === "lo" && info.local === "127.0.0.1")) continue;
        await this.#run(where, `ip addr add ${text(info.local)}/${text(info.prefixlen)} brd + dev ${word(name)}`);
      }
      const flags = Array.isArray(each.flags) ? each.flags : [];
      if (flags.includes("UP")) await this.#run(where, `ip link set ${word(name)} up`);
    }
    if (sysctl === undefined) {
      await this.#lab.sh(this.#host, "sysctl -qw net.ipv4.ip_forward=1");
      this.assumed.push("net.ipv4.ip_forward is 1, other settings as Linux starts with (give --sysctl)");
      return;
    }
    for (const [i, line] of sysctl.text.split("\n").entries()) {
      const match = /^(net\.(?:ipv4|bridge)\.[\w.:/-]+)\s*=\s*(\S.*)$/.exec(line);
      // what decides about ways; the rest tunes
      if (
        !match ||
        !/ip_forward|\brp_filter|route_localnet|accept_local|forwarding|bridge-nf|src_valid_mark/.test(match[1]!)
      )
        continue;
      if (/bc_forwarding|mc_forwarding|\.veth|log_martians|proxy_arp/.test(match[1]!)) continue;
      // a port of a bridge routes nothing, and is not built
      const dev = /^net\.ipv4\.conf\.(.+)\./.exec(match[1]!)?.[1]?.replaceAll("/", ".");
      if (entries.some((each) => each.ifname === dev && text(each.master) !== "")) continue;
      await this.#run(`${sysctl.name}:${i + 1}`, `sysctl -qw ${word(`${match[1]}=${match[2]}`)}`);
    }
  }

  /** Each container is a namespace on its bridges; its ports are taken to be listened on, as published ones by docker-proxy. */
  async docker(): Promise<void> {
    const bridges = new Map<string, string>();
    for (const net of list(this.#files.networks)) {
      const options = object(net.Options);
      const id = text(net.Id);
      bridges.set(id, text(options["com.docker.network.bridge.name"]) || `br-${id.slice(0, 12)}`);
      const driver = text(net.Driver);
      if (!["bridge", "host", "null"].includes(driver))
        this.unknown.push(`${this.#files.networks!.name}: network ${text(net.Name)} of driver ${driver}`);
    }
    const { containers } = this.#files;
    for (const each of list(containers)) {
      const name = text(each.Name).replace(/^\//, "");
      const settings = object(each.NetworkSettings);
      if (object(each.State).Running === false) continue;
      const where = `${containers!.name}: container ${name}`;
      const mode = text(object(each.HostConfig).NetworkMode);
      if (mode === "host" || mode.startsWith("container:")) {
        this.assumed.push(`container ${name} shares a network (${mode}): packets are asked from there`);
        continue;
      }
      await this.#run(where, `ip netns add ${word(name)} && ip -n ${word(name)} link set lo up`);
      for (const [i, [netName, raw]] of Object.entries(object(settings.Networks)).entries()) {
        const end = object(raw);
        if (text(end.IPAddress) === "") continue;
        const id = text(end.NetworkID);
        const bridge = bridges.get(id) ?? (netName === "bridge" ? "docker0" : `br-${id.slice(0, 12)}`);
        const ns = word(name);
        const port = `port${this.#veths++}`;
        await this.#run(
          `${where}, network ${netName}`,
          `ip link add ${word(port)} type veth peer name eth${i} netns ${ns} && ip link set ${word(port)} master ${word(bridge)} up &&
           ip -n ${ns} link set eth${i} address ${word(end.MacAddress)} up &&
           ip -n ${ns} addr add ${text(end.IPAddress)}/${text(end.IPPrefixLen)} dev eth${i}` +
            (i === 0 && text(end.Gateway) !== "" ? ` && ip -n ${ns} route add default via ${text(end.Gateway)}` : ""),
        );
      }
      await this.#ports(name, where, { ...object(object(each.Config).ExposedPorts), ...object(settings.Ports) });
    }
    if (this.published.length > 0)
      this.assumed.push("containers listen on their published ports, and docker-proxy on the host's (userland-proxy)");
  }

  /** @param ports those that the image exposes (of a network without a way out Docker lists no others) and the published ones */
  async #ports(name: string, where: string, ports: Json): Promise<void> {
    for (const [key, bindings] of Object.entries(ports)) {
      const [port, protocol] = key.split("/");
      if (protocol !== "tcp" && protocol !== "udp") {
        if (Array.isArray(bindings)) this.unknown.push(`${where}: published port ${key}`);
        continue;
      }
      const udp = protocol === "udp" ? "-u " : "";
      await this.#run(where, `ip netns exec ${word(name)} nc -lk ${udp}-p ${port} </dev/null >/dev/null 2>&1 &`);
      for (const one of bindingsOf(name, key, bindings)) {
        const { hostIp, hostPort } = one;
        this.published.push(one);
        await this.#run(where, `nc -lk ${udp}${hostIp} ${hostPort} </dev/null >/dev/null 2>&1 &`);
      }
    }
  }

  async routes(): Promise<void> {
    const { route, rule } = this.#files;
    for (const [i, each] of list(route).entries()) {
      const type = text(each.type) || "unicast";
      if (each.table === "local" || (each.protocol === "kernel" && each.table === undefined)) continue;
      // IPv6 routes come with `table all`
      if (/:/.test(text(each.dst)) || /:/.test(text(each.gateway))) continue;
      if (each.encap !== undefined || each.via !== undefined) {
        this.unknown.push(`${route!.name}: route ${i + 1} (${text(each.dst)}): encap and via are not understood`);
        continue;
      }
      if (text(each.dst) === "default" && /^(fe80|::)/.test(text(each.prefsrc))) continue;
      const parts = [type, text(each.dst)];
      for (const [key, option] of [
        ["gateway", "via"],
        ["dev", "dev"],
        ["prefsrc", "src"],
        ["metric", "metric"],
        ["table", "table"],
        ["scope", "scope"],
      ] as const)
        if (each[key] !== undefined) parts.push(option, word(each[key]));
      for (const hop of Array.isArray(each.nexthops) ? (each.nexthops as Json[]) : []) {
        parts.push("nexthop");
        if (hop.gateway !== undefined) parts.push("via", word(hop.gateway));
        if (hop.dev !== undefined) parts.push("dev", word(hop.dev));
        parts.push("weight", text(hop.weight) || "1");
      }
      if (Array.isArray(each.flags) && each.flags.includes("onlink")) parts.push("onlink");
      await this.#run(`${route!.name}: route ${i + 1}`, `ip route add ${parts.join(" ")}`);
    }
    for (const [i, each] of list(rule).entries()) {
      const usual =
        ["local", "main", "default"].includes(text(each.table)) && [0, 32766, 32767].includes(Number(each.priority));
      if (usual) continue;
      const known = [
        "priority",
        "src",
        "srclen",
        "dst",
        "dstlen",
        "fwmark",
        "fwmask",
        "iif",
        "oif",
        "table",
        "not",
        "ipproto",
        "sport",
        "dport",
      ];
      const strange = Object.keys(each).find((key) => !known.includes(key));
      const where = `${rule!.name}: rule ${i + 1}`;
      if (strange !== undefined) {
        this.unknown.push(`${where}: '${strange}'`);
        continue;
      }
      const parts: string[] = "not" in each ? ["not"] : [];
      const end = (key: string, option: string): void => {
        if (each[key] === undefined || each[key] === "all") return;
        parts.push(option, text(each[key]) + (each[`${key}len`] === undefined ? "" : `/${text(each[`${key}len`])}`));
      };
      end("src", "from");
      end("dst", "to");
      if (each.fwmark !== undefined)
        parts.push("fwmark", text(each.fwmark) + (each.fwmask === undefined ? "" : `/${text(each.fwmask)}`));
      for (const key of ["iif", "oif", "ipproto", "sport", "dport", "table"])
        if (each[key] !== undefined) parts.push(key, word(each[key]));
      await this.#run(where, `ip rule add pref ${text(each.priority)} ${parts.join(" ")}`);
    }
  }

  /** By our own iptables-restore; a line that it refuses is blanked and named, until the rest stands. */
  async rules(): Promise<void> {
    const { rules, ipset } = this.#files;
    if (ipset !== undefined) await this.#run(ipset.name, `ipset restore <<'END'\n${ipset.text}\nEND`);
    if (rules !== undefined) this.#iptables(rules);
    const { nft } = this.#files;
    if (nft === undefined) return;
    const { unknown, assumed } = await importNft(nft, rules !== undefined, async (ruleset) => {
      const { stderr } = await this.#lab.sh(this.#host, "nft -f -", ruleset);
      return stderr;
    });
    this.unknown.push(...unknown);
    this.assumed.push(...assumed);
  }

  #iptables(rules: SourceFile): void {
    const lines = rules.text.replaceAll("\r", "").split("\n");
    for (const [i, line] of lines.entries())
      if (/^# Table .* is incompatible|^# Warning:.*tables present|^# Generated by ip6tables/.test(line))
        this.unknown.push(`${rules.name}:${i + 1}: ${line.slice(2)}`);
    for (let tries = lines.length; tries > 0; tries--) {
      const options = { counters: false, verbose: 0, test: false, noflush: false, table: undefined, file: undefined };
      const { status, stderr } = restoreTables(this.#host.netns.nf, lines.join("\n"), options, { names: PLAIN_NAMES });
      if (status === 0) return;
      const number = Number(/(?:line:? |at line |occurred at line: )(\d+)/.exec(stderr)?.[1]);
      const line = lines[number - 1];
      if (line === undefined || line === "") throw new ImportError(`${rules.name}: ${stderr.trim().split("\n")[0]}`);
      const why = stderr
        .trim()
        .split("\n")[0]!
        .replace(/^iptables-restore( v[^:]*)?: /, "");
      this.unknown.push(`${rules.name}:${number}: ${why}: ${line}`);
      lines[number - 1] = "";
      if (!line.startsWith("*")) continue;
      // a table that is not known: all of it
      for (let i = number; i < lines.length; i++) {
        const last = lines[i] === "COMMIT";
        lines[i] = "";
        if (last) break;
      }
    }
  }
}
