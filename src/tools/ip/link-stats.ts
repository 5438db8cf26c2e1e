// A device's counters, in columns as wide as the widest number. Answers to iproute2's ip/ipaddress.c, print_stats64.

import type { NetDevice } from "../../net/core/net-device.ts";
import type { Context } from "./context.ts";

const HEADS: readonly number[] = ["*X errors:", "packets", "errors", "dropped", "heartbt", "overrun", "compressed"].map(
  (head) => head.length,
);

/** "1.50k" with -h, "1.46Ki" with -iec as well. */
export function humanNumber(count: number, iec: boolean): string {
  const base = iec ? 1024 : 1000;
  if (count < base) return String(count);
  const prefixes = "kMGTPE";
  let power = 1;
  let at = -1;
  do {
    power *= base;
    at++;
  } while (count / base >= power && at < prefixes.length - 1);
  let digits = 2;
  for (let ten = 10; digits > 0; digits--, ten *= 10) if (count / power < ten) break;
  return `${(count / power).toFixed(digits)}${prefixes[at]}${iec ? "i" : ""}`;
}

export function printLinkStats(ctx: Context, dev: NetDevice): void {
  const { out, options } = ctx;
  const s = dev.stats;
  const rx = [s.rxBytes, s.rxPackets, s.rxErrors, s.rxDropped, 0, s.multicast];
  const rxErrors = [0, 0, 0, 0, 0, s.rxNohandler];
  const tx = [s.txBytes, s.txPackets, s.txErrors, s.txDropped, 0, s.collisions];
  const txErrors = [0, 0, 0, 0, dev.carrierChanges];
  const more = options.stats > 1;
  if (out.json) {
    out.openObject("stats64");
    out.openObject("rx");
    const fields = (keys: readonly string[], values: readonly number[]): void =>
      keys.forEach((key, i) => {
        out.js(key, values[i]!);
      });
    fields(["bytes", "packets", "errors", "dropped", "over_errors", "multicast"], rx);
    if (more) {
      fields(["length_errors", "crc_errors", "frame_errors", "fifo_errors", "missed_errors"], rxErrors);
      if (s.rxNohandler) out.js("nohandler", s.rxNohandler);
    }
    out.closeObject();
    out.openObject("tx");
    fields(["bytes", "packets", "errors", "dropped", "carrier_errors", "collisions"], tx);
    if (more)
      fields(["aborted_errors", "fifo_errors", "window_errors", "heartbeat_errors", "carrier_changes"], txErrors);
    out.closeObject();
    out.closeObject();
    return;
  }
  const cols = [...HEADS];
  const size = (values: readonly number[]): void => {
    if (options.human) return;
    values.forEach((value, i) => {
      cols[i] = Math.max(cols[i]!, String(value).length);
    });
  };
  size(rx);
  if (more) size([0, ...rxErrors]);
  size(tx);
  if (more) size([0, 0, 0, 0, 0, 0, dev.carrierChanges]);
  const number = (i: number, value: number): string =>
    `${(options.human ? humanNumber(value, options.iec) : String(value)).padStart(cols[i]!)} `;
  const head = (names: readonly string[]): string =>
    names.map((name, i) => name.padStart(i === 0 ? cols[0]! - 4 : cols[i]!)).join(" ");
  const row = (values: readonly number[], from = 0): string =>
    values.map((value, i) => number(i + from, value)).join("");
  const blank = " ".repeat(cols[6]!);
  const { sl } = out;
  out.fp(`    RX: ${head(["bytes", "packets", "errors", "dropped", "missed", "mcast"])} ${blank}${sl}`);
  out.fp(`    ${row(rx)}`);
  if (more) {
    const nohandler = s.rxNohandler ? " nohandler".padStart(cols[6]! + 1) : "";
    out.fp(`${sl}    RX errors:${errorHead(cols, ["length", "crc", "frame", "fifo", "overrun"])}${nohandler}${sl}`);
    out.fp(" ".repeat(cols[0]! + 5) + row(rxErrors.slice(0, 5), 1));
    if (s.rxNohandler) out.fp(number(6, s.rxNohandler));
  }
  out.fp(sl);
  out.fp(`    TX: ${head(["bytes", "packets", "errors", "dropped", "carrier", "collsns"])} ${blank}${sl}`);
  out.fp(`    ${row(tx)}`);
  if (more) {
    out.fp(`${sl}    TX errors:${errorHead(cols, ["aborted", "fifo", "window", "heartbt", "transns"])}${sl}`);
    out.fp(" ".repeat(cols[0]! + 5) + row(txErrors, 1));
  }
}

function errorHead(cols: readonly number[], names: readonly string[]): string {
  return " ".repeat(cols[0]! - 10) + names.map((name, i) => ` ${name.padStart(cols[i + 1]!)}`).join("");
}
