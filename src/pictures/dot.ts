// A topology in Graphviz's language (https://graphviz.org/doc/info/lang.html): a cluster for each host and namespace.

import type { Topology, TopologyDevice, TopologyNamespace } from "./topology.ts";

const FILL: Readonly<Record<TopologyNamespace["kind"], string>> = {
  host: "#eef2f7",
  container: "#e3f2e6",
  netns: "#fdf3dc",
  unnamed: "#f3f0f7",
};
const STYLE: Readonly<Record<Topology["links"][number]["kind"], string>> = {
  pair: 'penwidth=2.2 color="#4a6fa5"',
  port: 'color="#8a5a00"',
  lower: 'style=dashed color="#777777"',
};

export function dotText({ hosts, links }: Topology): string {
  const lines = [
    "graph topology {",
    '  graph [fontname="Helvetica" fontsize=12 rankdir=LR nodesep=0.3 ranksep=0.7 pad=0.3]',
    '  node [fontname="Helvetica" fontsize=10 shape=box style="filled,rounded" fillcolor=white color="#555555" margin="0.24,0.08"]',
  ];
  for (const [i, host] of hosts.entries()) {
    lines.push(
      `  subgraph cluster_h${i} {`,
      `    label=${string(host.name)} style=rounded color="#9aa5b1" fontsize=13 margin=14`,
    );
    for (const { id, name, kind, devices } of host.namespaces) {
      const title =
        kind === "host"
          ? "host"
          : kind === "container"
            ? `container ${name}`
            : kind === "netns"
              ? `netns ${name}`
              : name;
      lines.push(
        `    subgraph cluster_${id} {`,
        `      label=${string(title)} style="filled,rounded" fillcolor="${FILL[kind]}" color="#c3ccd5" margin=10`,
        ...devices.map((device) => `      ${device.id} [${node(device)}]`),
        ...(devices.length === 0
          ? [`      ${id}none [label="no interface" shape=plaintext style="" fontcolor="#777777"]`]
          : []),
        "    }",
      );
    }
    lines.push("  }");
  }
  for (const { from, to, kind } of leftToRight(links)) lines.push(`  ${from} -- ${to} [${STYLE[kind]}]`);
  for (const [left, right] of columns(hosts, links)) lines.push(`  ${left} -- ${right} [style=invis weight=0]`);
  return `${lines.join("\n")}\n}\n`;
}

/** Containers to the left, ports in the middle, their bridge to the right. */
function leftToRight(links: Topology["links"]): Topology["links"] {
  const ports = new Set(links.filter(({ kind }) => kind === "port").map(({ from }) => from));
  return links.map((link) =>
    link.kind === "pair" && ports.has(link.from) && !ports.has(link.to)
      ? { ...link, from: link.to, to: link.from }
      : link,
  );
}

/** Of a namespace with a bridge, cables to elsewhere stand to the right of it. */
function columns(hosts: Topology["hosts"], links: Topology["links"]): (readonly [string, string])[] {
  const ports = new Set(links.filter(({ kind }) => kind === "port").map(({ from }) => from));
  const cables = new Set(links.filter(({ kind }) => kind === "pair").flatMap(({ from, to }) => [from, to]));
  return hosts.flatMap(({ namespaces }) =>
    namespaces.flatMap(({ devices }) => {
      const bridge = devices.find(({ id, kind }) => kind === "bridge" && links.some((link) => link.to === id));
      if (!bridge) return [];
      const out = devices.filter(({ id, kind }) => kind !== "bridge" && cables.has(id) && !ports.has(id));
      return out.map(({ id }) => [bridge.id, id] as const);
    }),
  );
}

function node(device: TopologyDevice): string {
  const rows = [
    `<b>${escaped(device.name)}</b>${device.up ? "" : ' <font color="#b00020">down</font>'}`,
    ...device.addresses.map(escaped),
    `<font point-size="8" color="#777777">${device.kind ? `${escaped(device.kind)} · ` : ""}${device.mac}</font>`,
  ];
  const shape = device.kind === "bridge" ? ' shape=hexagon margin="0.02,0.02" fillcolor="#fff4d6"' : "";
  return `label=<${rows.join("<br/>")}>${shape}`;
}

function string(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
