import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { countFrames, readCapture } from "../../src/capture/read.ts";
import { CLI, temporaryFolder, vethlab } from "../support/cli.ts";

const PAIR = `ip netns add box
ip link add veth0 type veth peer name eth0 netns box
ip addr add 10.0.0.1/24 dev veth0
ip link set veth0 up
ip -n box addr add 10.0.0.2/24 dev eth0
ip -n box link set eth0 up
tcpdump -U -i veth0 -w pair.pcap 2>/dev/null &
sleep 1
ping -c 2 10.0.0.2
`;

function script(folder: string, text: string, name = "s.sh"): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("vethlab run", () => {
  it("passes the script's output through, writes its captures and files, and says so", () => {
    const folder = temporaryFolder();
    const out = join(folder, "out");
    const path = script(folder, `${PAIR}echo saved > note.txt\nmkdir -p deep; echo x > deep/er\necho t > /tmp/t\n`);
    const { status, stdout, stderr } = vethlab(["run", path, "--out", out]);
    expect(status).toBe(0);
    expect(stdout).toContain("2 packets transmitted, 2 received, 0% packet loss");
    expect(readFileSync(join(out, "note.txt"), "utf8")).toBe("saved\n");
    expect(readFileSync(join(out, "deep/er"), "utf8")).toBe("x\n");
    expect(readFileSync(join(out, "tmp/t"), "utf8")).toBe("t\n");
    const capture = readFileSync(join(out, "pair.pcap"));
    const frames = readCapture(capture).frames.length;
    expect(frames).toBeGreaterThanOrEqual(6);
    expect(stderr).toMatch(
      new RegExp(`^vethlab: .*pair\\.pcap: ${frames} frames, ${capture.length} bytes \\(.* virtual, .* s real\\)\\n$`),
    );
  });

  it("gives the same bytes for the same seed in two processes, and others for another seed", () => {
    const folder = temporaryFolder();
    const path = script(folder, PAIR);
    const hash = (seed: string): string =>
      vethlab(["run", path, "--out", join(folder, seed), "--seed", seed, "--hash", "--quiet"])
        .stdout.split("\n")
        .at(-2)!;
    expect(hash("1")).toMatch(/^[0-9a-f]{64} {2}pair\.pcap$/);
    expect(hash("1")).toBe(hash("1"));
    expect(hash("1")).not.toBe(hash("2"));
  });

  it("keeps large files on the disk while they grow, and leaves them as they are at the end", () => {
    const folder = temporaryFolder();
    const out = join(folder, "out");
    mkdirSync(out);
    writeFileSync(join(out, "there"), "old", { mode: 0o600 });
    symlinkSync("elsewhere", join(out, "link"));
    const big = "head -c 3000000 /dev/zero";
    const path = script(
      folder,
      `${big} > new; ${big} > there; ${big} > link; ${big} > gone; rm gone; ${big} > cut; echo x > cut
       ${big} > read; cmp read new && echo same; ${big} >> read; ${big} > was; mv was is; ls -a\n`,
    );
    const { status, stdout, stderr } = vethlab(["run", path, "--out", out]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toBe("same\n.\n..\ncut\nis\nlink\nnew\nread\ns.sh\nthere\n");
    const sizes = readdirSync(out).map((name) => `${name} ${readFileSync(join(out, name)).length}`);
    expect(sizes).toEqual([
      "cut 2",
      "elsewhere 3000000",
      "is 3000000",
      "link 3000000",
      "new 3000000",
      "read 6000000",
      "there 3000000",
    ]);
    expect(lstatSync(join(out, "link")).isSymbolicLink()).toBe(true);
    expect(statSync(join(out, "there")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(out, "new")).every((byte) => byte === 0)).toBe(true);
  });

  it("keeps large captures on the disk while they grow, whatever their frames and however tcpdump hands them over", () => {
    const folder = temporaryFolder();
    const path = script(
      folder,
      `${PAIR}
       for how in "-w kept.pcap" "-U -w flushed.pcap"; do tcpdump -i veth0 $how 2>/dev/null & done
       tcpdump -i veth0 -w - > piped.pcap 2>/dev/null &
       sleep 1
       ping -q -f -c 60 -s 40000 10.0.0.2 > /dev/null
       ping -q -f -c 12000 -s 18 10.0.0.2 > /dev/null
       # looked at, and then longer
       cmp kept.pcap piped.pcap > /dev/null 2>&1
       ping -q -i 0.3 -c 10 10.0.0.2 > /dev/null
       ping -q -f -c 1000 -s 1400 10.0.0.2 > /dev/null
       sleep 2; kill %2 %3 %4; sleep 1
       cmp kept.pcap piped.pcap && cmp kept.pcap flushed.pcap && echo same; ls\n`,
    );
    const { status, stdout, stderr } = vethlab(["run", path, "--out", join(folder, "out"), "--quiet"]);
    expect(stderr).toBe("");
    expect([status, stdout.split("\n").slice(-7)]).toEqual([
      0,
      ["same", "flushed.pcap", "kept.pcap", "pair.pcap", "piped.pcap", "s.sh", ""],
    ]);
    const [kept, piped, flushed] = ["kept", "piped", "flushed"].map((name) =>
      readFileSync(join(folder, "out", `${name}.pcap`)),
    );
    expect(countFrames([kept!])).toBe(2 * (60 * 28 + 12_000 + 10 + 1000) + 2);
    expect(kept!.equals(piped!)).toBe(true);
    expect(kept!.equals(flushed!)).toBe(true);
  });

  it("ends with the script's exit status", () => {
    const folder = temporaryFolder();
    expect(vethlab(["run", script(folder, "exit 7\n"), "--out", folder]).status).toBe(7);
  });

  it("reads a script from standard input", () => {
    const { status, stdout } = vethlab(["run", "-", "--out", temporaryFolder()], { input: "echo from stdin\n" });
    expect([status, stdout]).toEqual([0, "from stdin\n"]);
  });

  it("shows the script the files beside it, and does not write those back", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "rules.txt"), "beside\n");
    const out = join(folder, "out");
    const { stdout } = vethlab(["run", script(folder, "cat rules.txt\n"), "--out", out]);
    expect(stdout).toBe("beside\n");
    expect(existsSync(join(out, "rules.txt"))).toBe(false);
  });

  it("starts at the date that was asked for", () => {
    const folder = temporaryFolder();
    const { stdout } = vethlab([
      "run",
      script(folder, "date -u +%F\n"),
      "--out",
      folder,
      "--start",
      "2031-05-06T07:08:09Z",
    ]);
    expect(stdout).toBe("2031-05-06\n");
  });

  describe("with bad input", () => {
    it("names a script that is not there", () => {
      const { status, stderr } = vethlab(["run", "/nowhere/x.sh"]);
      expect([status, stderr]).toEqual([1, "vethlab: /nowhere/x.sh: no such file or directory\n"]);
    });

    it("names file and line of a syntax error, before anything ran", () => {
      const folder = temporaryFolder();
      const { status, stdout, stderr } = vethlab([
        "run",
        script(folder, "echo one\nif true; then\necho two\n"),
        "--out",
        folder,
      ]);
      expect(status).toBe(2);
      expect(stdout).toBe("one\n");
      expect(stderr).toMatch(/^s\.sh: line \d: syntax error: unexpected end of file.*\n$/);
    });

    it("names file and line of a command that is not known, and goes on as bash does", () => {
      const folder = temporaryFolder();
      const { status, stdout, stderr } = vethlab([
        "run",
        script(folder, "true\nfrobnicate -x\necho $?\n"),
        "--out",
        folder,
      ]);
      expect([status, stdout, stderr]).toEqual([0, "127\n", "s.sh: line 2: frobnicate: command not found\n"]);
    });

    it("refuses an option of its own by name", () => {
      const { status, stderr } = vethlab(["run", "x.sh", "--frob"]);
      expect([status, stderr]).toEqual([2, "vethlab: Unknown option '--frob'\n"]);
    });

    it("refuses values that are none", () => {
      expect(vethlab(["run", "x.sh", "--seed", "abc"]).stderr).toContain("--seed takes a whole number");
      expect(vethlab(["run", "x.sh", "--start", "soon"]).stderr).toContain("--start takes a date");
      expect(vethlab(["run", "x.sh", "--max-time", "long"]).stderr).toContain("--max-time takes a time");
      expect(vethlab(["run", "x.sh", "--docker", "19"]).stderr).toContain("--docker is 20 or 28");
    });

    it("says that a folder cannot be made, before the run", () => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, "file"), "");
      const { status, stderr } = vethlab(["run", script(folder, "echo hi\n"), "--out", join(folder, "file/out")]);
      expect(status).toBe(2);
      expect(stderr).toMatch(/^vethlab: cannot write to .*not a directory\n$/);
    });

    it.skipIf(process.getuid?.() === 0)("says that a folder cannot be written", () => {
      const folder = temporaryFolder();
      const locked = join(folder, "locked");
      mkdirSync(locked);
      chmodSync(locked, 0o500);
      const { status, stderr } = vethlab(["run", script(folder, "echo hi\n"), "--out", locked]);
      expect([status, stderr]).toEqual([2, `vethlab: cannot write to ${locked}: permission denied\n`]);
    });

    it("ends an endless script at the limit of virtual time, with its line, and keeps its captures whole", () => {
      const folder = temporaryFolder();
      const out = join(folder, "out");
      const path = script(folder, `${PAIR}while true; do sleep 1; done\n`);
      const { status, stderr } = vethlab(["run", path, "--out", out, "--max-time", "20s"]);
      expect(status).toBe(124);
      expect(stderr).toMatch(/vethlab: s\.sh: line 10: the limit of virtual time was reached \(20 s, \d+ events\)\n$/);
      expect(readCapture(readFileSync(join(out, "pair.pcap"))).frames.length).toBeGreaterThanOrEqual(6);
    });

    it.each([
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const)("ends a script on %s as at a limit, and leaves nothing but what it wrote", async (signal, expected) => {
      const folder = temporaryFolder();
      const out = join(folder, "out");
      const flood = "ping -f -s 1400 -c 1000 10.0.0.2 >/dev/null\n";
      const path = script(folder, `${PAIR}${flood}echo started\nwhile true; do sleep 1; done\n`);
      const child = spawn(process.execPath, [CLI, "run", path, "--out", out, "--max-time", "10000h"]);
      let stderr = "";
      child.stderr.on("data", (text: Buffer) => {
        stderr += text.toString();
      });
      child.stdout.on("data", (text: Buffer) => {
        if (text.toString().includes("started")) child.kill(signal);
      });
      const status = await new Promise((done) => child.on("close", done));
      expect(status).toBe(expected);
      expect(stderr).toMatch(/vethlab: s\.sh: line 12: interrupted \(.*\)\n$/);
      expect(readdirSync(out)).toEqual(["pair.pcap"]);
      expect(readCapture(readFileSync(join(out, "pair.pcap"))).frames.length).toBeGreaterThan(2000);
    });

    it("ends a loop that does nothing at the limit of events or of time", () => {
      const folder = temporaryFolder();
      const { status, stderr } = vethlab([
        "run",
        script(folder, "while :; do :; done\n"),
        "--out",
        folder,
        "--max-events",
        "20000",
      ]);
      expect(status).toBe(124);
      expect(stderr).toMatch(/^vethlab: s\.sh: line 1: the limit of (events|virtual time) was reached/);
    });

    it("says that a script waits for what will never come", () => {
      const folder = temporaryFolder();
      const { status, stderr } = vethlab([
        "run",
        script(folder, "mkfifo p 2>/dev/null\nnc -l -p 99\n"),
        "--out",
        folder,
      ]);
      expect(status).toBe(70);
      expect(stderr).toMatch(/vethlab: s\.sh: line 2: everything waits for something that will never come/);
    });

    it("refuses a setting in the script that it does not know, with its line", () => {
      const folder = temporaryFolder();
      const { status, stderr } = vethlab([
        "run",
        script(folder, "#!/bin/bash\n# vethlab: docker=19\n"),
        "--out",
        folder,
      ]);
      expect([status, stderr]).toEqual([2, "vethlab: s.sh: line 2: docker=19: 20 or 28 is known\n"]);
    });
  });
});

describe("vethlab", () => {
  it("explains itself", () => {
    expect(vethlab(["--help"]).stdout).toContain("vethlab run SCRIPT");
    expect(vethlab(["run", "--help"]).stdout).toContain("--seed N");
    expect(vethlab(["compare", "--help"]).stdout).toContain("Exit status: 0 all equal");
    expect(vethlab(["--version"]).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(vethlab([]).status).toBe(2);
  });

  it("refuses a command that it does not have", () => {
    const { status, stderr } = vethlab(["fly"]);
    expect([status, stderr]).toEqual([2, "vethlab: 'fly' is not a command of vethlab; see vethlab --help\n"]);
  });
});
