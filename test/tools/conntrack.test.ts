import { describe, expect, test } from "vitest";
import { MSEC, SEC } from "../../src/base/time.ts";
import type { Host } from "../../src/host/host.ts";
import { SIGINT } from "../../src/posix/process.ts";
import { fileNode } from "../../src/posix/vfs.ts";
import { conntrack } from "../../src/tools/conntrack/conntrack.ts";
import { ToolLab } from "./tool-lab.ts";

const V = "conntrack v1.4.7 (conntrack-tools)";
const HINT = "Try `conntrack -h' or 'conntrack --help' for more information.\n";

function run(lab: ToolLab, host: Host, ...lines: string[]): string {
  return lab.transcript(
    host,
    conntrack,
    lines.map((line) => `conntrack ${line}`),
  );
}

describe("conntrack", () => {
  test("connections made by hand are listed, updated, looked up and deleted", () => {
    const lab = new ToolLab();
    const host = lab.host();
    expect(
      run(
        lab,
        host,
        "-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 5 --dport 6 -t 100",
        "-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 5 --dport 6 -t 100",
        "-I -p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 5 --dport 6 -t 99 --state ESTABLISHED -u ASSURED,SEEN_REPLY -m 9 -n 9.9.9.9",
        "-L",
        "-L --src-nat",
        "-L -u UNREPLIED",
        "-L -p tcp --state LAST_ACK",
        "-U -f ipv4 -p udp -m 3/0xff",
        "-G -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 5 --dport 6",
        "-L -o save",
        "-D -s 1.1.1.0/24 -p tcp",
        "-D -s 7.7.7.7",
        "-C",
        "-F",
        "-C",
      ),
    ).toBe(
      "$ conntrack -I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 5 --dport 6 -t 100\n" +
        `${V}: 1 flow entries have been created.\n[0]\n` +
        "$ conntrack -I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 5 --dport 6 -t 100\n" +
        `${V}: Operation failed: Such conntrack exists, try -U to update\n[1]\n` +
        "$ conntrack -I -p tcp -s 1.1.1.1 -d 2.2.2.2 --sport 5 --dport 6 -t 99 --state ESTABLISHED -u ASSURED,SEEN_REPLY -m 9 -n 9.9.9.9\n" +
        `${V}: 1 flow entries have been created.\n[0]\n` +
        `$ conntrack -L\n${V}: 2 flow entries have been shown.\n` +
        "udp      17 100 src=1.1.1.1 dst=2.2.2.2 sport=5 dport=6 [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 sport=6 dport=5 mark=0 use=1\n" +
        "tcp      6 99 ESTABLISHED src=1.1.1.1 dst=2.2.2.2 sport=5 dport=6 src=2.2.2.2 dst=9.9.9.9 sport=6 dport=5 [ASSURED] mark=9 use=1\n[0]\n" +
        `$ conntrack -L --src-nat\n${V}: 1 flow entries have been shown.\n` +
        "tcp      6 99 ESTABLISHED src=1.1.1.1 dst=2.2.2.2 sport=5 dport=6 src=2.2.2.2 dst=9.9.9.9 sport=6 dport=5 [ASSURED] mark=9 use=1\n[0]\n" +
        `$ conntrack -L -u UNREPLIED\n${V}: 1 flow entries have been shown.\n` +
        "udp      17 100 src=1.1.1.1 dst=2.2.2.2 sport=5 dport=6 [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 sport=6 dport=5 mark=0 use=1\n[0]\n" +
        `$ conntrack -L -p tcp --state LAST_ACK\n${V}: 0 flow entries have been shown.\n[0]\n` +
        `$ conntrack -U -f ipv4 -p udp -m 3/0xff\n${V}: 1 flow entries have been updated.\n` +
        "udp      17 100 src=1.1.1.1 dst=2.2.2.2 sport=5 dport=6 [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 sport=6 dport=5 mark=3 use=2\n[0]\n" +
        `$ conntrack -G -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 5 --dport 6\n${V}: 1 flow entries have been shown.\n` +
        "udp      17 100 src=1.1.1.1 dst=2.2.2.2 sport=5 dport=6 [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 sport=6 dport=5 mark=3 use=2\n[0]\n" +
        `$ conntrack -L -o save\n${V}: 2 flow entries have been shown.\n` +
        "-A -t 100 -u UNSET -s 1.1.1.1 -d 2.2.2.2 -r 2.2.2.2 -q 1.1.1.1 -p udp --sport 5 --dport 6 --reply-port-src 6 --reply-port-dst 5\n" +
        "-A -t 99 -u SEEN_REPLY,ASSURED -s 1.1.1.1 -d 2.2.2.2 -r 2.2.2.2 -n 9.9.9.9 -p tcp --sport 5 --dport 6 --reply-port-src 6 --reply-port-dst 5 --state ESTABLISHED\n[0]\n" +
        `$ conntrack -D -s 1.1.1.0/24 -p tcp\n${V}: 1 flow entries have been deleted.\n` +
        "tcp      6 99 ESTABLISHED src=1.1.1.1 dst=2.2.2.2 sport=5 dport=6 src=2.2.2.2 dst=9.9.9.9 sport=6 dport=5 [ASSURED] mark=9 use=1\n[0]\n" +
        `$ conntrack -D -s 7.7.7.7\n${V}: 0 flow entries have been deleted.\n[1]\n` +
        "$ conntrack -C\n1\n[0]\n" +
        `$ conntrack -F\n${V}: connection tracking table has been emptied.\n[0]\n` +
        "$ conntrack -C\n0\n[0]\n",
    );
  });

  test("mistakes are told in the tool's own words", () => {
    const lab = new ToolLab();
    const lines: readonly (readonly [string, string])[] = [
      ["-L -x", "unknown option `-x'"],
      ["-L -s", "option `-s' requires an argument"],
      ["-L -s foo", "Invalid IP address `foo'"],
      ["-L -r 1.1.1.1/3", "CIDR notation unavailable for `--reply-src'"],
      ["-L --dport 5", "unknown option `--dport'"],
      ["-L -D", "Invalid commands combination"],
      ["-L foo", "unknown type `foo'"],
      ["-L -t 5", "Illegal option `--timeout' with this command"],
      ["-I -p tcp", "You need to supply the `--timeout' option for this command"],
      ["-I -p tcp -s 1.1.1.1 -t 5", "you have to specify `--src' and `--dst'"],
      ["-I -p tcp -s 1.1.1.1 -d 2.2.2.2 -t 5", "You need to supply the `--state' option for this command"],
      ["-L -z -p tcp", "Can't use -z with filtering parameters"],
      ["-L -p foo", "`foo' unsupported protocol"],
      ["-n 1.1.1.1", "Illegal option `--src-nat' with this command"],
    ];
    for (const [line, message] of lines)
      expect(run(lab, lab.host(), line)).toBe(`$ conntrack ${line}\n${V}: ${message}\n${HINT}[2]\n`);
  });

  test("events are shown until a signal comes", () => {
    const lab = new ToolLab();
    const host = lab.host();
    const watcher = lab.start(host, conntrack, ["conntrack", "-E", "-o", "timestamp"]);
    lab.advance(MSEC);
    run(lab, host, "-I -p icmp -s 1.1.1.1 -d 2.2.2.2 --icmp-type 8 --icmp-code 0 --icmp-id 77 -t 5");
    lab.advance(10 * SEC);
    watcher.proc.kill(SIGINT);
    lab.advance(MSEC);
    const { stdout, stderr, status } = watcher.result();
    expect(stdout.replace(/\d+\.\d{6}/g, "T").replace(/portid=\d+/, "portid=P")).toBe(
      "[T]\t    [NEW] icmp     1 5 src=1.1.1.1 dst=2.2.2.2 type=8 code=0 id=77 [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 type=0 code=0 id=77 mark=0 [USERSPACE] portid=P progname=conntrack\n" +
        "[T]\t[DESTROY] icmp     1 0 src=1.1.1.1 dst=2.2.2.2 type=8 code=0 id=77 [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 type=0 code=0 id=77\n",
    );
    expect([stderr, status]).toEqual([`${V}: 2 flow events have been shown.\n`, 0]);
  });

  test("a file of commands is carried out line by line", () => {
    const lab = new ToolLab();
    const host = lab.host();
    host.root.put(
      "/etc/flows",
      fileNode(
        "# two\n-A -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 1 --dport 2 -t 9\n-A -p 99 -s 1.1.1.1 -d 2.2.2.2 -t 9\n",
      ),
    );
    expect(run(lab, host, "-R /etc/flows", "-C")).toBe("$ conntrack -R /etc/flows\n[0]\n$ conntrack -C\n2\n[0]\n");
  });

  test("expectations, of which there are none, have their commands", () => {
    const lab = new ToolLab();
    expect(run(lab, lab.host(), "-L expect", "-C expect", "-F expect")).toBe(
      `$ conntrack -L expect\n${V}: 0 expectations have been shown.\n[0]\n` +
        "$ conntrack -C expect\n0\n[0]\n" +
        `$ conntrack -F expect\n${V}: expectation table has been emptied.\n[0]\n`,
    );
  });
});
