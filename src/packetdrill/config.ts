// Settings of a run: packetdrill's options with its defaults. They come from the command line and from the script's head;
// the script's win.

import { formatIpv4, parseCidr, parseIpv4 } from "../wire/addr.ts";
import { ScriptError } from "./script.ts";

export interface Config {
  /** sockets are of AF_INET6, what they send is IPv4 */
  mapped: boolean;
  localIp: number;
  gatewayIp: number;
  /** of the local network */
  prefixLen: number;
  remoteIp: number;
  remotePrefixLen: number;
  mtuBytes: number;
  /** arriving packets of more payload count as super-packets of such segments; 0: none */
  mssBytes: number;
  bindPort: number;
  connectPort: number;
  toleranceUs: number;
  /** of the time since the event before, if that is more */
  tolerancePercent: number;
  /** µs a tick of an outgoing TS val; 0: its value is not compared */
  tsTickUs: number;
  tsEcrScaled: boolean;
  /** what fails, is told and does not end the run */
  nonFatalPackets: boolean;
  nonFatalCalls: boolean;
  /** an expected packet must come as one: segments that follow one another are not joined to reach its length */
  strictSegments: boolean;
  verbose: boolean;
  dryRun: boolean;
  initScripts: string[];
}

export function defaultConfig(): Config {
  return {
    mapped: false,
    localIp: parseIpv4("192.168.0.2")!,
    gatewayIp: parseIpv4("192.168.0.1")!,
    prefixLen: 16,
    remoteIp: parseIpv4("192.0.2.1")!,
    remotePrefixLen: 24,
    mtuBytes: 1500,
    mssBytes: 0,
    bindPort: 8080,
    connectPort: 8080,
    toleranceUs: 4000,
    tolerancePercent: 12.5,
    tsTickUs: 0,
    tsEcrScaled: false,
    nonFatalPackets: false,
    nonFatalCalls: false,
    strictSegments: false,
    verbose: false,
    dryRun: false,
    initScripts: [],
  };
}

/** Options of packetdrill that mean another machine, another protocol or another program. */
const UNSUPPORTED: readonly string[] = [
  "wire_client",
  "wire_server",
  "wire_server_ip",
  "wire_server_at",
  "wire_server_port",
  "wire_client_dev",
  "wire_server_dev",
  "so_filename",
  "so_flags",
  "is_anyip",
  "psp_udp_port",
  "speed",
  "code_format",
  "code_sockopt",
  "debug",
];

/** Sets one option. Throws ScriptError: unknown, not supported, a value that makes no sense. */
export function setOption(config: Config, name: string, value: string, line: number): void {
  const fail = (message: string): ScriptError => new ScriptError(line, message);
  const number = (least: number, most: number): number => {
    const n = Number(value);
    if (value === "" || !(n >= least && n <= most))
      throw fail(`--${name} takes a number from ${least} to ${most}, not '${value}'`);
    return n;
  };
  const address = (): number => {
    const parsed = parseIpv4(value);
    if (parsed === undefined || parsed === null) throw fail(`--${name} takes an IPv4 address, not '${value}'`);
    return parsed;
  };
  switch (name) {
    case "define":
      return; // known to the parser
    case "local_ip":
      config.localIp = address();
      return;
    case "gateway_ip":
      config.gatewayIp = address();
      return;
    case "netmask_ip":
      config.prefixLen = maskLength(address(), () => fail(`--netmask_ip: '${value}' is no mask`));
      return;
    case "remote_ip": {
      const cidr = parseCidr(value.includes("/") ? value : `${value}/32`);
      if (!cidr) throw fail(`--remote_ip takes an IPv4 address with or without prefix, not '${value}'`);
      config.remoteIp = cidr.address;
      config.remotePrefixLen = cidr.prefix;
      return;
    }
    case "ip_version":
      if (value !== "ipv4" && value !== "ipv4-mapped-ipv6")
        throw fail(`--ip_version=${value} is not supported: ipv4 and ipv4-mapped-ipv6 are`);
      config.mapped = value === "ipv4-mapped-ipv6";
      return;
    case "mtu":
      config.mtuBytes = number(68, 65535);
      return;
    case "mss":
      config.mssBytes = number(0, 65535);
      return;
    case "bind_port":
      config.bindPort = number(1, 65535);
      return;
    case "connect_port":
      config.connectPort = number(1, 65535);
      return;
    case "tolerance_usecs":
      config.toleranceUs = number(0, 1e9);
      return;
    case "tolerance_percent":
      config.tolerancePercent = number(0, 1000);
      return;
    case "tcp_ts_tick_usecs":
      config.tsTickUs = number(0, 1e6);
      return;
    case "tcp_ts_ecr_scaled":
      config.tsEcrScaled = true;
      return;
    case "non_fatal":
      for (const what of value.split(",")) {
        if (what === "packet") config.nonFatalPackets = true;
        else if (what === "syscall") config.nonFatalCalls = true;
        else throw fail(`--non_fatal takes packet and syscall, not '${what}'`);
      }
      return;
    case "init_scripts":
      config.initScripts.push(...value.split(","));
      return;
    case "code_command":
      if (!/^python3?$/.test(value)) throw fail(`--code_command=${value} is not supported: python3 is`);
      return;
    case "send_omit_free":
      return; // nothing is sent out of memory that the script's process would use again
    case "verbose":
      config.verbose = true;
      return;
    case "strict_segments":
      config.strictSegments = true;
      return;
    case "dry_run":
      config.dryRun = true;
      return;
    default:
      throw fail(UNSUPPORTED.includes(name) ? `--${name} is not supported` : `--${name} is no option of packetdrill`);
  }
}

function maskLength(mask: number, failure: () => ScriptError): number {
  const length = Math.clz32(~mask >>> 0);
  if ((length === 32 ? 0xffffffff : ~(0xffffffff >>> length) >>> 0) !== mask >>> 0) throw failure();
  return length;
}

/** "192.168.0.2/16" for `ip addr add`. */
export function localCidr(config: Config): string {
  return `${formatIpv4(config.localIp as never)}/${config.prefixLen}`;
}
