// nc's command line: ncat's, which is Debian's nc of the recordings. What it takes is here; TLS, proxies, Unix and
// SCTP sockets, Lua, broker and chat modes are refused by name.

import { type Ns, SEC } from "../../base/time.ts";
import { getopt, type LongOption } from "../net-util/getopt.ts";
import { NCAT_7_93, type NcatRelease, versionLine } from "./release.ts";

export interface NcatOptions {
  readonly operands: readonly string[];
  listen: boolean;
  keepOpen: boolean;
  udp: boolean;
  /** -e or -c */
  exec: { readonly kind: "exec" | "shell"; readonly command: string } | undefined;
  sourcePort: number | undefined;
  sourceAddress: string | undefined;
  connectTimeoutNs: Ns;
  /** 0: none */
  idleTimeoutNs: Ns;
  verbose: number;
  zero: boolean;
  numeric: boolean;
  sendOnly: boolean;
  recvOnly: boolean;
  noShutdown: boolean;
  crlf: boolean;
  maxConnections: number;
  ipv4: boolean;
  ipv6: boolean;
}

/** Printed instead of working. */
export interface NcatRefusal {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

export const DEFAULT_PORT = 31337;
const MAX_CONNECTIONS = 100;
const MAX_TIME_MS = 2147483000;
const SEE_HELP = "Ncat: Try `--help' or man(1) ncat for more information, usage options and help. QUITTING.\n";

const LONG: readonly LongOption[] = [
  { name: "4", argument: 0 },
  { name: "6", argument: 0 },
  { name: "unixsock", argument: 0, short: "U" },
  { name: "vsock", argument: 0 },
  { name: "crlf", argument: 0, short: "C" },
  { name: "g", argument: 1 },
  { name: "G", argument: 1 },
  { name: "exec", argument: 1, short: "e" },
  { name: "sh-exec", argument: 1, short: "c" },
  { name: "lua-exec", argument: 1 },
  { name: "max-conns", argument: 1, short: "m" },
  { name: "help", argument: 0, short: "h" },
  { name: "delay", argument: 1, short: "d" },
  { name: "listen", argument: 0, short: "l" },
  { name: "output", argument: 1, short: "o" },
  { name: "hex-dump", argument: 1, short: "x" },
  { name: "append-output", argument: 0 },
  { name: "idle-timeout", argument: 1, short: "i" },
  { name: "keep-open", argument: 0, short: "k" },
  { name: "recv-only", argument: 0 },
  { name: "source-port", argument: 1, short: "p" },
  { name: "source", argument: 1, short: "s" },
  { name: "send-only", argument: 0 },
  { name: "no-shutdown", argument: 0 },
  { name: "broker", argument: 0 },
  { name: "chat", argument: 0 },
  { name: "udp", argument: 0, short: "u" },
  { name: "sctp", argument: 0 },
  { name: "version", argument: 0 },
  { name: "verbose", argument: 0, short: "v" },
  { name: "wait", argument: 1, short: "w" },
  { name: "proxy", argument: 1 },
  { name: "proxy-type", argument: 1 },
  { name: "proxy-auth", argument: 1 },
  { name: "proxy-dns", argument: 1 },
  { name: "nsock-engine", argument: 1 },
  { name: "allow", argument: 1 },
  { name: "allowfile", argument: 1 },
  { name: "deny", argument: 1 },
  { name: "denyfile", argument: 1 },
  { name: "nodns", argument: 0, short: "n" },
  { name: "telnet", argument: 0, short: "t" },
  { name: "ssl", argument: 0 },
  { name: "ssl-cert", argument: 1 },
  { name: "ssl-key", argument: 1 },
  { name: "ssl-verify", argument: 0 },
  { name: "ssl-trustfile", argument: 1 },
  { name: "ssl-ciphers", argument: 1 },
  { name: "ssl-servername", argument: 1 },
  { name: "ssl-alpn", argument: 1 },
];

class Refused extends Error {}

export function parseNcatOptions(args: readonly string[], release: NcatRelease = NCAT_7_93): NcatOptions | NcatRefusal {
  const parsed = getopt(args, "46UCc:e:g:G:i:km:hp:d:lo:x:ts:uvw:nz", { long: LONG });
  const options: NcatOptions = {
    operands: parsed.operands,
    listen: false,
    keepOpen: false,
    udp: false,
    exec: undefined,
    sourcePort: undefined,
    sourceAddress: undefined,
    connectTimeoutNs: 10 * SEC,
    idleTimeoutNs: 0,
    verbose: 0,
    zero: false,
    numeric: false,
    sendOnly: false,
    recvOnly: false,
    noShutdown: false,
    crlf: false,
    maxConnections: MAX_CONNECTIONS,
    ipv4: false,
    ipv6: false,
  };
  try {
    for (const { name, value = "" } of parsed.options) {
      if (name === "h") return { stdout: HELP.replace("VERSION", release.version), stderr: "", status: 0 };
      if (name === "version") return { stdout: "", stderr: versionLine(release), status: 0 };
      apply(options, name, value);
    }
    if (parsed.error !== undefined) return { stdout: "", stderr: `nc: ${parsed.error}\n${SEE_HELP}`, status: 2 };
    if (options.keepOpen && !options.listen) throw new Refused("Must specify --listen when using --keep-open.");
    if (options.listen && options.zero) throw new Refused("Services designed for LISTENING can't be used with -z");
    if (options.sendOnly && options.recvOnly) throw new Refused("Send and recv only at the same time makes no sense.");
    return options;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { stdout: "", stderr: `Ncat: ${error.message} QUITTING.\n`, status: 2 };
  }
}

function apply(o: NcatOptions, name: string, value: string): void {
  switch (name) {
    case "4":
      o.ipv4 = true;
      return;
    case "6":
      o.ipv6 = true;
      return;
    case "C":
      o.crlf = true;
      return;
    case "c":
    case "e":
      if (o.exec) throw new Refused("Only one of --exec, --sh-exec, and --lua-exec is allowed.");
      o.exec = { kind: name === "c" ? "shell" : "exec", command: value };
      return;
    case "i":
      o.idleTimeoutNs = time("-i", value);
      return;
    case "k":
      o.keepOpen = true;
      return;
    case "l":
      o.listen = true;
      return;
    case "m":
      if (!/^\d+$/.test(value)) throw new Refused(`Invalid connection limit "${value}".`);
      o.maxConnections = Number(value);
      return;
    case "n":
      o.numeric = true;
      return;
    case "p":
      o.sourcePort = portNumber(value, "source port");
      return;
    case "s":
      o.sourceAddress = value;
      return;
    case "u":
      o.udp = true;
      return;
    case "v":
      o.verbose++;
      return;
    case "w":
      o.connectTimeoutNs = time("-w", value);
      return;
    case "z":
      o.zero = true;
      return;
    case "recv-only":
      o.recvOnly = true;
      return;
    case "send-only":
      o.sendOnly = true;
      return;
    case "no-shutdown":
      o.noShutdown = true;
      return;
    default:
      throw new Refused(`Option ${name.length === 1 ? "-" : "--"}${name} is not supported.`);
  }
}

/** Seconds, or a number with ms, s, m or h. */
function time(option: string, text: string): Ns {
  const match = /^(\d+(?:\.\d*)?)(ms|s|m|h)?$/.exec(text);
  const scale = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[(match?.[2] ?? "s") as "ms" | "s" | "m" | "h"];
  const ms = match ? Number(match[1]) * scale : 0;
  if (ms <= 0 || ms >= MAX_TIME_MS) {
    const what = option === "-i" ? "-i timeout" : `${option} timeout`;
    throw new Refused(`Invalid ${what} "${text}" (must be greater than 0 and less than 2147483s).`);
  }
  return Math.round(ms * 1_000_000);
}

function portNumber(text: string, what: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 65535) throw new Refused(`Invalid ${what} "${text}".`);
  return Number(text);
}

/** A port operand, or the sentence that refuses it. */
export function parsePort(text: string): number | string {
  if (/^\d+$/.test(text) && Number(text) > 0 && Number(text) <= 65535) return Number(text);
  return `Ncat: Invalid port number "${text}". QUITTING.\n`;
}

const HELP = `Ncat VERSION ( https://nmap.org/ncat )
Usage: ncat [options] [hostname] [port]

Options taking a time assume seconds. Append 'ms' for milliseconds,
's' for seconds, 'm' for minutes, or 'h' for hours (e.g. 500ms).
  -4                         Use IPv4 only
  -6                         Use IPv6 only
  -U, --unixsock             Use Unix domain sockets only
      --vsock                Use vsock sockets only
  -C, --crlf                 Use CRLF for EOL sequence
  -c, --sh-exec <command>    Executes the given command via /bin/sh
  -e, --exec <command>       Executes the given command
      --lua-exec <filename>  Executes the given Lua script
  -g hop1[,hop2,...]         Loose source routing hop points (8 max)
  -G <n>                     Loose source routing hop pointer (4, 8, 12, ...)
  -m, --max-conns <n>        Maximum <n> simultaneous connections
  -h, --help                 Display this help screen
  -d, --delay <time>         Wait between read/writes
  -o, --output <filename>    Dump session data to a file
  -x, --hex-dump <filename>  Dump session data as hex to a file
  -i, --idle-timeout <time>  Idle read/write timeout
  -p, --source-port port     Specify source port to use
  -s, --source addr          Specify source address to use (doesn't affect -l)
  -l, --listen               Bind and listen for incoming connections
  -k, --keep-open            Accept multiple connections in listen mode
  -n, --nodns                Do not resolve hostnames via DNS
  -t, --telnet               Answer Telnet negotiations
  -u, --udp                  Use UDP instead of default TCP
      --sctp                 Use SCTP instead of default TCP
  -v, --verbose              Set verbosity level (can be used several times)
  -w, --wait <time>          Connect timeout
  -z                         Zero-I/O mode, report connection status only
      --append-output        Append rather than clobber specified output files
      --send-only            Only send data, ignoring received; quit on EOF
      --recv-only            Only receive data, never send anything
      --no-shutdown          Continue half-duplex when receiving EOF on stdin
      --allow                Allow only given hosts to connect to Ncat
      --allowfile            A file of hosts allowed to connect to Ncat
      --deny                 Deny given hosts from connecting to Ncat
      --denyfile             A file of hosts denied from connecting to Ncat
      --broker               Enable Ncat's connection brokering mode
      --chat                 Start a simple Ncat chat server
      --proxy <addr[:port]>  Specify address of host to proxy through
      --proxy-type <type>    Specify proxy type ("http", "socks4", "socks5")
      --proxy-auth <auth>    Authenticate with HTTP or SOCKS proxy server
      --proxy-dns <type>     Specify where to resolve proxy destination
      --ssl                  Connect or listen with SSL
      --ssl-cert             Specify SSL certificate file (PEM) for listening
      --ssl-key              Specify SSL private key (PEM) for listening
      --ssl-verify           Verify trust and domain name of certificates
      --ssl-trustfile        PEM file containing trusted SSL certificates
      --ssl-ciphers          Cipherlist containing SSL ciphers to use
      --ssl-servername       Request distinct server name (SNI)
      --ssl-alpn             ALPN protocol list to use
      --version              Display Ncat's version information and exit

See the ncat(1) manpage for full options, descriptions and usage examples
`;
