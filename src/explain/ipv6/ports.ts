// Who reaches the ports that are published to IPv6: the same askers as of IPv4's.

import type { PortAnswer, Reach } from "../ports.ts";
import { type Addr6, addr6, isMulticast6, within6 } from "./address.ts";
import { explainPacket6, type Place6, type Question6 } from "./journey.ts";
import { type Machine6, wayTo } from "./machine.ts";

/** An address of the documentation's network: anywhere. */
const ANYWHERE = addr6("2001:db8:ffff:ffff::77")!;
const LOOPBACK = 1n;

interface Asker {
  readonly who: string;
  readonly from: Place6;
  readonly dev?: string;
  readonly to?: Addr6;
}

export function explainPorts6(machine: Machine6, name: string): PortAnswer[] {
  const main = mainAddress(machine);
  return machine.published.map((each) => {
    const bound = each.address6;
    const usual = bound === 0n || bound === LOOPBACK ? main : bound;
    const reach: Reach[] = [];
    for (const { who, from, dev, to } of askers(machine)) {
      const address = to ?? usual;
      if (address === undefined) continue;
      const question: Question6 = {
        protocol: each.protocol,
        from: { ...from, port: 41000 },
        to: { address, port: each.hostPort },
        mark: 0,
        part: "first",
        ...(dev === undefined ? {} : { dev }),
      };
      const journey = explainPacket6(machine, question, name);
      const hooks = journey.steps.flatMap((step) => (step.kind === "hook" ? [step.hook] : []));
      const { arrives, end, decidedBy } = journey;
      const aroundInput = hooks[0] === "PREROUTING" && hooks[1] === "FORWARD";
      reach.push({ who, question: journey.question, arrives, end, decidedBy, aroundInput });
    }
    const { container, protocol, hostIp, hostPort, containerPort } = each;
    return { container, protocol, hostIp: `[${hostIp}]`, hostPort, containerPort, reach };
  });
}

const isGlobal = (address: Addr6): boolean =>
  address >> 118n !== 0x3fan && address !== LOOPBACK && !isMulticast6(address);

function mainAddress(machine: Machine6): Addr6 | undefined {
  const way = wayTo(machine, ANYWHERE);
  const first = way.kind === "out" ? way.route.dev : "";
  const sorted = [...machine.devices].sort((a, b) => Number(b.name === first) - Number(a.name === first));
  return sorted.flatMap(({ addresses }) => addresses.map(({ address }) => address)).find(isGlobal);
}

function askers(machine: Machine6): Asker[] {
  const found: Asker[] = [
    { who: "the host, by ::1", from: { name: "host" }, to: LOOPBACK },
    { who: "the host, by its address", from: { name: "host" } },
  ];
  const bridges = new Set(machine.containers.map(({ bridge }) => bridge));
  const networks: Asker[] = [];
  for (const { name, addresses } of machine.devices) {
    const own = addresses.find(({ address }) => isGlobal(address));
    if (own === undefined) continue;
    // the last address of its network, or the one before
    const ones = (1n << BigInt(128 - own.prefix.length)) - 1n;
    const last = own.address | ones;
    const neighbour = last === own.address ? last - 1n : last;
    if (!within6(neighbour, own.prefix)) continue;
    if (bridges.has(name)) found.push({ who: `containers on ${name}`, from: { address: neighbour }, dev: name });
    else networks.push({ who: `the network on ${name}`, from: { address: neighbour }, dev: name });
  }
  found.push(...networks);
  const way = wayTo(machine, ANYWHERE);
  if (way.kind === "out")
    found.push({ who: `anywhere, by ${way.route.dev}`, from: { address: ANYWHERE }, dev: way.route.dev });
  return found;
}
