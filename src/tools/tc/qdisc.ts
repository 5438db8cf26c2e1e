// `tc qdisc`: add, replace, change, delete, show the discipline at a device's root. Answers to iproute2's tc/tc_qdisc.c and
// net/sched/sch_api.c. Ingress, classes and parents other than the root are refused by name.

import { Errno, NetError } from "../../base/errno.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import { allocateHandle, graft, type Sched, schedOf } from "../../net/link/sch-generic.ts";
import { type Context, deviceOrEnd, devicesByIndex } from "../ip/context.ts";
import { Args, CommandError, duparg, invarg, matches, rtnl } from "../ip/lib/args.ts";
import { qdiscName } from "../ip/link-show.ts";
import { type SchedKind, schedKind } from "./kinds.ts";

const USAGE = `Usage: tc qdisc [ add | del | replace | change | show ] dev STRING
       [ handle QHANDLE ] [ root | ingress | clsact | parent CLASSID ]
       [ estimator INTERVAL TIME_CONSTANT ]
       [ stab [ help | STAB_OPTIONS] ]
       [ ingress_block BLOCK_INDEX ] [ egress_block BLOCK_INDEX ]
       [ [ QDISC_KIND ] [ help | OPTIONS ] ]

       tc qdisc { show | list } [ dev STRING ] [ QDISC_ID ] [ invisible ]
Where:
QDISC_KIND := { [p|b]fifo | tbf | prio | cbq | red | etc. }
OPTIONS := ... try tc qdisc add <desired QDISC_KIND> help
STAB_OPTIONS := ... try tc qdisc add stab help
QDISC_ID := { root | ingress | handle QHANDLE | parent CLASSID }
`;

/** In the kernel that vethlab follows, or in others; not here. */
const REFUSED: readonly string[] = [
  "htb",
  "prio",
  "sfq",
  "fq",
  "fq_codel",
  "codel",
  "cake",
  "hfsc",
  "red",
  "drr",
  "mq",
  "mqprio",
  "pfifo_head_drop",
  "ets",
  "choke",
  "cbs",
  "etf",
  "taprio",
  "plug",
  "multiq",
  "qfq",
  "pie",
  "fq_pie",
  "gred",
  "skbprio",
  "sfb",
  "hhf",
];

type Verb = "add" | "change" | "replace" | "delete" | "link";

export function doQdisc(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "list";
  const args = new Args(words.slice(1));
  if (matches(verb, "add")) return modify(ctx, args, "add");
  if (matches(verb, "change")) return modify(ctx, args, "change");
  if (matches(verb, "replace")) return modify(ctx, args, "replace");
  if (matches(verb, "link")) throw new CommandError('tc qdisc: "link" is not supported by vethlab\n', 1);
  if (matches(verb, "delete")) return modify(ctx, args, "delete");
  if (matches(verb, "list") || matches(verb, "show") || matches(verb, "lst")) return list(ctx, args);
  if (matches(verb, "help")) throw new CommandError(USAGE, 0);
  throw new CommandError(`Command "${verb}" is unknown, try "tc qdisc help".\n`, 255);
}

function parseHandle(word: string): number {
  const match = /^([0-9a-f]{1,4}):?$/i.exec(word);
  return match ? Number.parseInt(match[1]!, 16) : invarg("invalid qdisc ID", word);
}

/** tc_qdisc_modify, and what the kernel answers (tc_modify_qdisc, tc_get_qdisc). */
function modify(ctx: Context, args: Args, verb: Verb): number {
  let device: string | undefined;
  let handle = 0;
  let root = false;
  let parent = -1;
  let kind: SchedKind | undefined;
  let kindName: string | undefined;
  let options: unknown;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) {
      const word = args.next();
      if (device !== undefined) duparg("dev", word);
      device = word;
    } else if (args.is("handle")) {
      if (handle) duparg("handle", args.word);
      handle = parseHandle(args.next());
    } else if (args.is("root")) {
      if (root) throw new CommandError('Error: "root" is duplicate parent ID\n', 255);
      root = true;
    } else if (args.is("clsact") || args.is("ingress")) {
      if (root) throw new CommandError(`Error: "${args.word}" is a duplicate parent ID\n`, 255);
      throw new CommandError(`tc qdisc: "${args.word}" is not supported by vethlab\n`, 2);
    } else if (args.is("parent")) {
      if (root || parent >= 0) throw new CommandError(`Error: "parent" is a duplicate parent ID\n`, 255);
      const word = args.next();
      parent = Number.parseInt(
        /^([0-9a-f]{1,4}):[0-9a-f]{0,4}$/i.exec(word)?.[1] ?? invarg("invalid parent ID", word),
        16,
      );
    } else if (["estimator", "stab", "ingress_block", "egress_block"].some((word) => args.matches(word)))
      throw new CommandError(`tc qdisc: "${args.word}" is not supported by vethlab\n`, 1);
    else if (args.matches("help")) throw new CommandError(USAGE, 0);
    else {
      kindName = args.word;
      kind = schedKind(kindName);
      args.advance();
      if (kind) options = kind.parse(args);
      else if (REFUSED.includes(kindName))
        throw new CommandError(`tc qdisc: "${kindName}" is not supported by vethlab\n`, 2);
      break;
    }
  }
  if (device === undefined) throw new CommandError("RTNETLINK answers: No such device\n", 2);
  const dev = deviceOrEnd(ctx, device);
  if (parent >= 0) {
    if (schedOf(dev)?.handle === parent) throw new CommandError('tc qdisc: "parent" is not supported by vethlab\n', 2);
    throw new CommandError("Error: Failed to find specified qdisc.\n", 2);
  }
  const request = { root, handle, kind, kindName, options };
  rtnl(ctx.proc, () => (verb === "delete" ? deleteQdisc(dev, request) : modifyQdisc(dev, verb, request)));
  return 0;
}

interface QdiscRequest {
  readonly root: boolean;
  readonly handle: number;
  /** undefined: none was named, or none of that name is there */
  readonly kind: SchedKind | undefined;
  readonly kindName: string | undefined;
  readonly options: unknown;
}

function refuse(errno: number, text: string): never {
  throw new NetError(errno, text);
}

/** tc_get_qdisc with RTM_DELQDISC */
function deleteQdisc(dev: NetDevice, { root, handle, kindName }: QdiscRequest): void {
  const old = schedOf(dev);
  if (!root && (!handle || handle !== old?.handle)) refuse(Errno.ENOENT, "Failed to find qdisc with specified handle");
  if (handle && handle !== old?.handle) refuse(Errno.EINVAL, "Invalid handle");
  if (kindName !== undefined && kindName !== qdiscName(dev))
    refuse(Errno.EINVAL, "Invalid qdisc name: must match existing qdisc");
  if (!root) refuse(Errno.EINVAL, "Classid cannot be zero");
  if (!old) refuse(Errno.ENOENT, "Cannot delete qdisc with handle of zero");
  graft(dev, null);
}

/** tc_modify_qdisc: changes what is there, or puts another in its place. */
function modifyQdisc(dev: NetDevice, verb: Verb, request: QdiscRequest): void {
  const { root, handle, kindName, options } = request;
  const current = schedOf(dev);
  let there = current;
  if (root) {
    if (!current) {
      if (verb === "change") refuse(Errno.ENOENT, "Qdisc not found. To create specify NLM_F_CREATE flag");
      create(dev, request);
      return;
    }
    if (handle && handle !== current.handle) {
      if (verb !== "replace") refuse(Errno.EEXIST, "NLM_F_REPLACE needed to override");
      create(dev, request);
      return;
    }
    if (!handle && kindName !== undefined && kindName !== current.kind) {
      create(dev, request);
      return;
    }
  } else {
    if (!handle) refuse(Errno.EINVAL, "Handle cannot be zero");
    if (handle !== current?.handle) there = null;
  }
  if (!there) refuse(Errno.ENOENT, "Specified qdisc not found");
  if (verb === "add") refuse(Errno.EEXIST, "Exclusivity flag on, cannot modify");
  if (kindName !== undefined && kindName !== there.kind)
    refuse(Errno.EINVAL, "Invalid qdisc name: must match existing qdisc");
  if (request.kind) request.kind.change(there, options);
}

function create(dev: NetDevice, { handle, kind, kindName, options }: QdiscRequest): void {
  if (kindName === undefined) refuse(Errno.EINVAL, "Qdisc kind not specified");
  if (!kind) refuse(Errno.ENOENT, "Specified qdisc kind is unknown");
  graft(dev, kind.create(dev, handle || allocateHandle(dev.net.kernel), options));
}

function list(ctx: Context, args: Args): number {
  let device: string | undefined;
  let handle = 0;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) {
      device = args.next();
    } else if (args.is("handle")) handle = parseHandle(args.next());
    else if (args.is("root") || args.is("invisible")) {
      // nothing is below the root, and what a device has of its own is shown anyway, as Linux does for noqueue
    } else if (args.is("ingress") || args.is("clsact") || args.is("parent"))
      throw new CommandError(`tc qdisc: "${args.word}" is not supported by vethlab\n`, 1);
    else if (args.matches("help")) throw new CommandError(USAGE, 0);
    else throw new CommandError(`What is "${args.word}"? Try "tc qdisc help".\n`, 255);
  }
  const only = device === undefined ? undefined : deviceOrEnd(ctx, device);
  ctx.out.begin();
  for (const dev of devicesByIndex(ctx.ns.net)) {
    if (only && dev !== only) continue;
    const sched = schedOf(dev);
    if (handle && sched?.handle !== handle) continue;
    // noop, before a device was ever up, is not listed
    if (sched || dev.activated) printQdisc(ctx, dev, sched, only !== undefined);
  }
  ctx.out.end();
  return 0;
}

/** Transmit queues that hold the discipline, and itself: veth has a queue for each of two processors. */
function references(dev: NetDevice): number {
  return dev.kind === "veth" ? 3 : 2;
}

/** print_qdisc */
function printQdisc(ctx: Context, dev: NetDevice, sched: Sched | null, devGiven: boolean): void {
  const { out, options } = ctx;
  const kind = sched?.kind ?? qdiscName(dev);
  const handle = `${(sched?.handle ?? 0).toString(16)}:`;
  out.openObject();
  out.any("kind", `qdisc ${kind}`, kind);
  out.any("handle", ` ${handle}`, handle);
  out.fp(" ");
  if (!devGiven) out.any("dev", `dev ${dev.name} `, dev.name);
  out.any("root", "root ", true);
  const refs = sched ? references(dev) : 2;
  out.any("refcnt", `refcnt ${refs} `, refs);
  out.openObject("options");
  if (sched) schedKind(sched.kind)?.print(out, sched, options.details > 0);
  out.closeObject();
  out.nl();
  if (options.stats) {
    const { bytes, packets, drops, overlimits, requeues } = sched ?? ZERO;
    out.any("bytes", ` Sent ${bytes} bytes`, bytes);
    out.any("packets", ` ${packets} pkt`, packets);
    out.any("drops", ` (dropped ${drops}`, drops);
    out.any("overlimits", `, overlimits ${overlimits}`, overlimits);
    out.any("requeues", ` requeues ${requeues}) `, requeues);
    out.nl();
    const backlog = sched?.backlog ?? 0;
    const qlen = sched?.qlen ?? 0;
    out.any("backlog", ` backlog ${backlog}b`, backlog);
    out.any("qlen", ` ${qlen}p`, qlen);
    out.fp(` requeues ${requeues}`);
    out.nl();
  }
  out.closeObject();
}

const ZERO = { bytes: 0, packets: 0, drops: 0, overlimits: 0, requeues: 0 };
