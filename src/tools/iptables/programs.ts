// The programs of iptables by their names. Names in rules are looked up in the process's /etc/hosts, /etc/networks,
// /etc/passwd and /etc/group, and in DNS.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { netnsOf } from "../../host/host.ts";
import type { Netfilter } from "../../net/netfilter/netfilter.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4, parseIpv4 } from "../../wire/addr.ts";
import { dateText } from "../net-util/date.ts";
import { GaiError, getaddrinfo, getnameinfo } from "../net-util/resolve.ts";
import { readTextFile } from "../net-util/sockets.ts";
import { Stdout } from "../net-util/stdio.ts";
import { type HostNames, PLAIN_NAMES } from "./names.ts";
import { restoreOptions, restoreTables } from "./restore.ts";
import { iptables, type Result } from "./run.ts";
import { saveTables } from "./save.ts";
import type { IptablesVersion } from "./xtables.ts";
import { xtablesMonitor } from "./xtables-monitor.ts";

/** A name or an address that only a resolver knows: the program asks it and begins again. */
class LookupNeeded extends Error {
  override readonly name: string = "LookupNeeded";
  readonly what: string | number;

  constructor(what: string | number) {
    super("lookup needed");
    this.what = what;
  }
}

/** Names as the machine's files have them, and what the resolver has answered. */
class MachineNames implements HostNames {
  readonly #proc: Process;
  readonly addresses: Map<string, number[] | string> = new Map();
  readonly hosts: Map<number, string | undefined> = new Map();

  constructor(proc: Process) {
    this.#proc = proc;
  }

  hostOf(address: number): string | undefined {
    if (!this.hosts.has(address)) throw new LookupNeeded(address);
    return this.hosts.get(address);
  }

  addressesOf(name: string): number[] | string {
    const known = this.addresses.get(name);
    if (known === undefined) throw new LookupNeeded(name);
    return known;
  }

  #fields(path: string): string[][] {
    const lines = (readTextFile(this.#proc, path) ?? "").split("\n");
    return lines.map((line) =>
      line
        .replace(/#.*/, "")
        .trim()
        .split(/[\s:]+/),
    );
  }

  #networks(): { name: string; address: number }[] {
    return this.#fields("/etc/networks").flatMap(([name, text]) => {
      const address = text === undefined ? undefined : parseIpv4(text);
      return name !== undefined && address !== undefined ? [{ name, address }] : [];
    });
  }

  networkOf(address: number): string | undefined {
    return this.#networks().find((network) => network.address === address)?.name;
  }

  networkAddress(name: string): number | undefined {
    return this.#networks().find((network) => network.name === name)?.address;
  }

  idOf(kind: "user" | "group", name: string): number | undefined {
    const line = this.#ids(kind).find((fields) => fields[0] === name);
    return line ? Number(line[2]) : PLAIN_NAMES.idOf(kind, name);
  }

  nameOfId(kind: "user" | "group", id: number): string | undefined {
    return this.#ids(kind).find((fields) => fields[2] === String(id))?.[0] ?? PLAIN_NAMES.nameOfId(kind, id);
  }

  #ids(kind: "user" | "group"): string[][] {
    const text = readTextFile(this.#proc, kind === "user" ? "/etc/passwd" : "/etc/group") ?? "";
    return text.split("\n").map((line) => line.split(":"));
  }
}

/** Runs until every name it asks for has been looked up; nothing changes before that. */
export function* withNames<T>(proc: Process, run: (names: HostNames) => T): Task<T> {
  const names = new MachineNames(proc);
  for (;;) {
    try {
      return run(names);
    } catch (error) {
      if (!(error instanceof LookupNeeded)) throw error;
      yield* lookUp(proc, names, error.what);
    }
  }
}

function* lookUp(proc: Process, names: MachineNames, what: string | number): Task<void> {
  try {
    if (typeof what === "number") names.hosts.set(what, yield* hostName(proc, what));
    else names.addresses.set(what, [...(yield* getaddrinfo(proc, what, { ipv4Only: true })).addresses]);
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    if (typeof what === "string") names.addresses.set(what, error.code);
    else names.hosts.set(what, undefined);
  }
}

function* hostName(proc: Process, address: number): Task<string | undefined> {
  const name = yield* getnameinfo(proc, address);
  return name === formatIpv4(address) ? undefined : name;
}

function* finish(proc: Process, { status, stdout, stderr }: Result): Task<number> {
  const out = new Stdout(proc);
  yield* out.print(stdout);
  yield* proc.printError(stderr);
  yield* out.flush();
  return status;
}

/** The firewall, whose monitors shall know who changes it. */
function actingFor(proc: Process): Netfilter {
  const { nf } = netnsOf(proc);
  // a name has fifteen characters (TASK_COMM_LEN)
  nf.tables.monitor.actor = { pid: proc.pid, name: proc.name.slice(0, 15) };
  return nf;
}

function* iptablesProgram(proc: Process, version: IptablesVersion): Task<number> {
  const nf = actingFor(proc);
  const result = yield* withNames(proc, (names) => iptables(nf, proc.argv.slice(1), { names, version }));
  return yield* finish(proc, result);
}

function* iptablesSaveProgram(proc: Process, version: IptablesVersion): Task<number> {
  const nf = netnsOf(proc).nf;
  const date = dateText(proc.machine.wallSeconds()).replace(" UTC", "");
  const { file, ...result } = yield* withNames(proc, (names) =>
    saveTables(nf, proc.argv.slice(1), date, { names, version }),
  );
  if (file === undefined) return yield* finish(proc, result);
  try {
    proc.root.writeFile(proc, file, result.stdout);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return yield* finish(proc, {
      status: 1,
      stdout: "",
      stderr: `Failed to open file, error: ${strerror(error.errno)}\n`,
    });
  }
  return yield* finish(proc, { ...result, stdout: "" });
}

function* iptablesRestoreProgram(proc: Process, version: IptablesVersion): Task<number> {
  const options = restoreOptions(proc.argv.slice(1), { version }, proc.argv[0]);
  if ("status" in options) return yield* finish(proc, options);
  let text: string;
  if (options.file === undefined) text = decodeUtf8(yield* proc.readAll());
  else {
    const content = readTextFile(proc, options.file);
    if (content === undefined) {
      const reason = strerror(Errno.ENOENT);
      return yield* finish(proc, { status: 1, stdout: "", stderr: `Can't open ${options.file}: ${reason}\n` });
    }
    text = content;
  }
  const nf = actingFor(proc);
  const result = yield* withNames(proc, (names) => restoreTables(nf, text, options, { names, version }));
  return yield* finish(proc, result);
}

/** A program of the iptables package that does not exist here. */
function absent(stderr: (name: string) => string, status: number): Program {
  return function* (proc: Process): Task<number> {
    yield* proc.printError(stderr(proc.name));
    return status;
  };
}

/** What iptables-legacy says on a kernel without ip_tables. */
const legacy: Program = absent(
  () =>
    "iptables v1.8.9 (legacy): can't initialize iptables table `filter': Table does not exist (do you need to insmod?)\n" +
    "Perhaps iptables or your kernel needs to be upgraded.\n",
  3,
);

const ipv6 = absent((name) => `${name}: IPv6 is not supported\n`, 1);

/** The programs by name, of one version of iptables. */
export function makeIptablesPrograms(version: IptablesVersion): ReadonlyMap<string, Program> {
  const iptables: Program = (proc) => iptablesProgram(proc, version);
  const save: Program = (proc) => iptablesSaveProgram(proc, version);
  const restore: Program = (proc) => iptablesRestoreProgram(proc, version);
  return new Map<string, Program>([
    ["iptables", iptables],
    ["iptables-nft", iptables],
    ["iptables-save", save],
    ["iptables-nft-save", save],
    ["iptables-restore", restore],
    ["iptables-nft-restore", restore],
    ["iptables-legacy", legacy],
    ["iptables-legacy-save", legacy],
    ["iptables-legacy-restore", legacy],
    ["xtables-monitor", (proc) => xtablesMonitor(proc, version)],
    ["ip6tables", ipv6],
    ["ip6tables-nft", ipv6],
    ["ip6tables-save", ipv6],
    ["ip6tables-restore", ipv6],
    ["ip6tables-nft-save", ipv6],
    ["ip6tables-nft-restore", ipv6],
  ]);
}

export const iptablesPrograms: ReadonlyMap<string, Program> = makeIptablesPrograms("1.8.9");
