// netstat of busybox 1.35.

import { type Ns, USEC } from "../../base/time.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { route } from "../net-tools/route.ts";
import { getopt } from "../net-util/getopt.ts";
import {
  BOTH_FAMILIES,
  internetHeading,
  rowsOf,
  type Style,
  type Transport,
  unixHeading,
  type Which,
} from "./sockets.ts";
import { BUSYBOX_USAGE } from "./usage.ts";

const START_NS: Ns = 500 * USEC;

export const busyboxNetstat: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "laentuwxr", { long: [{ name: "help", argument: 0 }] });
  if (parsed.error !== undefined) {
    yield* proc.printError(`netstat: ${parsed.error}\n${BUSYBOX_USAGE}`);
    return 1;
  }
  const letters = new Set(parsed.options.map(({ name }) => name));
  if (letters.has("help")) {
    yield* proc.printError(BUSYBOX_USAGE);
    return 0;
  }
  yield* sleep(START_NS);
  if (letters.has("r")) {
    proc.argv = ["route", "-e", ...(letters.has("n") ? ["-n"] : [])];
    return yield* route(proc);
  }
  const which: Which = { all: letters.has("a"), listening: letters.has("l") };
  const style: Style = {
    numericHosts: letters.has("n"),
    numericPorts: letters.has("n"),
    numericUsers: true,
    wide: false,
    // -e matters to routes only
    extended: false,
    programs: false,
    timers: false,
    padding: " ",
    ipv6Apart: false,
    protocolAsState: true,
  };
  const chosen = ["t", "u", "w", "x"].some((letter) => letters.has(letter));
  const transports: readonly (readonly [string, Transport])[] = [
    ["t", "tcp"],
    ["u", "udp"],
    ["w", "raw"],
  ];
  const wanted = transports.filter(([letter]) => !chosen || letters.has(letter));
  let text = wanted.length > 0 ? internetHeading(which, style) : "";
  for (const [, transport] of wanted) text += yield* rowsOf(proc, transport, which, style, BOTH_FAMILIES);
  if (!chosen || letters.has("x")) text += unixHeading(which, "I-Node Path");
  yield* proc.print(text);
  return 0;
};
