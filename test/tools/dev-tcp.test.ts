// /dev/tcp and /dev/udp in bash's redirections, as bash 5.2 on Linux 6.18 answered (recorded).

import { describe, expect, it } from "vitest";
import { Lab } from "../../src/scenario/lab.ts";

const SERVER = "mkdir -p www; echo hello > www/index.html; httpd -p 127.0.0.1:8000 -h www\n";

async function run(script: string): Promise<{ stdout: string; stderr: string }> {
  const { stdout, stderr } = await new Lab().addHost("host").sh(script);
  return { stdout, stderr };
}

describe("/dev/tcp", () => {
  it("is a connection to read from and write to", async () => {
    const { stdout } = await run(
      `${SERVER}exec 3<>/dev/tcp/127.0.0.1/8000\nprintf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' >&3\ncat <&3 | sed -n '1p;$p'\n`,
    );
    expect(stdout).toBe("HTTP/1.1 200 OK\r\nhello\n");
  });

  it("tells an open port from a closed one by its status", async () => {
    const { stdout } = await run(
      `${SERVER}(echo > /dev/tcp/127.0.0.1/8000) && echo open\n(echo > /dev/tcp/127.0.0.1/82) 2>/dev/null || echo closed\n`,
    );
    expect(stdout).toBe("open\nclosed\n");
  });

  it("says why it cannot connect: without a line first, as sys_error does", async () => {
    const { stderr } = await run("echo > /dev/tcp/127.0.0.1/81\necho x > /dev/tcp/192.0.2.1/80\n");
    expect(stderr).toBe(
      "bash: connect: Connection refused\nbash: line 1: /dev/tcp/127.0.0.1/81: Connection refused\n" +
        "bash: connect: Network is unreachable\nbash: line 2: /dev/tcp/192.0.2.1/80: Network is unreachable\n",
    );
  });

  it("refuses names and services that are none", async () => {
    const { stderr } = await run("echo x > /dev/tcp/nosuch.invalid/80\necho x > /dev/tcp/127.0.0.1/nosuchport\n");
    expect(stderr).toBe(
      "bash: line 1: nosuch.invalid: Temporary failure in name resolution\n" +
        "bash: line 1: /dev/tcp/nosuch.invalid/80: Invalid argument\n" +
        "bash: line 2: nosuchport: Servname not supported for ai_socktype\n" +
        "bash: line 2: /dev/tcp/127.0.0.1/nosuchport: Invalid argument\n",
    );
  });
});

describe("/dev/udp", () => {
  it("sends a datagram for each write", async () => {
    const { stdout } = await run(
      "nc -u -l -p 9000 > got &\nsleep 0.2\necho datagram > /dev/udp/127.0.0.1/9000\nsleep 0.3; kill %1; cat got\n",
    );
    expect(stdout).toBe("datagram\n");
  });
});
