// `ip tcp_metrics flush`: what TCP remembers of destinations beyond a connection; here those are Fast Open's cookies. Showing
// them is left out. Answers to iproute2's ip/tcp_metrics.c.

import type { Context } from "./context.ts";
import { CommandError, matches } from "./lib/args.ts";

export function doTcpMetrics(ctx: Context, words: readonly string[]): number {
  const [verb = "show", ...rest] = words;
  if (matches(verb, "help")) {
    throw new CommandError(
      "Usage:\tip tcp_metrics/tcpmetrics { COMMAND | help }\n\tip tcp_metrics { show | flush } SELECTOR\n" +
        "\tip tcp_metrics delete [ address ] ADDRESS\nSELECTOR := [ [ address ] PREFIX ]\n",
      255,
    );
  }
  const known = ["show", "lst", "list", "flush", "delete"].find((name) => matches(verb, name));
  if (!known) throw new CommandError(`Command "${verb}" is unknown, try "ip tcp_metrics help".\n`, 255);
  if (known !== "flush") throw new CommandError(`ip tcp_metrics: "${known}" is not supported by vethlab\n`, 1);
  if (rest.length > 0 && !(rest.length === 1 && ["all", "any", "default"].includes(rest[0]!)))
    throw new CommandError(`ip tcp_metrics: flush of "${rest.join(" ")}" is not supported by vethlab\n`, 1);
  ctx.ns.tcp.fastopenCache.clear();
  return 0;
}
