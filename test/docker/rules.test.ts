import { describe, expect, it } from "vitest";
import { programRules } from "../../src/docker/embedded-dns.ts";
import type { NetworkRules } from "../../src/docker/generations/generation.ts";
import { firewall20 } from "../../src/docker/generations/rules20.ts";
import { firewall28 } from "../../src/docker/generations/rules28.ts";
import { Iptables } from "../../src/docker/iptables.ts";
import * as recorded from "./recorded/rules20.ts";

/** An iptables that knows chains and rules as text only, and keeps what it was told. */
class FakeIptables {
  readonly said: string[] = [];
  readonly #chains: Map<string, string[]> = new Map();
  readonly ipt: Iptables = new Iptables((argv) => ({ status: this.#run(argv.slice(2)) ? 0 : 1, stderr: "no" }));

  constructor() {
    for (const chain of ["filter/INPUT", "filter/FORWARD", "filter/OUTPUT", "raw/PREROUTING", "raw/OUTPUT"])
      this.#chains.set(chain, []);
    for (const chain of ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]) this.#chains.set(`nat/${chain}`, []);
  }

  /** What was said since the last call. */
  take(): string[] {
    return this.said.splice(0);
  }

  rules(table: string): string[] {
    return [...this.#chains]
      .filter(([key]) => key.startsWith(`${table}/`))
      .flatMap(([key, rules]) => rules.map((rule) => `-A ${key.slice(table.length + 1)} ${rule}`));
  }

  #run(words: readonly string[]): boolean {
    this.said.push(words.join(" "));
    const at = words.indexOf("-t");
    const table = at < 0 ? "filter" : words[at + 1]!;
    const rest = words.filter((_word, i) => at < 0 || (i !== at && i !== at + 1));
    const [verb, chain, ...rule] = rest[0] === "-n" ? rest.slice(1) : rest;
    const key = `${table}/${chain}`;
    const rules = this.#chains.get(key);
    const text = rule.join(" ");
    if (verb === "-N") {
      if (rules) return false;
      this.#chains.set(key, []);
      return true;
    }
    if (!rules) return false;
    if (verb === "-C") return rules.includes(text);
    if (verb === "-A") rules.push(text);
    else if (verb === "-I") rules.unshift(text);
    else if (verb === "-D") {
      const found = rules.indexOf(text);
      if (found < 0) return false;
      rules.splice(found, 1);
    } else if (verb === "-F") rules.length = 0;
    else if (verb === "-X") this.#chains.delete(key);
    return true;
  }
}

const network = (bridge: string, subnet: string, more: Partial<NetworkRules> = {}): NetworkRules => ({
  bridge,
  subnet,
  icc: true,
  masquerade: true,
  internal: false,
  ...more,
});
const docker0 = network("docker0", "172.17.0.0/16");
const isolated = network("br-iso", "172.20.0.0/16");
const internal = network("br-e6a14a0946f7", "172.18.0.0/16", { internal: true });
const noIcc = network("br-149c5eb0c2ff", "172.19.0.0/16", { icc: false, masquerade: false });

/** A daemon of 20.10 that has docker0. */
function started20(): FakeIptables {
  const fake = new FakeIptables();
  firewall20.start(fake.ipt);
  firewall20.addNetwork(fake.ipt, docker0);
  firewall20.networkAdded(fake.ipt);
  fake.take();
  return fake;
}

const published = (
  containerAddress: string,
  hostAddress: string,
  hostPort: number,
  containerPort: number,
  protocol = "tcp",
) => ({
  protocol,
  hostAddress,
  hostPort,
  containerAddress,
  containerPort,
});

describe("the rules of Docker 20.10, command by command", () => {
  it("of docker0, when dockerd starts", () => {
    const fake = new FakeIptables();
    firewall20.start(fake.ipt);
    fake.take();
    firewall20.addNetwork(fake.ipt, docker0);
    firewall20.networkAdded(fake.ipt);
    const from = recorded.starting.findIndex((line) => line.includes("-s 172.17.0.0/16"));
    // the recording's dockerd looks at an established chain once more before it makes docker0's rules
    expect(fake.take()).toEqual(recorded.starting.slice(from));
  });

  it("of a network that is made and removed", () => {
    const fake = started20();
    firewall20.addNetwork(fake.ipt, isolated);
    firewall20.networkAdded(fake.ipt);
    expect(withoutTwice(fake.take())).toEqual(withoutTwice(recorded.networkCreated));
    firewall20.removeNetwork(fake.ipt, isolated);
    expect(withoutTwice(fake.take())).toEqual(withoutTwice(recorded.networkRemoved));
  });

  it("of an internal network", () => {
    const fake = started20();
    firewall20.addNetwork(fake.ipt, internal);
    firewall20.networkAdded(fake.ipt);
    expect(fake.take()).toEqual(recorded.internalCreated);
    firewall20.removeNetwork(fake.ipt, internal);
    expect(fake.take()).toEqual(recorded.internalRemoved);
  });

  it("of a network whose containers may not talk and are not masqueraded", () => {
    const fake = started20();
    firewall20.addNetwork(fake.ipt, noIcc);
    firewall20.networkAdded(fake.ipt);
    expect(withoutTwice(fake.take())).toEqual(withoutTwice(recorded.noIccCreated));
    firewall20.removeNetwork(fake.ipt, noIcc);
    expect(withoutTwice(fake.take())).toEqual(withoutTwice(recorded.noIccRemoved));
  });

  it("of published ports, on all addresses and on one", () => {
    const fake = started20();
    const ports = [published("172.17.0.2", "0.0.0.0", 8080, 80), published("172.17.0.2", "0.0.0.0", 5353, 53, "udp")];
    for (const port of ports) firewall20.addPort(fake.ipt, docker0, port);
    expect(fake.take()).toEqual(recorded.portsPublished);
    firewall20.addPort(fake.ipt, isolated, published("172.20.0.2", "127.0.0.1", 8081, 80));
    expect(fake.take()).toEqual(recorded.loopbackPublished);
    for (const port of ports) firewall20.removePort(fake.ipt, docker0, port);
    expect(fake.take()).toEqual(recorded.portsRemoved);
  });

  it("of the DNS server in a container's namespace", () => {
    const fake = new FakeIptables();
    programRules(fake.ipt, 42196, 41159);
    expect(fake.take()).toEqual(recorded.resolver);
  });
});

/** ProgramChain asks for a rule twice where it need not be added; once is enough here. */
function withoutTwice(lines: readonly string[]): string[] {
  return lines.filter((line, i) => line !== lines[i - 1]);
}

describe("the rules of Docker 28", () => {
  it("in the filter table, of docker0, another network and a published port", () => {
    const fake = new FakeIptables();
    firewall28.start(fake.ipt);
    firewall28.addNetwork(fake.ipt, docker0);
    firewall28.addNetwork(fake.ipt, isolated);
    firewall28.addPort(fake.ipt, docker0, published("172.17.0.2", "0.0.0.0", 8080, 80));
    expect(fake.rules("filter")).toEqual([
      "-A FORWARD -j DOCKER-USER",
      "-A FORWARD -j DOCKER-FORWARD",
      "-A DOCKER ! -i docker0 -o docker0 -p tcp -d 172.17.0.2 --dport 80 -j ACCEPT",
      "-A DOCKER ! -i docker0 -o docker0 -j DROP",
      "-A DOCKER ! -i br-iso -o br-iso -j DROP",
      "-A DOCKER-FORWARD -j DOCKER-CT",
      "-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1",
      "-A DOCKER-FORWARD -j DOCKER-BRIDGE",
      "-A DOCKER-FORWARD -i docker0 -j ACCEPT",
      "-A DOCKER-FORWARD -i br-iso -j ACCEPT",
      "-A DOCKER-BRIDGE -o docker0 -j DOCKER",
      "-A DOCKER-BRIDGE -o br-iso -j DOCKER",
      "-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A DOCKER-CT -o br-iso -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2",
      "-A DOCKER-ISOLATION-STAGE-1 -i br-iso ! -o br-iso -j DOCKER-ISOLATION-STAGE-2",
      "-A DOCKER-ISOLATION-STAGE-2 -o br-iso -j DROP",
      "-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP",
    ]);
  });

  it("in the raw table: nobody goes straight to a container, and a port on 127.0.0.1 is for lo", () => {
    const fake = new FakeIptables();
    firewall28.start(fake.ipt);
    firewall28.addEndpoint(fake.ipt, docker0, "172.17.0.2");
    firewall28.addPort(fake.ipt, docker0, published("172.17.0.2", "127.0.0.1", 8080, 80));
    expect(fake.rules("raw")).toEqual([
      "-A PREROUTING -d 172.17.0.2 ! -i docker0 -j DROP",
      "-A PREROUTING -p tcp -d 127.0.0.1 --dport 8080 ! -i lo -j DROP",
    ]);
    firewall28.removeEndpoint(fake.ipt, docker0, "172.17.0.2");
    expect(fake.rules("raw")).toHaveLength(1);
  });
});
