// vethlab shell as a process of its own reads it: from a pipe, and at something that looks like a terminal.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { readCapture } from "../../src/capture/read.ts";
import { type Streams, shellCommand } from "../../src/node/shell-command.ts";
import { temporaryFolder, vethlab } from "../support/cli.ts";

/** Streams that look like a terminal, with somebody who answers what is shown. */
function terminal(answer: (screen: string, type: (keys: string) => void) => void): {
  streams: Streams;
  screen(): string;
} {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 30 });
  const stderr = new PassThrough();
  let screen = "";
  stdout.on("data", (bytes: Buffer) => {
    screen += bytes.toString();
    answer(screen, (keys) => stdin.write(keys));
  });
  return { streams: { stdin, stdout, stderr }, screen: () => screen };
}

/** Types one text after the other, each when the prompt has come back. */
function typist(texts: readonly string[]) {
  let next = 0;
  return (screen: string, type: (keys: string) => void): void => {
    const prompts = screen.split("root@docker-host:~# ").length - 1;
    if (prompts > next && screen.endsWith("# ") && next < texts.length) type(texts[next++]!);
  };
}

function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "vethlab-state-"));
  vi.stubEnv("XDG_STATE_HOME", folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

describe("vethlab shell, fed from a pipe", () => {
  it("runs commands without prompts, as bash does, and ends with the last one's status", () => {
    const out = temporaryFolder();
    const { status, stdout, stderr } = vethlab(["shell", "--out", out], {
      input: "ping -c 1 -q example.com | grep received\ndocker run --rm busybox hostname | wc -c\nfalse\n",
      cwd: out,
    });
    expect(stdout).toBe("1 packets transmitted, 1 received, 0% packet loss, time 0ms\n13\n");
    expect([status, stderr]).toEqual([1, ""]);
  });

  it("writes files and captures, the last frames of a tcpdump in the background too", () => {
    const out = temporaryFolder();
    vethlab(["shell", "--out", out], {
      input: "tcpdump -i eth0 -w eth0.pcap icmp 2>/dev/null &\nsleep 1\nping -c 2 -q 8.8.8.8\necho note > note.txt\n",
      cwd: out,
    });
    expect(readFileSync(join(out, "note.txt"), "utf8")).toBe("note\n");
    expect(readCapture(readFileSync(join(out, "eth0.pcap"))).frames.length).toBe(4);
    expect(existsSync(join(out, ".bash_history"))).toBe(false);
  });

  it("prepares the host with a script of the user's in place of its own world", () => {
    const folder = temporaryFolder();
    const script = join(folder, "mine.sh");
    writeFileSync(script, "# vethlab: docker=28\nip link add dummy0 type dummy\n");
    const { stdout } = vethlab(["shell", script, "--out", folder], {
      input: "ip -o link | cut -d: -f2\ndocker --version\n",
      cwd: folder,
    });
    expect(stdout).toMatch(/^ lo\n dummy0\nDocker version 28\./);
  });

  it("knows images that it was begun with", () => {
    const folder = temporaryFolder();
    const { stdout } = vethlab(["shell", "--image", "my/web 80 httpd -f -p 80 -h /www", "--out", folder], {
      input:
        "docker run -d -P --name web my/web >/dev/null; sleep 1; curl -s http://127.0.0.1:$(docker port web 80 | cut -d: -f2)\n",
      cwd: folder,
    });
    expect(stdout).toBe("<html><body><h1>It works!</h1></body></html>\n");
  });

  it("says what it does not take", () => {
    const error = (...args: string[]): string => vethlab(["shell", ...args]).stderr;
    expect(error("--speed", "fast")).toBe("vethlab: --speed takes a number or 'max', not 'fast'\n");
    expect(error("a", "b")).toBe("vethlab: shell takes one script, which prepares the host\n");
    expect(error("--nosuch")).toContain("vethlab: Unknown option '--nosuch'");
    expect(error("nosuch.sh")).toBe("vethlab: nosuch.sh: no such file or directory\n");
    expect(error("--image", "x")).toContain("vethlab: an image needs a name, a port (or -) and a program");
  });
});

describe("vethlab shell, at a terminal", () => {
  it("prompts, takes keys, runs as fast as it can with --speed max, and ends with Ctrl-D", async () => {
    const state = stateFolder();
    const out = temporaryFolder();
    const { streams, screen } = terminal(typist(["echo $((6*7)) > answer; cat answer\r", "sleep 1000\r", "\x04"]));
    const status = await shellCommand(["--speed", "max", "--quiet", "--out", out], streams);
    expect(screen().replaceAll("\r", "")).toBe(
      "root@docker-host:~# echo $((6*7)) > answer; cat answer\n42\nroot@docker-host:~# sleep 1000\nroot@docker-host:~# exit\n",
    );
    expect(status).toBe(0);
    expect(readFileSync(join(out, "answer"), "utf8")).toBe("42\n");
    expect(readFileSync(join(state, "vethlab", "history"), "utf8")).toBe(
      "echo $((6*7)) > answer; cat answer\nsleep 1000\n",
    );
    expect(statSync(join(state, "vethlab", "history")).mode & 0o777).toBe(0o600);
  });

  it("takes several lines that are pasted at once, one after the other", async () => {
    stateFolder();
    const { streams, screen } = terminal(typist(["echo one\recho two\rexit 4\r"]));
    expect(await shellCommand(["--speed", "max", "--quiet", "--out", temporaryFolder()], streams)).toBe(4);
    expect(screen().replaceAll("\r", "")).toBe(
      "root@docker-host:~# echo one\none\nroot@docker-host:~# echo two\ntwo\nroot@docker-host:~# exit 4\nexit\n",
    );
  });

  it("ends the running command at Ctrl-C, though it would run for ever", async () => {
    stateFolder();
    let pressed = false;
    const next = typist(["ping 8.8.8.8\r", "exit\r"]);
    const { streams, screen } = terminal((shown, type) => {
      if (!pressed && shown.includes("icmp_seq=3 ")) {
        pressed = true;
        type("\x03");
      } else next(shown, type);
    });
    expect(await shellCommand(["--speed", "max", "--quiet", "--out", temporaryFolder()], streams)).toBe(0);
    expect(screen()).toMatch(
      /\^C\r\n--- 8\.8\.8\.8 ping statistics ---\r\n\d+ packets transmitted, \d+ received, 0% packet loss/,
    );
  });

  it("hangs up when the terminal goes away", async () => {
    stateFolder();
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
    const stdout = Object.assign(new PassThrough(), { isTTY: true });
    stdout.on("data", (bytes: Buffer) => {
      if (bytes.toString().endsWith("# ")) stdin.end();
    });
    const status = await shellCommand(["--speed", "max", "--quiet", "--out", temporaryFolder()], {
      stdin,
      stdout,
      stderr: new PassThrough(),
    });
    expect(status).toBe(129);
  });
});
