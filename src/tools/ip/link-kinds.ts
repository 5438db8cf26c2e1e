// The types of links that `ip link` knows, by name.

import { bridge } from "./kinds/bridge.ts";
import { bridgeSlave } from "./kinds/bridge-slave.ts";
import { dummy } from "./kinds/dummy.ts";
import { ipvlan } from "./kinds/ipvlan.ts";
import type { LinkKind } from "./kinds/kind.ts";
import { macvlan } from "./kinds/macvlan.ts";
import { veth } from "./kinds/veth.ts";
import { vlan } from "./kinds/vlan.ts";
import { vxlan } from "./kinds/vxlan.ts";

const KINDS: ReadonlyMap<string, LinkKind> = new Map(
  [veth, bridge, bridgeSlave, dummy, ipvlan, macvlan, vlan, vxlan].map((kind) => [kind.name, kind] as const),
);

export function linkKind(name: string): LinkKind | undefined {
  return KINDS.get(name);
}
