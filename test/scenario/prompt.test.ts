// A session at a terminal: what people type, and what the screen shows.

import { describe, expect, it } from "vitest";
import { CTRL_C, CTRL_D, CTRL_Z, LEFT, Typist, UP } from "../support/terminal.ts";

const PROMPT = "root@docker-host:~# ";

describe("the world of a session", () => {
  it("has one host outside that answers pings by name and serves a page", async () => {
    const typist = await Typist.sitDown();
    expect(await typist.command("ping -c 1 -q example.com | grep received")).toBe(
      "1 packets transmitted, 1 received, 0% packet loss, time 0ms\n",
    );
    expect(await typist.command("curl -s http://example.com")).toBe("hello from outside\n");
    expect(await typist.command("ip -br addr show eth0")).toBe("eth0@if2         UP             172.31.179.120/20 \n");
  });

  it("reaches published ports of containers, which reach the outside", async () => {
    const typist = await Typist.sitDown();
    await typist.command("docker run -d --name web -p 8080:80 httpd");
    await typist.command("sleep 1");
    expect(await typist.command("ip netns exec outside curl -s http://172.31.179.120:8080")).toBe(
      "<html><body><h1>It works!</h1></body></html>\n",
    );
    expect(await typist.command("docker exec web ping -c 1 -q 93.184.216.34 | grep received")).toBe(
      "1 packets transmitted, 1 received, 0% packet loss, time 0ms\n",
    );
  });

  it("has no docker0 before the first docker command, and numbers it after eth0", async () => {
    const typist = await Typist.sitDown();
    expect(await typist.command("ip -o link | cut -d: -f1,2")).toBe("1: lo\n2: eth0@if2\n");
    await typist.command("docker ps -q");
    expect(await typist.command("ip -o link | cut -d: -f1,2")).toBe("1: lo\n2: eth0@if2\n3: docker0\n");
  });

  it("is another when a script makes it", async () => {
    const typist = await Typist.sitDown({ script: { name: "mine.sh", text: "ip link add dummy0 type dummy\n" } });
    expect(await typist.command("ip -o link | cut -d: -f2")).toBe(" lo\n dummy0\n");
  });
});

describe("Ctrl-C", () => {
  it("ends a ping, which still prints its statistics", async () => {
    const typist = await Typist.sitDown();
    await typist.typeAndWait("ping 8.8.8.8\r", 2.5);
    const shown = await typist.type(CTRL_C);
    expect(shown.replace(/time \d+ms|= [\d./]+/g, "…")).toBe(
      `^C\r\n--- 8.8.8.8 ping statistics ---\r\n3 packets transmitted, 3 received, 0% packet loss, …\r\nrtt min/avg/max/mdev … ms\r\n${PROMPT}`,
    );
  });

  it("abandons a line that is being typed, and an unfinished command", async () => {
    const typist = await Typist.sitDown();
    expect(await typist.type(`echo never${CTRL_C}`)).toBe(`echo never^C\r\n${PROMPT}`);
    await typist.type("for i in 1 2; do\r");
    expect(await typist.type(CTRL_C)).toBe(`^C\r\n${PROMPT}`);
    expect(await typist.command("echo $?")).toBe("130\n");
  });

  it("ends the program in front in a container's terminal, not the client", async () => {
    const typist = await Typist.sitDown();
    await typist.type("docker run -it --name box busybox sh\r");
    await typist.typeAndWait("ping 8.8.8.8\r", 1.5);
    expect((await typist.type(CTRL_C)).split("\r\n").at(-1)).toBe("# ");
    expect(await typist.command("echo still here")).toBe("still here\n");
    await typist.type(CTRL_D);
    expect(await typist.command("docker ps -a --format '{{.Names}} {{.Status}}'")).toMatch(/^box Exited \(0\) /);
  });

  it("leaves what docker exec without -t started running in the container, unseen", async () => {
    const typist = await Typist.sitDown();
    await typist.command("docker run -d --name box httpd");
    await typist.typeAndWait("docker exec box ping 8.8.8.8\r", 1.5);
    await typist.type(CTRL_C);
    expect(await typist.command("sleep 3; ps -ef | grep -c '[p]ing 8.8.8.8'")).toBe("1\n");
  });
});

describe("job control", () => {
  it("stops a command with Ctrl-Z, goes on with it in the background and brings it back", async () => {
    const typist = await Typist.sitDown();
    await typist.typeAndWait("sleep 100\r", 1);
    expect(await typist.type(CTRL_Z)).toBe(`^Z\r\n[1]+  Stopped                 sleep 100\r\n${PROMPT}`);
    expect(await typist.command("bg; jobs")).toBe("[1]+ sleep 100 &\n[1]+  Running                 sleep 100 &\n");
    await typist.typeAndWait("fg\r", 1);
    expect(await typist.type(CTRL_C)).toBe(`^C\r\n${PROMPT}`);
    expect(await typist.command("jobs | wc -l")).toBe("0\n");
  });

  it("stops a job in the background that reads the terminal", async () => {
    const typist = await Typist.sitDown();
    await typist.command("cat &");
    expect(await typist.command("sleep 0.1")).toBe("[1]+  Stopped                 cat\n");
    await typist.typeAndWait("fg\r", 0.1);
    expect(await typist.type(`from the keyboard\r${CTRL_D}`)).toContain("from the keyboard\r\nfrom the keyboard\r\n");
  });

  it("warns once of stopped jobs before it ends", async () => {
    const typist = await Typist.sitDown();
    await typist.typeAndWait("sleep 100\r", 1);
    await typist.type(CTRL_Z);
    expect(await typist.command("exit")).toBe("exit\nThere are stopped jobs.\n");
    await typist.type("exit 3\r");
    expect([typist.session.ended, typist.session.status]).toEqual([true, 3]);
  });
});

describe("Tab", () => {
  const completed = async (typist: Typist, line: string): Promise<string> => {
    const shown = await typist.type(`${line}\t`);
    await typist.type(CTRL_C);
    // after the last redrawing
    return shown.slice(shown.lastIndexOf(PROMPT) + (shown.includes(PROMPT) ? PROMPT.length : 0));
  };

  it("completes commands, files, variables, containers, images, networks, interfaces, namespaces and chains", async () => {
    const typist = await Typist.sitDown();
    await typist.command("docker run -itd --name backend busybox");
    await typist.command("docker network create frontnet");
    await typist.command("touch 'with blank.txt'");
    const lines = [
      ["tcpd", "tcpdump "],
      ["cat with", "cat with\\ blank.txt "],
      ["ls /etc/netw; cat /etc/hostn", "ls /etc/netw; cat /etc/hostname "],
      ["echo $HOSTN", "echo $HOSTNAME"],
      ["docker exec -it back", "docker exec -it backend "],
      ["docker run --net fro", "docker run --net frontnet "],
      ["docker run -it busy", "docker run -it busybox "],
      ["docker network ins", "docker network inspect "],
      ["tcpdump -n -i docker", "tcpdump -n -i docker0 "],
      ["ip netns exec out", "ip netns exec outside "],
      ["ip netns exec outside trac", "ip netns exec outside trace"],
      ["iptables -t nat -S DOC", "iptables -t nat -S DOCKER "],
    ];
    for (const [typed, whole] of lines) expect(await completed(typist, typed!)).toBe(whole);
  });

  it("lists what is possible at the second press", async () => {
    const typist = await Typist.sitDown();
    expect(await typist.type("ip netns \t\t")).toBe(
      `ip netns \x07\r\nadd       delete    exec      identify  list      pids      set\r\n\r\x1b[J${PROMPT}ip netns `,
    );
  });
});

describe("the history", () => {
  it("brings back earlier lines with the arrow key, edited ones too, and finds them with Ctrl-R", async () => {
    const typist = await Typist.sitDown();
    await typist.command("echo one");
    await typist.command("echo two");
    expect((await typist.type(`${UP}${UP}${LEFT}${LEFT}${LEFT}z\r`)).endsWith(`zone\r\n${PROMPT}`)).toBe(true);
    expect((await typist.type("\x12wo\r")).endsWith(`two\r\n${PROMPT}`)).toBe(true);
    expect(await typist.command("history 2")).toBe("    4  echo two\n    5  history 2\n");
  });

  it("begins with the lines of the session before and hands its own on", async () => {
    const typist = await Typist.sitDown({ history: "echo earlier\n" });
    expect((await typist.type(`${UP}\r`)).replaceAll("\r", "")).toContain("\nearlier\n");
    await typist.command("echo later");
    expect(typist.session.history()).toBe("echo earlier\necho later\n");
  });
});

describe("a container's terminal", () => {
  it("is let go with Ctrl-P Ctrl-Q and taken up again with attach", async () => {
    const typist = await Typist.sitDown();
    await typist.type("docker run -it --name box busybox sh\r");
    await typist.type("\x10\x11");
    expect(await typist.command("docker ps --format '{{.Names}}'")).toBe("box\n");
    await typist.typeAndWait("docker attach box\r", 1);
    expect(await typist.command("hostname | wc -c")).toBe("13\n");
    expect((await typist.type("exit\r")).endsWith(PROMPT)).toBe(true);
    expect(await typist.command("docker ps -q")).toBe("");
  });

  it("has the size of the client's", async () => {
    const typist = await Typist.sitDown();
    await typist.type("docker run -it --rm busybox sh\r");
    typist.session.resize(30, 10);
    await typist.typeAndWait("", 0.1);
    expect(await typist.command("ls /")).toBe("bin  etc   root  sys  usr  www\ndev  proc  run   tmp  var\n");
  });
});

describe("a long line", () => {
  it("goes on in the next row, and the cursor finds its way in it", async () => {
    const typist = await Typist.sitDown({ terminal: { columns: 30, rows: 10 } });
    const word = "x".repeat(25);
    const shown = await typist.type(`echo ${word}\x01# \r`);
    // Ctrl-A goes a row up; the rest is pushed to the right
    expect(shown).toContain("\x1b[1A\r\x1b[J");
    expect(await typist.command(`echo ${word} ${word}`)).toContain(`${word} ${word}\n`);
  });
});
