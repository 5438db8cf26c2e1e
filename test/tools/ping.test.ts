// ping's words and its command line, against what iputils 20221126 printed.

import { describe, expect, it } from "vitest";
import { parsePingOptions } from "../../src/tools/ping/options.ts";
import {
  icmpText,
  ipOptionsText,
  type Statistics,
  snapshotText,
  statisticsText,
  tripText,
} from "../../src/tools/ping/text.ts";

const NOTHING: Statistics = {
  transmitted: 0,
  received: 0,
  repeats: 0,
  corrupted: 0,
  errors: 0,
  elapsedNs: 0,
  timing: true,
  min: Number.POSITIVE_INFINITY,
  max: 0,
  sum: 0,
  sum2: 0,
  pipe: 0,
  rate: false,
  rtt8: 0,
};

describe("what ping says", () => {
  it("prints a round trip to three figures", () => {
    expect([0, 7, 114, 999, 1000, 1234, 9994, 9995, 12345, 99949, 99950, 495220].map(tripText)).toEqual([
      "0.000 ms",
      "0.007 ms",
      "0.114 ms",
      "0.999 ms",
      "1.00 ms",
      "1.23 ms",
      "9.99 ms",
      "10.0 ms",
      "12.3 ms",
      "99.9 ms",
      "100 ms",
      "495 ms",
    ]);
  });

  it("closes two answered probes with the recorded lines", () => {
    const s = {
      ...NOTHING,
      transmitted: 2,
      received: 2,
      elapsedNs: 1_011_900_000,
      min: 94,
      max: 114,
      sum: 208,
      sum2: 21832,
    };
    expect(statisticsText("93.184.216.34", s)).toBe(
      "\n--- 93.184.216.34 ping statistics ---\n" +
        "2 packets transmitted, 2 received, 0% packet loss, time 1011ms\n" +
        "rtt min/avg/max/mdev = 0.094/0.104/0.114/0.010 ms\n",
    );
  });

  it("tells errors and an empty last line when nothing came back", () => {
    const s = { ...NOTHING, transmitted: 1, errors: 1, pipe: 1 };
    expect(statisticsText("10.0.0.77", s)).toBe(
      "\n--- 10.0.0.77 ping statistics ---\n" +
        "1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n\n",
    );
  });

  it("prints the pipe alone, and a third as six figures", () => {
    const s = { ...NOTHING, transmitted: 3, received: 0, errors: 2, pipe: 2, elapsedNs: 2_020_000_000 };
    expect(statisticsText("h", s)).toContain("100% packet loss, time 2020ms\npipe 2\n");
    expect(statisticsText("h", { ...s, received: 2, min: 1, max: 1, sum: 2, sum2: 2 })).toContain(
      "33.3333% packet loss",
    );
  });

  it("adds the rate to a flood", () => {
    const s = {
      ...NOTHING,
      transmitted: 5,
      received: 5,
      elapsedNs: 60_000,
      min: 4,
      max: 12,
      sum: 30,
      sum2: 220,
      rate: true,
      rtt8: 72,
    };
    expect(statisticsText("h", s)).toContain(
      "rtt min/avg/max/mdev = 0.004/0.006/0.012/0.002 ms, ipg/ewma 0.015/0.009 ms\n",
    );
  });

  it("answers SIGQUIT with a line that returns the carriage first", () => {
    const s = { ...NOTHING, transmitted: 2, received: 2, min: 17, max: 64, sum: 81, sum2: 4385, rtt8: 183 };
    expect(snapshotText(s)).toBe("\r2/2 packets, 0% loss, min/avg/ewma/max = 0.017/0.040/0.022/0.064 ms\n");
  });

  it("names ICMP errors", () => {
    expect(icmpText(3, 1, 0)).toBe("Destination Host Unreachable");
    expect(icmpText(3, 4, 1400)).toBe("Frag needed and DF set (mtu = 1400)");
    expect(icmpText(3, 13, 0)).toBe("Packet filtered");
    expect(icmpText(11, 0, 0)).toBe("Time to live exceeded");
    expect(icmpText(5, 1, 0x0a000003)).toBe("Redirect Host(New nexthop: 10.0.0.3)");
    expect(icmpText(3, 99, 0)).toBe("Dest Unreachable, Bad Code: 99");
  });

  it("prints a recorded route once and then says that it is the same", () => {
    const options = Uint8Array.from([1, 7, 39, 12, 10, 0, 0, 1, 10, 0, 0, 2, ...new Array(28).fill(0)]);
    const first = ipOptionsText(options, undefined);
    expect(first.text).toBe("\nRR: \t10.0.0.1\n\t10.0.0.2\n");
    expect(ipOptionsText(options, first.recorded).text).toBe("\t(same route)");
  });
});

describe("ping's command line", () => {
  const refused = (...args: string[]): string => {
    const parsed = parsePingOptions(args);
    return "status" in parsed ? `${parsed.status} ${parsed.stderr.split("\n")[0]}` : "accepted";
  };

  it("refuses what iputils refuses, with its status", () => {
    expect(refused()).toBe("1 ping: usage error: Destination address required");
    expect(refused("-c", "x", "h")).toBe("1 ping: invalid argument: 'x'");
    expect(refused("-c", "0", "h")).toBe(
      "1 ping: invalid argument: '0': out of range: 1 <= value <= 9223372036854775807",
    );
    expect(refused("-t", "300", "h")).toBe("1 ping: invalid argument: '300': out of range: 0 <= value <= 255");
    expect(refused("-M", "foo", "h")).toBe("2 ping: invalid -M argument: foo");
    expect(refused("-p", "zz", "h")).toBe("2 ping: patterns must be specified as hex digits: zz");
    expect(refused("-z", "h")).toBe("2 ping: invalid option -- 'z'");
    expect(refused("a", "b")).toBe("2 ping: record route: Operation not permitted");
  });

  it("takes fractions of a second and complains about garbage behind them", () => {
    const parsed = parsePingOptions(["-i", "0.2", "-W", "1x", "h"]);
    if ("status" in parsed) throw new Error(parsed.stderr);
    expect(parsed.intervalMs).toBe(200);
    expect(parsed.lingerNs).toBe(1_000_000_000);
    expect(parsed.warnings.join("")).toBe(
      "ping: option argument contains garbage: 1x\nping: this will become fatal error in the future\n",
    );
  });

  it("tells an interface from an address", () => {
    const byName = parsePingOptions(["-I", "eth0", "h"]);
    const byAddress = parsePingOptions(["-I", "10.0.0.9", "h"]);
    if ("status" in byName || "status" in byAddress) throw new Error("refused");
    expect([byName.device, byName.source, byAddress.device, byAddress.source]).toEqual([
      "eth0",
      undefined,
      undefined,
      0x0a000009,
    ]);
  });
});
