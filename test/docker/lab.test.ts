// Docker on a whole host: what scripts say and see.

import { describe, expect, it } from "vitest";
import { runScenario } from "../../src/scenario/run.ts";

async function run(script: string, docker?: "20" | "28"): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const write = (bytes: Uint8Array) => {
    text += decoder.decode(bytes, { stream: true });
  };
  await runScenario({ script, name: "x.sh", stdout: write, stderr: write, ...(docker ? { docker } : {}) });
  return text;
}

const lines = (...words: string[]) => words.map((word) => `${word}\n`).join("");

describe("images", () => {
  it("that nobody knows are refused in Docker's words, and the script is told how to declare one", async () => {
    expect(await run("docker run -d my/app:2; echo $?")).toBe(
      lines(
        "Unable to find image 'my/app:2' locally",
        "docker: Error response from daemon: pull access denied for my/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied.",
        "See 'docker run --help'.",
        "vethlab: the image 'my/app:2' is not known; a script declares one in its first lines:",
        "# vethlab: image my/app:2 PORT[/udp] PROGRAM [ARGUMENT…]",
        "and a session is begun with it: vethlab shell --image 'my/app:2 PORT[/udp] PROGRAM [ARGUMENT…]'",
        "125",
      ),
    );
  });

  it("that a script declares run their program and publish their port", async () => {
    const script = `# vethlab: image my/echo 7 nc -lkp 7 -e /bin/cat
id=$(docker run -d --name echo -P my/echo)
docker port echo
sleep 0.2
(echo through; sleep 0.2) | nc 127.0.0.1 32768`;
    expect(await run(script)).toBe(lines("7/tcp -> 0.0.0.0:32768", "through"));
  });
});

describe("the generations", () => {
  const script = `docker run -d --name srv nginx >/dev/null
docker exec srv cat /sys/class/net/eth0/iflink /sys/class/net/eth0/ifindex
docker inspect -f '{{.NetworkSettings.Networks.bridge.MacAddress}}' srv | cut -d: -f1-4
docker version --format '{{.Server.Version}}'
docker network create --subnet 10.1.0.1/24 n`;

  it("20 moves the container's interface in, with a MAC address from its IPv4 address", async () => {
    expect(await run(script)).toBe(
      lines("4", "3", "02:42:ac:11", "20.10.24+dfsg1").concat(await id("docker network create --subnet 10.1.0.1/24 n")),
    );
  });

  it("28 makes it inside, under a number of the container's own, and wants a subnet without host bits", async () => {
    const [iflink, ifindex, mac, ...rest] = (await run(script, "28")).split("\n");
    expect([iflink, ifindex, ...rest]).toEqual([
      "3",
      "2",
      "28.5.2+dfsg4",
      "Error response from daemon: invalid network config:",
      "invalid subnet 10.1.0.1/24: it should be 10.1.0.0/24",
      "",
    ]);
    expect(mac).not.toBe("02:42:ac:11");
  });

  /** An id is what the seed makes it. */
  async function id(command: string): Promise<string> {
    const text = await run(`docker run -d --name srv nginx >/dev/null\n${command}`);
    expect(text).toMatch(/^[0-9a-f]{64}\n$/);
    return text;
  }
});

describe("compose", () => {
  const FILE = `cat > compose.yaml <<'Y'
services:
  web:
    image: nginx
    ports: ["8080:80"]
    networks: [front]
    depends_on: [db]
  db:
    image: busybox
    command: nc -lkp 5432 -e /bin/cat
    networks:
      front: {aliases: [database]}
      back: {ipv4_address: 10.5.0.5}
networks:
  front: {}
  back:
    ipam: {config: [{subnet: 10.5.0.0/16}]}
Y
`;

  it("makes networks and containers in the order of their dependencies, and takes them away again", async () => {
    const progress = (what: string, ...states: string[]) => states.map((state) => ` ${what}  ${state}`);
    expect(await run(`${FILE}docker compose up -d; docker compose down -t 0; docker ps -aq`)).toBe(
      lines(
        ...progress("Network root_front", "Creating", "Created"),
        ...progress("Network root_back", "Creating", "Created"),
        ...progress("Container root-db-1", "Creating", "Created"),
        ...progress("Container root-web-1", "Creating", "Created"),
        ...progress("Container root-db-1", "Starting", "Started"),
        ...progress("Container root-web-1", "Starting", "Started"),
        ...progress("Container root-web-1", "Stopping", "Stopped", "Removing", "Removed"),
        ...progress("Container root-db-1", "Stopping", "Stopped", "Removing", "Removed"),
        ...progress("Network root_front", "Removing", "Removed"),
        ...progress("Network root_back", "Removing", "Removed"),
      ),
    );
  });

  it("lets services find each other by their names and aliases", async () => {
    const script = `${FILE}docker compose up -d 2>/dev/null
docker compose exec -T web ping -c1 database | head -1
docker compose exec -T web ping -c1 db | head -1
docker compose exec -T db ip -o -4 addr | awk '{print $2, $4}'
docker compose port web 80
docker compose ps --services`;
    expect(await run(script)).toBe(
      lines(
        "PING database (172.18.0.2) 56(84) bytes of data.",
        "PING db (172.18.0.2) 56(84) bytes of data.",
        "lo 127.0.0.1/8",
        "eth0 10.5.0.5/16",
        "eth1 172.18.0.2/16",
        "0.0.0.0:8080",
        "db",
        "web",
      ),
    );
  });
});
