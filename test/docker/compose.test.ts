import { describe, expect, it } from "vitest";
import { loadProject } from "../../src/docker/compose/load.ts";
import { ComposeError } from "../../src/docker/compose/model.ts";
import { splitWords } from "../../src/docker/compose/words.ts";
import { docker20 } from "../../src/docker/generations/docker20.ts";

const load = (text: string, variables: Record<string, string> = {}) =>
  loadProject({
    path: "/root/My Shop/compose.yaml",
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
    if (error instanceof ComposeError) return `${error.place}: ${error.message.replace("/root/My Shop/", "")}`;
    throw error;
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
      { name: "back", aliases: ["database"], ipv4: "172.28.0.10", mac: "", priority: 0, given: true },
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
    expect(project.services[0]!.environment).toEqual(
      new Map([
        ["A", "1"],
        ["B", "x"],
        ["C", "$C"],
      ]),
    );
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

  it("with a mistake is refused in compose's words, with its line", () => {
    expect(refused("services:\n  web:\n    image: nginx\n    prots: []\n")).toBe(
      "compose.yaml:4: validating compose.yaml: services.web additional properties 'prots' not allowed",
    );
    expect(refused("services:\n  web:\n    image: nginx\n    ports:\n      - '99999:80'\n")).toBe(
      "compose.yaml:5: Invalid hostPort: 99999",
    );
    expect(refused("services:\n  web: {image: nginx, networks: [back]}\n")).toBe(
      'compose.yaml:2: service "web" refers to undefined network back: invalid compose project',
    );
    expect(refused("services:\n  web:\n  image: nginx\n   x: 1\n")).toMatch(/^compose\.yaml:3: yaml: line 3: /);
    expect(refused("services:\n  web:\n    image: nginx\n    image: httpd\n")).toBe(
      'compose.yaml:4: failed to parse compose.yaml: line 4: mapping key "image" already defined at line 3',
    );
  });

  it("with a field that vethlab does not do is refused by name, with its line", () => {
    const field = (text: string) => refused(`services:\n  web:\n    image: nginx\n${text}`);
    expect([
      field("    build: .\n"),
      field("    healthcheck: {test: [CMD, true]}\n"),
      field("    deploy: {resources: {}}\n"),
      field("    networks: {default: {ipv6_address: '::1'}}\n"),
      field("    depends_on: {db: {condition: service_healthy}}\n  db: {image: mysql}\n"),
      field("secrets: {}\n"),
      field("networks: {n: {enable_ipv6: true}}\n"),
    ]).toEqual([
      "compose.yaml:4: vethlab does not support services.web.build",
      "compose.yaml:4: vethlab does not support services.web.healthcheck",
      "compose.yaml:4: vethlab does not support services.web.deploy.resources",
      "compose.yaml:4: vethlab does not support services.web.networks.default.ipv6_address",
      "compose.yaml:4: vethlab does not support the condition service_healthy",
      "compose.yaml:4: vethlab does not support secrets",
      "compose.yaml:4: vethlab does not support networks.n.enable_ipv6",
    ]);
  });
});

describe("a command in one string", () => {
  it("is cut at blanks outside quotes", () => {
    expect(splitWords(`sh -c "echo 'a b' \\"c\\"" d\\ e`)).toEqual(["sh", "-c", `echo 'a b' "c"`, "d e"]);
  });
});
