import { describe, expect, it } from "vitest";
import { loadProject } from "../../src/docker/compose/load.ts";
import { splitWords } from "../../src/docker/compose/words.ts";
import { docker20 } from "../../src/docker/generations/docker20.ts";

const load = (text: string, variables: Record<string, string> = {}) =>
  loadProject({
    fileName: "compose.yaml",
    text,
    variables: new Map(Object.entries(variables)),
    projectName: "",
    folder: "/root/My Shop",
    client: docker20.client,
  });

const refused = (text: string): string => {
  try {
    load(text);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

describe("a compose file", () => {
  it("becomes services in the project's default network", () => {
    const project = load(`
services:
  web:
    image: nginx
    ports: ["8080:80", "127.0.0.1:5353:53/udp", {target: 443, published: 8443}]
    command: nginx -g "daemon off;"
  db: {image: mysql}
`);
    expect(project.name).toBe("myshop");
    expect(project.networks.map(({ name }) => name)).toEqual(["myshop_default"]);
    const [web, db] = project.services;
    expect([...web!.ports]).toEqual([
      ["80/tcp", [{ hostIp: "", hostPort: "8080" }]],
      ["53/udp", [{ hostIp: "127.0.0.1", hostPort: "5353" }]],
      ["443/tcp", [{ hostIp: "", hostPort: "8443" }]],
    ]);
    expect(web!.command).toEqual(["nginx", "-g", "daemon off;"]);
    expect(db!.networks.map(({ name }) => name)).toEqual(["default"]);
  });

  it("names networks with subnets, fixed addresses and aliases", () => {
    const project = load(`
name: shop
services:
  db:
    image: mysql
    networks:
      back: {ipv4_address: 172.28.0.10, aliases: [database]}
networks:
  back:
    internal: true
    ipam: {config: [{subnet: 172.28.0.0/16, gateway: 172.28.0.254}]}
  outer: {external: true, name: lan}
`);
    expect(project.services[0]!.networks).toEqual([
      { name: "back", aliases: ["database"], ipv4: "172.28.0.10", mac: "", priority: 0 },
    ]);
    expect(project.networks.map(({ name, external, internal }) => ({ name, external, internal }))).toEqual([
      { name: "shop_back", external: false, internal: true },
      { name: "lan", external: true, internal: false },
    ]);
    expect(project.networks[0]!.ipam).toEqual([
      { subnet: "172.28.0.0/16", ipRange: "", gateway: "172.28.0.254", auxAddresses: new Map() },
    ]);
  });

  it("replaces variables, with defaults", () => {
    const project = load(`services: {web: {image: "\${IMAGE:-nginx}", environment: ["A=$A", "B=\${B-x}", "C=$$C"]}}`, {
      A: "1",
    });
    expect(project.services[0]!.image).toBe("nginx");
    expect(project.services[0]!.environment).toEqual(["A=1", "B=x", "C=$C"]);
  });

  it("spreads merge keys of anchors", () => {
    const project = load(`
x-base: &base {image: busybox, restart: always}
services:
  one: {<<: *base, command: sleep 1}
`);
    expect(project.services[0]).toMatchObject({
      image: "busybox",
      restart: { name: "always" },
      command: ["sleep", "1"],
    });
  });

  it("with a mistake is refused with its line", () => {
    expect(refused("services:\n  web:\n    image: nginx\n    prots: []\n")).toBe(
      "compose.yaml:4: services.web.prots: Additional property prots is not allowed",
    );
    expect(refused("services:\n  web:\n    image: nginx\n    build: .\n")).toBe(
      "compose.yaml:4: vethlab does not support services.web.build",
    );
    expect(refused("services:\n  web:\n    image: nginx\n    ports:\n      - '99999:80'\n")).toBe(
      "compose.yaml:5: services.web.ports.0: Invalid hostPort: 99999",
    );
    expect(refused("services:\n  web: {image: nginx, networks: [back]}\n")).toMatch(
      /^compose\.yaml:2: services\.web: service "web" refers to undefined network back/,
    );
    expect(refused("services:\n  web:\n  image: nginx\n   x: 1\n")).toMatch(/^compose\.yaml:3: Nested mappings/);
  });
});

describe("a command in one string", () => {
  it("is cut at blanks outside quotes", () => {
    expect(splitWords(`sh -c "echo 'a b' \\"c\\"" d\\ e`)).toEqual(["sh", "-c", `echo 'a b' "c"`, "d e"]);
  });
});
