// What the networking programs share: options as getopt takes them, dates, the timer wheel's rounding, columns.

import { describe, expect, it } from "vitest";
import { MSEC } from "../../src/base/time.ts";
import { Lab } from "../../src/scenario/lab.ts";
import { indent, recordText } from "../../src/tools/dig/print.ts";
import { parseNcatOptions, parsePort } from "../../src/tools/nc/options.ts";
import { dateText, httpDate } from "../../src/tools/net-util/date.ts";
import { getopt } from "../../src/tools/net-util/getopt.ts";
import { scheduleTimeout } from "../../src/tools/net-util/jiffies.ts";
import { MORE, NETID, renderTable, STATE } from "../../src/tools/ss/columns.ts";
import { durationText } from "../../src/tools/ss/info.ts";

describe("getopt", () => {
  const long = [
    { name: "count", argument: 1, short: "c" },
    { name: "connect", argument: 0 },
    { name: "verbose", argument: 2, short: "v" },
  ] as const;
  const parse = (...args: string[]): string => {
    const { options, operands, error } = getopt(args, "ac:v::", { long });
    const shown = options.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`));
    return [...shown, "|", ...operands, ...(error === undefined ? [] : ["!", error])].join(" ");
  };

  it("takes options and operands in any order", () => {
    expect(parse("x", "-ac5", "y", "--count=6", "-c", "7", "--", "-a")).toBe("a c=5 c=6 c=7 | x y -a");
    expect(parse("-v", "-v2", "--verbose", "--verbose=3")).toBe("v v=2 v v=3 |");
  });

  it("says what is wrong in glibc's words", () => {
    expect(parse("-az")).toBe("a | ! invalid option -- 'z'");
    expect(parse("-c")).toBe("| ! option requires an argument -- 'c'");
    expect(parse("--foo")).toBe("| ! unrecognized option '--foo'");
    expect(parse("--con=1")).toBe("| ! option '--connect' doesn't allow an argument");
    expect(parse("--co")).toBe("| ! option '--co' is ambiguous; possibilities: '--count' '--connect'");
    expect(parse("--count")).toBe("| ! option '--count' requires an argument");
  });
});

describe("dates", () => {
  it("are HTTP's and date(1)'s", () => {
    expect(httpDate(Date.UTC(2024, 1, 29, 23, 59, 58) / 1000)).toBe("Thu, 29 Feb 2024 23:59:58 GMT");
    expect(dateText(1795254031)).toBe("Sat Nov 21 09:40:31 UTC 2026");
    expect(httpDate(0)).toBe("Thu, 01 Jan 1970 00:00:00 GMT");
  });

  it("are a file's whole seconds, just before the next as just after", () => {
    const { host } = new Lab({ seed: 1 }).addHost("a");
    const { machine } = host;
    const booted = machine.wallSeconds(0);
    for (const [ns, seconds] of [
      [12_999_700_000, 12],
      [12_999_999_999, 12],
      [13_000_000_000, 13],
      [-70_000_000 * 1e9, -70_000_000],
    ] as const)
      expect(machine.wallSeconds(ns) - booted).toBe(seconds);
  });
});

describe("a receive timeout", () => {
  it("lasts a tick longer below 63 ticks and up to a bucket of 8 above", () => {
    expect(scheduleTimeout(0, 200 * MSEC)).toBe(204 * MSEC);
    expect(scheduleTimeout(1 * MSEC, 200 * MSEC)).toBe(203 * MSEC);
    const seconds = [0, 5, 11, 17, 23, 29, 31].map((ms) => scheduleTimeout(ms * MSEC, 1000 * MSEC) / MSEC);
    for (const ms of seconds) expect(ms > 1000 && ms <= 1032).toBe(true);
    expect(seconds[0]).toBe(1024);
  });
});

describe("columns", () => {
  it("of dig stand at tabs, with one blank after a long name", () => {
    expect(indent(14, 24)).toBe("\t\t");
    expect(indent(22, 24)).toBe("\t");
    expect(indent(30, 24)).toBe(" ");
    const record = { name: "host1.example", type: 1, class: 1, ttl: 60, data: Uint8Array.of(10, 0, 0, 2) };
    expect(recordText(record)).toBe("host1.example.\t\t60\tIN\tA\t10.0.0.2\n");
  });

  it("of ss put colons under each other", () => {
    const rows = [
      ["tcp", "LISTEN", "0", "9", "10.0.0.2:", "80", "0.0.0.0:", "*", "", ""],
      ["tcp", "ESTAB", "0", "0", "10.0.0.2:", "7", "10.0.0.1:", "47380", "", ""],
    ];
    expect(renderTable(rows, new Set([NETID, MORE]), true)).toBe(
      "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n" +
        "LISTEN 0      9           10.0.0.2:80        0.0.0.0:*           \n" +
        "ESTAB  0      0           10.0.0.2:7        10.0.0.1:47380       \n",
    );
    expect(renderTable([], new Set([NETID, STATE, MORE]), true)).toBe(
      "Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n",
    );
  });

  it("of ss print durations as sec, min and thousandths", () => {
    expect([58_360, 1_200, 32, 125_000, 700_000].map((ms) => durationText(ms * MSEC))).toEqual([
      "58sec",
      "1.200ms",
      "032ms",
      "2min5sec",
      "11min",
    ]);
  });
});

describe("nc's command line", () => {
  const refused = (...args: string[]): string => {
    const parsed = parseNcatOptions(args);
    return "status" in parsed ? `${parsed.status} ${parsed.stderr}` : "accepted";
  };

  it("takes what the recordings use", () => {
    expect(refused("-lukp", "7", "-e", "/bin/cat")).toBe("accepted");
    expect(refused("-l", "--recv-only", "-p", "99")).toBe("accepted");
    const parsed = parseNcatOptions(["-u", "-i", "500ms", "h", "7"]);
    expect("status" in parsed ? parsed : [parsed.udp, parsed.idleTimeoutNs, parsed.operands]).toEqual([
      true,
      500 * MSEC,
      ["h", "7"],
    ]);
  });

  it("refuses in ncat's words", () => {
    expect(refused("-Z")).toBe(
      "2 nc: invalid option -- 'Z'\nNcat: Try `--help' or man(1) ncat for more information, usage options and help. QUITTING.\n",
    );
    expect(refused("-w", "x", "h")).toBe(
      '2 Ncat: Invalid -w timeout "x" (must be greater than 0 and less than 2147483s). QUITTING.\n',
    );
    expect(refused("--ssl", "h")).toBe("2 Ncat: Option --ssl is not supported. QUITTING.\n");
    expect(parsePort("75-76")).toBe('Ncat: Invalid port number "75-76". QUITTING.\n');
  });
});
