// The types of links that `ip link` knows, by name.

import { bridge } from "./kinds/bridge.ts";
import { bridgeSlave } from "./kinds/bridge-slave.ts";
import type { LinkKind } from "./kinds/kind.ts";
import { veth } from "./kinds/veth.ts";

const KINDS: ReadonlyMap<string, LinkKind> = new Map(
  [veth, bridge, bridgeSlave].map((kind) => [kind.name, kind] as const),
);

export function linkKind(name: string): LinkKind | undefined {
  return KINDS.get(name);
}
