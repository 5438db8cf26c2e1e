// curl's command line (curl 7.88.1 and later, curl(1)): the options that this curl has, in short and long form. One that it
// does not have is refused in curl's own words, by name.

import { type Ns, SEC } from "../../base/time.ts";

/** Options that hold for all URLs, and per URL what to do with the body. */
export interface CurlOptions {
  readonly urls: CurlTarget[];
  silent: boolean;
  showError: boolean;
  verbose: boolean;
  include: boolean;
  head: boolean;
  fail: boolean;
  failWithBody: boolean;
  failEarly: boolean;
  maxTimeNs: Ns;
  connectTimeoutNs: Ns;
  location: boolean;
  locationTrusted: boolean;
  maxRedirects: number;
  readonly headers: string[];
  /** -d in all its forms, and --json; joined with & when sent */
  readonly data: { readonly kind: DataKind; readonly value: string }[];
  json: boolean;
  get: boolean;
  method: string | undefined;
  userAgent: string | undefined;
  referer: string | undefined;
  user: string | undefined;
  cookie: string | undefined;
  range: string | undefined;
  writeOut: string | undefined;
  interfaceName: string | undefined;
  localPort: readonly [number, number] | undefined;
  readonly resolve: { readonly host: string; readonly port: number; readonly addresses: readonly string[] }[];
  http10: boolean;
  ipv6Only: boolean;
  ipv4Only: boolean;
  compressed: boolean;
  uploadFile: string | undefined;
  dumpHeader: string | undefined;
  progressBar: boolean;
  noProgress: boolean;
  globOff: boolean;
  pathAsIs: boolean;
  noBuffer: boolean;
  retries: number;
  retryDelayNs: Ns | undefined;
  retryRefused: boolean;
  retryAllErrors: boolean;
  createDirs: boolean;
  version: boolean;
  help: boolean;
}

export interface CurlTarget {
  readonly url: string;
  /** undefined: standard output; "" with remoteName: the URL's last part */
  output: string | undefined;
  remoteName: boolean;
}

export type DataKind = "data" | "raw" | "binary" | "urlencode";

/** A mistake: curl prints `curl: ` and this, then where to find help, and ends with status 2. */
export class CurlUsageError extends Error {
  override readonly name: string = "CurlUsageError";
}

/** Long name, letter, and whether a value follows. */
const TABLE: readonly (readonly [string, string, boolean])[] = [
  ["silent", "s", false],
  ["show-error", "S", false],
  ["output", "o", true],
  ["remote-name", "O", false],
  ["remote-name-all", "", false],
  ["verbose", "v", false],
  ["include", "i", false],
  ["head", "I", false],
  ["fail", "f", false],
  ["fail-with-body", "", false],
  ["fail-early", "", false],
  ["max-time", "m", true],
  ["max-redirs", "", true],
  ["connect-timeout", "", true],
  ["location", "L", false],
  ["location-trusted", "", false],
  ["header", "H", true],
  ["data", "d", true],
  ["data-ascii", "", true],
  ["data-raw", "", true],
  ["data-binary", "", true],
  ["data-urlencode", "", true],
  ["json", "", true],
  ["get", "G", false],
  ["request", "X", true],
  ["user-agent", "A", true],
  ["referer", "e", true],
  ["user", "u", true],
  ["cookie", "b", true],
  ["range", "r", true],
  ["write-out", "w", true],
  ["interface", "", true],
  ["local-port", "", true],
  ["resolve", "", true],
  ["http1.0", "0", false],
  ["http1.1", "", false],
  ["ipv4", "4", false],
  ["ipv6", "6", false],
  ["insecure", "k", false],
  ["no-buffer", "N", false],
  ["noproxy", "", true],
  ["compressed", "", false],
  ["upload-file", "T", true],
  ["dump-header", "D", true],
  ["progress-bar", "#", false],
  ["no-progress-meter", "", false],
  ["globoff", "g", false],
  ["path-as-is", "", false],
  ["tcp-nodelay", "", false],
  ["no-keepalive", "", false],
  ["keepalive-time", "", true],
  ["retry", "", true],
  ["retry-delay", "", true],
  ["retry-connrefused", "", false],
  ["retry-all-errors", "", false],
  ["create-dirs", "", false],
  ["url", "", true],
  ["disable", "q", false],
  ["version", "V", false],
  ["help", "h", false],
];

const MAX_REDIRECTS = 50;

export function parseCurlOptions(args: readonly string[]): CurlOptions {
  const options = defaults();
  const urls: string[] = [];
  const outputs: { output: string | undefined; remoteName: boolean }[] = [];
  let remoteNameAll = false;
  const set = (name: string, letter: string, value: string): void => {
    if (name === "url") urls.push(value);
    else if (name === "output") outputs.push({ output: value, remoteName: false });
    else if (name === "remote-name") outputs.push({ output: undefined, remoteName: true });
    else if (name === "remote-name-all") remoteNameAll = true;
    else apply(options, name, letter, value);
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      urls.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      urls.push(arg);
      continue;
    }
    if (arg.startsWith("--")) {
      const entry = longOption(arg);
      const value = entry[2] ? args[++i] : "";
      if (value === undefined) throw new CurlUsageError(`option ${arg}: requires parameter`);
      set(entry[0], arg, value);
      continue;
    }
    for (let k = 1; k < arg.length; k++) {
      const letter = `-${arg[k]}`;
      const entry = TABLE.find(([, short]) => short !== "" && short === arg[k]);
      if (!entry) throw new CurlUsageError(`option ${letter}: is unknown`);
      if (!entry[2]) {
        set(entry[0], letter, "");
        continue;
      }
      const value = arg.slice(k + 1) || args[++i];
      if (value === undefined) throw new CurlUsageError(`option ${letter}: requires parameter`);
      set(entry[0], letter, value);
      break;
    }
  }
  for (const [i, url] of urls.entries()) {
    const { output, remoteName } = outputs[i] ?? { output: undefined, remoteName: remoteNameAll };
    options.urls.push({ url, output, remoteName });
  }
  return options;
}

function longOption(arg: string): readonly [string, string, boolean] {
  const name = arg.slice(2);
  const exact = TABLE.find(([long]) => long === name);
  if (exact) return exact;
  const candidates = TABLE.filter(([long]) => long.startsWith(name));
  if (candidates.length > 1) throw new CurlUsageError(`option ${arg}: is ambiguous`);
  if (candidates.length === 0) throw new CurlUsageError(`option ${arg}: is unknown`);
  return candidates[0]!;
}

function defaults(): CurlOptions {
  return {
    urls: [],
    silent: false,
    showError: false,
    verbose: false,
    include: false,
    head: false,
    fail: false,
    failWithBody: false,
    failEarly: false,
    maxTimeNs: 0,
    connectTimeoutNs: 300 * SEC,
    location: false,
    locationTrusted: false,
    maxRedirects: MAX_REDIRECTS,
    headers: [],
    data: [],
    json: false,
    get: false,
    method: undefined,
    userAgent: undefined,
    referer: undefined,
    user: undefined,
    cookie: undefined,
    range: undefined,
    writeOut: undefined,
    interfaceName: undefined,
    localPort: undefined,
    resolve: [],
    http10: false,
    ipv6Only: false,
    ipv4Only: false,
    compressed: false,
    uploadFile: undefined,
    dumpHeader: undefined,
    progressBar: false,
    noProgress: false,
    globOff: false,
    pathAsIs: false,
    noBuffer: false,
    retries: 0,
    retryDelayNs: undefined,
    retryRefused: false,
    retryAllErrors: false,
    createDirs: false,
    version: false,
    help: false,
  };
}

function apply(o: CurlOptions, name: string, given: string, value: string): void {
  switch (name) {
    case "silent":
      o.silent = true;
      return;
    case "show-error":
      o.showError = true;
      return;
    case "verbose":
      o.verbose = true;
      return;
    case "include":
      o.include = true;
      return;
    case "head":
      o.head = true;
      o.include = true;
      return;
    case "fail":
      o.fail = true;
      return;
    case "fail-with-body":
      o.fail = true;
      o.failWithBody = true;
      return;
    case "fail-early":
      o.failEarly = true;
      return;
    case "max-time":
      o.maxTimeNs = seconds(given, value);
      return;
    case "connect-timeout":
      o.connectTimeoutNs = seconds(given, value) || o.connectTimeoutNs;
      return;
    case "location-trusted":
      o.locationTrusted = true;
      o.location = true;
      return;
    case "location":
      o.location = true;
      return;
    case "max-redirs":
      o.maxRedirects = integer(given, value);
      return;
    case "header":
      o.headers.push(value);
      return;
    case "data":
    case "data-ascii":
      o.data.push({ kind: "data", value });
      return;
    case "data-raw":
      o.data.push({ kind: "raw", value });
      return;
    case "data-binary":
      o.data.push({ kind: "binary", value });
      return;
    case "data-urlencode":
      o.data.push({ kind: "urlencode", value });
      return;
    case "json":
      o.data.push({ kind: "binary", value });
      o.json = true;
      return;
    case "get":
      o.get = true;
      return;
    case "request":
      o.method = value;
      return;
    case "user-agent":
      o.userAgent = value;
      return;
    case "referer":
      o.referer = value.replace(/;auto$/, "");
      return;
    case "user":
      o.user = value.includes(":") ? value : `${value}:`;
      return;
    case "cookie":
      if (!value.includes("=")) throw new CurlUsageError(`option ${given}: cookie files are not supported`);
      o.cookie = o.cookie === undefined ? value : `${o.cookie};${value}`;
      return;
    case "range":
      o.range = /^\d+$/.test(value) ? `${value}-` : value;
      return;
    case "write-out":
      o.writeOut = value;
      return;
    case "interface":
      o.interfaceName = value;
      return;
    case "local-port":
      o.localPort = portRange(given, value);
      return;
    case "resolve":
      o.resolve.push(resolveEntry(given, value));
      return;
    case "http1.0":
      o.http10 = true;
      return;
    case "http1.1":
      o.http10 = false;
      return;
    case "ipv4":
      o.ipv4Only = true;
      o.ipv6Only = false;
      return;
    case "ipv6":
      o.ipv6Only = true;
      o.ipv4Only = false;
      return;
    case "compressed":
      o.compressed = true;
      return;
    case "upload-file":
      o.uploadFile = value;
      return;
    case "dump-header":
      o.dumpHeader = value;
      return;
    case "progress-bar":
      o.progressBar = true;
      return;
    case "no-progress-meter":
      o.noProgress = true;
      return;
    case "globoff":
      o.globOff = true;
      return;
    case "path-as-is":
      o.pathAsIs = true;
      return;
    case "no-buffer":
      o.noBuffer = true;
      return;
    case "retry":
      o.retries = integer(given, value);
      return;
    case "retry-delay":
      o.retryDelayNs = seconds(given, value);
      return;
    case "retry-connrefused":
      o.retryRefused = true;
      return;
    case "retry-all-errors":
      o.retryAllErrors = true;
      return;
    case "create-dirs":
      o.createDirs = true;
      return;
    case "version":
      o.version = true;
      return;
    case "help":
      o.help = true;
      return;
    case "keepalive-time":
      integer(given, value);
      return;
    default:
      // insecure, noproxy, tcp-nodelay, no-keepalive, disable: nothing to change for plain HTTP without a proxy.
      return;
  }
}

function seconds(given: string, value: string): Ns {
  if (!/^\d+(\.\d*)?$/.test(value)) throw new CurlUsageError(`option ${given}: expected a proper numerical parameter`);
  return Math.round(Number(value) * 1000) * 1_000_000;
}

function integer(given: string, value: string): number {
  if (!/^-?\d+$/.test(value)) throw new CurlUsageError(`option ${given}: expected a proper numerical parameter`);
  return Number(value);
}

function portRange(given: string, value: string): readonly [number, number] {
  const match = /^(\d+)(?:\s*-\s*(\d+))?$/.exec(value);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first > 65535 || last > 65535 || last < first)
    throw new CurlUsageError(`option ${given}: is badly used here`);
  return [first, last];
}

function resolveEntry(given: string, value: string): CurlOptions["resolve"][number] {
  const match = /^\+?([^:]+):(\d+):(.+)$/.exec(value);
  if (!match) throw new CurlUsageError(`option ${given}: is badly used here`);
  return { host: match[1]!.toLowerCase(), port: Number(match[2]), addresses: match[3]!.split(",") };
}
