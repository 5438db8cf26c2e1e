import { expect, test } from "vitest";
import type { Program } from "../../src/posix/process.ts";
import { fileNode } from "../../src/posix/vfs.ts";
import { sleep } from "../../src/sim/task.ts";
import { ip } from "../../src/tools/ip/ip.ts";
import { nsenter } from "../../src/tools/nsenter.ts";
import { unshare } from "../../src/tools/unshare.ts";
import { ToolLab } from "./tool-lab.ts";

function lab(): { tools: ToolLab; host: ReturnType<ToolLab["host"]> } {
  const tools = new ToolLab();
  const host = tools.host();
  const put = (name: string, program: Program): void =>
    host.root.put(`/usr/bin/${name}`, { kind: "program", program, mode: 0o755, mtimeNs: 0 });
  put("ip", ip);
  put("seven", function* () {
    return 7;
  });
  host.root.put("/run/x", fileNode());
  host.root.put("/etc/passwd", fileNode());
  return { tools, host };
}

// recorded with util-linux 2.38.1 (Debian 12); /usr/bin/seven stands for a program that ends with 7
test("unshare answers as util-linux does", () => {
  const { tools, host } = lab();
  const lines = [
    "unshare -n seven",
    "unshare --net ip -br link",
    "unshare -nf ip -br link",
    "unshare -n nosuch",
    "unshare -n /etc/passwd",
    "unshare -Z",
    "unshare --foo",
    "unshare -V",
    "unshare --net=/run/y seven",
    "unshare --net=/run/x seven",
  ];
  expect(tools.transcript(host, unshare, lines).replace(/proc\/\d+/g, "proc/PID")).toBe(`$ unshare -n seven
[7]
$ unshare --net ip -br link
lo               DOWN           00:00:00:00:00:00 <LOOPBACK> 
[0]
$ unshare -nf ip -br link
lo               DOWN           00:00:00:00:00:00 <LOOPBACK> 
[0]
$ unshare -n nosuch
unshare: failed to execute nosuch: No such file or directory
[127]
$ unshare -n /etc/passwd
unshare: failed to execute /etc/passwd: Permission denied
[126]
$ unshare -Z
unshare: invalid option -- 'Z'
Try 'unshare --help' for more information.
[1]
$ unshare --foo
unshare: unrecognized option '--foo'
Try 'unshare --help' for more information.
[1]
$ unshare -V
unshare from util-linux 2.38.1
[0]
$ unshare --net=/run/y seven
unshare: mount /proc/PID/ns/net on /run/y failed: No such file or directory
[1]
$ unshare --net=/run/x seven
[7]
`);
});

test("a namespace kept in a file outlives the program that unshared it", () => {
  const { tools, host } = lab();
  tools.run(host, unshare, ["unshare", "--net=/run/x", "ip", "link", "add", "br0", "type", "bridge"]);
  expect(tools.run(host, nsenter, ["nsenter", "--net=/run/x", "ip", "-br", "link", "show", "br0"]).stdout).toMatch(
    /^br0 +DOWN /,
  );
});

test("an end of a veth pair goes with the namespace of a process that ends", () => {
  const { tools, host } = lab();
  tools.run(host, ip, "ip link add v0 type veth peer name v1".split(" "));
  const sleeper: Program = function* () {
    yield* sleep(1e9);
    return 0;
  };
  host.root.put("/usr/bin/sleeper", { kind: "program", program: sleeper, mode: 0o755, mtimeNs: 0 });
  const { proc } = tools.start(host, unshare, ["unshare", "-n", "sleeper"]);
  tools.advance(1e8);
  const links = (): string => tools.run(host, ip, "ip -br link".split(" ")).stdout.replace(/ .*/g, "");
  tools.run(host, ip, `ip link set v1 netns ${proc.pid}`.split(" "));
  expect(links()).toMatch(/^lo\nv0@if\d+\n$/);
  tools.advance(2e9);
  expect(links()).toBe("lo\n");
});
