// Who reaches the ports that containers publish: for each port, a packet from each kind of place is sent through the machine.

import type { Host } from "../host/host.ts";
import type { Lab } from "../host/lab.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import { inetAddrDump } from "../net/ipv4/devinet.ts";
import { ipRouteOutputKey } from "../net/ipv4/route.ts";
import { FlowKey } from "../net/ipv4/rtable.ts";
import { formatIpv4, inNetwork, networkOf, parseIpv4 } from "../wire/addr.ts";
import { type Imported, type Published, publishedPorts } from "./import-host.ts";
import { explainPacket, type Journey } from "./journey.ts";
import type { Question } from "./question.ts";

/** An address of the documentation's network: anywhere. */
const ANYWHERE = parseIpv4("203.0.113.77")!;
const ANYWHERE_TOO = parseIpv4("198.51.100.77")!;
const FIRST_PORT = 41000;

export interface Reach {
  /** "the host itself", "containers on docker0", "the network on eth0", "anywhere, by eth0" */
  readonly who: string;
  readonly question: string;
  readonly arrives: boolean;
  readonly end: string;
  readonly decidedBy: string;
  /** the destination is rewritten before routing, so that the packet is FORWARD's and INPUT is never asked */
  readonly aroundInput: boolean;
}

export interface PortAnswer extends Published {
  readonly reach: readonly Reach[];
}

interface Asker {
  readonly who: string;
  readonly from: Question["from"];
  readonly dev?: string;
  readonly to?: number;
}

/** @param from null: the ports are asked of the machine's own docker */
export async function explainPorts(lab: Lab, host: Host, from: Imported | null): Promise<PortAnswer[]> {
  let published = from?.published ?? [];
  if (from === null) {
    const { stdout } = await lab.sh(host, "docker inspect $(docker ps -q)");
    published = publishedPorts({ name: "docker inspect", text: stdout.trim() || "[]" });
  }
  const asking = askers(host);
  let port = FIRST_PORT;
  const answers: PortAnswer[] = [];
  for (const each of published) {
    const reach: Reach[] = [];
    for (const { who, from: source, dev, to } of asking) {
      const bound = parseIpv4(each.hostIp)!;
      const usual = bound === 0 || bound >>> 24 === 127 ? mainAddress(host) : bound;
      const address = to ?? usual;
      const question: Question = {
        protocol: each.protocol,
        from: { ...source, port: port++ },
        to: { address, port: each.hostPort },
        mark: 0,
        part: "first",
        ...(dev !== undefined ? { dev } : {}),
      };
      reach.push(reachOf(who, await explainPacket(lab, host, question, from)));
    }
    answers.push({ ...each, reach });
  }
  return answers;
}

function reachOf(who: string, { question, arrives, end, decidedBy, steps }: Journey): Reach {
  const hooks = steps.flatMap((step) => (step.kind === "hook" ? [step.hook] : []));
  return { who, question, arrives, end, decidedBy, aroundInput: hooks[0] === "PREROUTING" && hooks[1] === "FORWARD" };
}

function askers(host: Host): Asker[] {
  const { net, ipv4 } = host.netns;
  const found: Asker[] = [
    { who: "the host, by 127.0.0.1", from: { name: "host" }, to: parseIpv4("127.0.0.1")! },
    { who: "the host, by its address", from: { name: "host" } },
  ];
  const outside = defaultDevice(host);
  const networks: Asker[] = [];
  for (const dev of net.devices.values()) {
    const [ifa] = inetAddrDump(ipv4, dev);
    if (dev.loopback || dev.master || !dev.up || ifa === undefined) continue;
    const address = neighbourOf(ifa.local, ifa.prefixLen);
    if (dev.kind === "bridge") found.push({ who: `containers on ${dev.name}`, from: { address }, dev: dev.name });
    else networks.push({ who: `the network on ${dev.name}`, from: { address }, dev: dev.name });
  }
  found.push(...networks);
  if (outside !== null) {
    const [ifa] = inetAddrDump(ipv4, outside);
    const near = ifa !== undefined && inNetwork(ANYWHERE, networkOf(ifa.local, ifa.prefixLen), ifa.prefixLen);
    found.push({
      who: `anywhere, by ${outside.name}`,
      from: { address: near ? ANYWHERE_TOO : ANYWHERE },
      dev: outside.name,
    });
  }
  return found;
}

/** Another address of the same network. */
function neighbourOf(address: number, prefix: number): number {
  const last = prefix >= 31 ? 1 : 2 ** (32 - prefix) - 2;
  const other = (networkOf(address, prefix) + last) | 0;
  return other === (address | 0) ? other - 1 : other;
}

function defaultDevice(host: Host): NetDevice | null {
  const fl = new FlowKey();
  fl.daddr = ANYWHERE;
  const rt = ipRouteOutputKey(host.netns.ipv4, fl);
  return rt.error === 0 ? rt.dev : null;
}

function mainAddress(host: Host): number {
  const { net, ipv4 } = host.netns;
  const devices = [defaultDevice(host), ...net.devices.values()].filter((dev) => dev !== null && !dev.loopback);
  for (const dev of devices) for (const ifa of inetAddrDump(ipv4, dev!)) return ifa.local;
  return parseIpv4("127.0.0.1")!;
}

/** "0.0.0.0:8080/tcp → web1:80" */
export function portName({ hostIp, hostPort, protocol, container, containerPort }: Published): string {
  return `${hostIp === "0.0.0.0" ? formatIpv4(0) : hostIp}:${hostPort}/${protocol} → ${container}:${containerPort}`;
}
