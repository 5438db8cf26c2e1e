// A topology as a Mermaid flowchart (https://mermaid.js.org), which GitHub draws in a README.

import type { Topology, TopologyDevice } from "./topology.ts";

const LINE: Readonly<Record<Topology["links"][number]["kind"], string>> = { pair: "===", port: "---", lower: "-.-" };

export function mermaidText({ hosts, links }: Topology): string {
  const lines = ["flowchart LR"];
  for (const [i, host] of hosts.entries()) {
    const alone = host.namespaces.length === 1;
    if (!alone) lines.push(`  subgraph h${i} ["${quoted(host.name)}"]`);
    for (const { id, name, kind, devices } of host.namespaces) {
      const title =
        kind === "host" ? (alone ? name : "host namespace") : `${name}${kind === "container" ? " (container)" : ""}`;
      lines.push(`  subgraph ${id} ["${quoted(title)}"]`);
      for (const device of devices) lines.push(`    ${device.id}${shape(device)}`);
      if (devices.length === 0) lines.push(`    ${id}none["no interface"]`);
      lines.push("  end");
    }
    if (!alone) lines.push("  end");
  }
  for (const { from, to, kind } of links) lines.push(`  ${from} ${LINE[kind]} ${to}`);
  return `${lines.join("\n")}\n`;
}

/** A bridge is a hexagon, everything else a box; what is down says so. */
function shape(device: TopologyDevice): string {
  const text = [`<b>${quoted(device.name)}</b>${device.up ? "" : " (down)"}`, ...device.addresses].join("<br/>");
  return device.kind === "bridge" ? `{{"${text}"}}` : `["${text}"]`;
}

function quoted(text: string): string {
  return text.replaceAll('"', "#quot;");
}
