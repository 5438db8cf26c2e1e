// `ip netns`: named network namespaces. Answers to iproute2's ip/ipnetns.c. A name is a node under /run/netns that refers
// to the namespace; the namespace lives as long as a name or a process holds it. Leaves out monitor.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { hostOf, NETNS_RUN_DIR, netnsNode, netnsOf, withNetns } from "../../host/host.ts";
import type { Net } from "../../net/core/net.ts";
import type { NetNamespace } from "../../net/netns.ts";
import { dirNode, type VfsNode } from "../../posix/vfs.ts";
import { FORK_NS } from "../../shell/cost.ts";
import { execProgram, spawnCommand } from "../../shell/exec.ts";
import type { Task } from "../../sim/task.ts";
import type { Context } from "./context.ts";
import { Args, CommandError, invarg, matches, parseInteger } from "./lib/args.ts";
import { netnsAt, netnsNamed, netnsNames, netnsPath, switchTo } from "./lib/netns.ts";

const NETNS_USAGE = `Usage:\tip netns list
\tip netns add NAME
\tip netns attach NAME PID
\tip netns set NAME NETNSID
\tip [-all] netns delete [NAME]
\tip netns identify [PID]
\tip netns pids NAME
\tip [-all] netns exec [NAME] cmd ...
\tip netns monitor
\tip netns list-id [target-nsid POSITIVE-INT] [nsid POSITIVE-INT]
NETNSID := auto | POSITIVE-INT
`;

function usage(): never {
  throw new CommandError(NETNS_USAGE, 255);
}

export function* doNetns(ctx: Context, words: readonly string[]): Task<number> {
  const verb = words[0] ?? "list";
  const rest = words.slice(1);
  if (!ctx.options.all && rest.length > 0 && !validName(rest[0]!))
    throw new CommandError(`Invalid netns name "${rest[0]}"\n`, 255);
  if (matches(verb, "list") || matches(verb, "show") || matches(verb, "lst")) return list(ctx);
  if (matches(verb, "list-id")) return listId(ctx, new Args(rest));
  if (matches(verb, "help")) usage();
  if (matches(verb, "add")) return add(ctx, rest);
  if (matches(verb, "set")) return setId(ctx, rest);
  if (matches(verb, "delete")) return remove(ctx, rest);
  if (matches(verb, "identify")) return identify(ctx, rest);
  if (matches(verb, "pids")) return pids(ctx, rest);
  if (matches(verb, "exec")) return yield* exec(ctx, rest);
  if (matches(verb, "monitor")) throw new CommandError('ip netns: "monitor" is not supported by vethlab\n', 2);
  if (matches(verb, "attach")) return attach(ctx, rest);
  throw new CommandError(`Command "${verb}" is unknown, try "ip netns help".\n`, 255);
}

function validName(name: string): boolean {
  return name !== "" && name.length <= 255 && !name.includes("/") && name !== "." && name !== "..";
}

function list(ctx: Context): number {
  const { out, proc } = ctx;
  out.begin();
  for (const name of netnsNames(proc)) {
    out.openObject();
    out.any("name", name, name);
    const netns = netnsNamed(proc, name);
    const id = netns ? ctx.ns.net.nsids.get(netns.net) : undefined;
    if (id !== undefined) out.any("id", ` (id: ${id})`, id);
    out.fp("\n");
    out.closeObject();
  }
  out.end();
  return 0;
}

function listId(ctx: Context, args: Args): number {
  let wanted: number | undefined;
  for (; !args.done; args.advance()) {
    if (args.is("nsid")) {
      const word = args.next();
      wanted = parseInteger(word) ?? invarg('"nsid" value is invalid', word);
    } else if (args.is("target-nsid"))
      throw new CommandError('ip netns list-id: "target-nsid" is not supported by vethlab\n', 2);
    else usage();
  }
  const { out } = ctx;
  const ids = [...ctx.ns.net.nsids].sort((a, b) => a[1] - b[1]);
  out.begin();
  for (const [net, id] of ids) {
    if (wanted !== undefined && id !== wanted) continue;
    out.openObject();
    out.any("nsid", `nsid ${id} `, id);
    const name = nameOf(ctx, net);
    if (name !== undefined) out.any("name", `(iproute2 netns name: ${name})`, name);
    out.fp("\n");
    out.closeObject();
  }
  out.end();
  return 0;
}

function nameOf(ctx: Context, net: Net): string | undefined {
  return netnsNames(ctx.proc).find((name) => netnsNamed(ctx.proc, name)?.net === net);
}

function needName(words: readonly string[]): string {
  if (words.length < 1) throw new CommandError("No netns name specified\n", 1);
  return words[0]!;
}

function putNode(ctx: Context, name: string, make: () => VfsNode): void {
  const { root } = ctx.proc;
  const path = netnsPath(name);
  if (!root.find(ctx.proc, NETNS_RUN_DIR)) root.put(NETNS_RUN_DIR, dirNode());
  if (root.find(ctx.proc, path, true))
    throw new CommandError(`Cannot create namespace file "${path}": ${strerror(Errno.EEXIST)}\n`, 1);
  root.create(ctx.proc, path, make());
}

function add(ctx: Context, words: readonly string[]): number {
  const name = needName(words);
  if (!ctx.proc.capable("SYS_ADMIN"))
    throw new CommandError(`mount --make-shared ${NETNS_RUN_DIR} failed: Operation not permitted\n`, 1);
  putNode(ctx, name, () => netnsNode(hostOf(ctx.proc).createNetNamespace(name)));
  return 0;
}

function attach(ctx: Context, words: readonly string[]): number {
  if (words.length < 2) throw new CommandError("No netns name and PID specified\n", 1);
  const pid = parseInteger(words[1]!);
  if (!pid) throw new CommandError(`Invalid PID: ${words[1]}\n`, 1);
  const name = words[0]!;
  const holder = ctx.proc.visible.get(pid);
  if (!holder) {
    const path = netnsPath(name);
    throw new CommandError(`Bind /proc/${pid}/ns/net -> ${path} failed: ${strerror(Errno.ENOENT)}\n`, 1);
  }
  putNode(ctx, name, () => netnsNode(netnsOf(holder)));
  return 0;
}

/** rtnl_net_newid */
function setId(ctx: Context, words: readonly string[]): number {
  const name = needName(words);
  const word = words[1];
  if (word === undefined) throw new CommandError("No nsid specified\n", 1);
  let id = -1;
  if (word !== "auto") {
    id = parseInteger(word) ?? invarg('Invalid "netnsid" value', word);
    if (id < 0) invarg('"netnsid" value should be >= 0', word);
  }
  let netns: NetNamespace;
  try {
    netns = netnsAt(ctx.proc, netnsPath(name));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new CommandError(`Cannot open network namespace "${name}": ${strerror(error.errno)}\n`, 1);
  }
  const { nsids } = ctx.ns.net;
  if (nsids.has(netns.net)) throw new CommandError("Error: Peer netns already has a nsid assigned.\n", 2);
  if (id < 0) ctx.ns.net.nsidOf(netns.net);
  else if ([...nsids.values()].includes(id)) throw new CommandError("Error: The specified nsid is already used.\n", 2);
  else nsids.set(netns.net, id);
  return 0;
}

function remove(ctx: Context, words: readonly string[]): number {
  if (ctx.options.all) {
    for (const name of netnsNames(ctx.proc)) removeOne(ctx, name);
    return 0;
  }
  removeOne(ctx, needName(words));
  return 0;
}

function removeOne(ctx: Context, name: string): void {
  const { proc } = ctx;
  const path = netnsPath(name);
  const node = proc.root.find(proc, path, true);
  try {
    proc.root.remove(proc, path);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new CommandError(`Cannot remove namespace file "${path}": ${strerror(error.errno)}\n`, 1);
  }
  if (node?.kind === "namespace") hostOf(proc).releaseNetNamespace(node.target as NetNamespace);
}

function identify(ctx: Context, words: readonly string[]): number {
  if (words.length > 1) throw new CommandError("extra arguments specified\n", 1);
  let proc = ctx.proc;
  if (words.length === 1) {
    if (!/^\d*$/.test(words[0]!)) throw new CommandError(`Specified string '${words[0]}' is not a pid\n`, 1);
    const other = ctx.proc.visible.get(Number(words[0]));
    if (!other) throw new CommandError(`Cannot open network namespace: ${strerror(Errno.ENOENT)}\n`, 1);
    proc = other;
  }
  const { net } = netnsOf(proc);
  // the last name that fits wins
  const names = netnsNames(ctx.proc).filter((name) => netnsNamed(ctx.proc, name)?.net === net);
  ctx.out.fp(`${names.at(-1) ?? ""}\n`);
  return 0;
}

function pids(ctx: Context, words: readonly string[]): number {
  const name = needName(words);
  if (words.length > 1) throw new CommandError("extra arguments specified\n", 1);
  const netns = netnsNamed(ctx.proc, name);
  if (!netns) throw new CommandError(`Cannot open network namespace: ${strerror(Errno.ENOENT)}\n`, 1);
  for (const proc of ctx.proc.visible.values()) if (proc.ns.net === netns) ctx.out.fp(`${proc.pidFor(ctx.proc)}\n`);
  return 0;
}

/** netns_exec: the process itself becomes the command, in the namespace. */
function* exec(ctx: Context, words: readonly string[]): Task<number> {
  const { proc } = ctx;
  if (ctx.options.all) {
    if (words.length < 1) throw new CommandError("No command specified\n", 1);
    for (const name of netnsNames(proc)) {
      yield* proc.print(`\nnetns: ${name}\n`);
      yield* proc.cpu(FORK_NS);
      const netns = switchTo(proc, name);
      const child = spawnCommand(proc, words, {
        ns: withNetns(proc.ns, netns),
        onError: (own, error) => execFailed(own, words[0]!, error),
      });
      yield* child.wait();
    }
    return 0;
  }
  const name = needName(words);
  if (words.length < 2) throw new CommandError("No command specified\n", 1);
  const netns = switchTo(proc, name);
  const command = words.slice(1);
  try {
    return yield* execProgram(proc, command, { ns: withNetns(proc.ns, netns) });
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return yield* execFailed(proc, command[0]!, error);
  }
}

function* execFailed(proc: Context["proc"], name: string, error: NetError): Task<number> {
  yield* proc.printError(`exec of "${name}" failed: ${strerror(error.errno)}\n`);
  return 1;
}
