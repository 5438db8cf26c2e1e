import { describe, expect, test } from "vitest";
import { compileFilter } from "../../src/capture/filter.ts";
import { readCapture } from "../../src/capture/read.ts";
import { centerLabels } from "../../src/pictures/center-labels.ts";
import { dotText } from "../../src/pictures/dot.ts";
import { flowOf } from "../../src/pictures/flow.ts";
import { ladderSvg } from "../../src/pictures/ladder-svg.ts";
import { ladderText } from "../../src/pictures/ladder-text.ts";
import { mermaidText } from "../../src/pictures/mermaid.ts";
import { topologyOf } from "../../src/pictures/topology.ts";
import { Lab } from "../../src/scenario/lab.ts";

async function bridged(): Promise<{ lab: Lab; captures: Map<string, ReturnType<typeof readCapture>> }> {
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("host");
  await host.sh(`
    ip link add br0 address 02:00:00:00:00:01 type bridge; ip addr add 10.0.0.254/24 dev br0; ip link set br0 up
    for n in a b; do
      ip netns add $n; ip link add v$n address 02:00:00:00:00:0$n type veth peer name eth0 netns $n address 02:00:00:00:01:0$n
      ip link set v$n master br0 up; ip -n $n link set eth0 up
    done
    ip -n a addr add 10.0.0.1/24 dev eth0; ip -n b addr add 10.0.0.2/24 dev eth0; ip link add spare address 02:00:00:00:00:02 type dummy`);
  const taps = ["va", "vb"].map((name) => [name, host.tap(name)] as const);
  await host.sh("ip netns exec a ping -c 1 10.0.0.2");
  return { lab, captures: new Map(taps.map(([name, tap]) => [name, readCapture(tap.bytes())])) };
}

describe("pictures", () => {
  test("a topology shows namespaces, devices with addresses, ports and pairs", async () => {
    const { lab } = await bridged();
    const topology = topologyOf(lab.engine);
    expect(mermaidText(topology)).toMatchInlineSnapshot(`
      "flowchart LR
        subgraph h0 ["host"]
        subgraph n1 ["host namespace"]
          n1d2{{"<b>br0</b><br/>10.0.0.254/24"}}
          n1d3["<b>va</b>"]
          n1d4["<b>vb</b>"]
          n1d5["<b>spare</b> (down)"]
        end
        subgraph n2 ["a"]
          n2d2["<b>eth0</b><br/>10.0.0.1/24"]
        end
        subgraph n3 ["b"]
          n3d2["<b>eth0</b><br/>10.0.0.2/24"]
        end
        end
        n1d3 === n2d2
        n1d3 --- n1d2
        n1d4 === n3d2
        n1d4 --- n1d2
      "
    `);
    expect(dotText(topology)).toMatchInlineSnapshot(`
      "graph topology {
        graph [fontname="Helvetica" fontsize=12 rankdir=LR nodesep=0.3 ranksep=0.7 pad=0.3]
        node [fontname="Helvetica" fontsize=10 shape=box style="filled,rounded" fillcolor=white color="#555555" margin="0.24,0.08"]
        subgraph cluster_h0 {
          label="host" style=rounded color="#9aa5b1" fontsize=13 margin=14
          subgraph cluster_n1 {
            label="host" style="filled,rounded" fillcolor="#eef2f7" color="#c3ccd5" margin=10
            n1d2 [label=<<b>br0</b><br/>10.0.0.254/24<br/><font point-size="8" color="#777777">bridge · 02:00:00:00:00:01</font>> shape=hexagon margin="0.02,0.02" fillcolor="#fff4d6"]
            n1d3 [label=<<b>va</b><br/><font point-size="8" color="#777777">veth · 02:00:00:00:00:0a</font>>]
            n1d4 [label=<<b>vb</b><br/><font point-size="8" color="#777777">veth · 02:00:00:00:00:0b</font>>]
            n1d5 [label=<<b>spare</b> <font color="#b00020">down</font><br/><font point-size="8" color="#777777">dummy · 02:00:00:00:00:02</font>>]
          }
          subgraph cluster_n2 {
            label="netns a" style="filled,rounded" fillcolor="#fdf3dc" color="#c3ccd5" margin=10
            n2d2 [label=<<b>eth0</b><br/>10.0.0.1/24<br/><font point-size="8" color="#777777">veth · 02:00:00:00:01:0a</font>>]
          }
          subgraph cluster_n3 {
            label="netns b" style="filled,rounded" fillcolor="#fdf3dc" color="#c3ccd5" margin=10
            n3d2 [label=<<b>eth0</b><br/>10.0.0.2/24<br/><font point-size="8" color="#777777">veth · 02:00:00:00:01:0b</font>>]
          }
        }
        n2d2 -- n1d3 [penwidth=2.2 color="#4a6fa5"]
        n1d3 -- n1d2 [color="#8a5a00"]
        n3d2 -- n1d4 [penwidth=2.2 color="#4a6fa5"]
        n1d4 -- n1d2 [color="#8a5a00"]
      }
      "
    `);
  });

  test("a ladder shows who sent what to whom, a frame that two captures saw once", async () => {
    const { captures } = await bridged();
    expect(ladderText(flowOf(captures, null))).toMatchInlineSnapshot(`
      "                 10.0.0.1          everybody         10.0.0.2
                           │                 │                 │
         0.000000          │────────────────▶│                 │          ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28  [va, vb]
         0.000004          │◀──────────────────────────────────│          ARP, Reply 10.0.0.2 is-at 02:00:00:00:01:0b, length 28  [vb, va]
         0.000008          │──────────────────────────────────▶│          ICMP echo request, id 15, seq 1, length 64  [va, vb]
         0.000011          │◀──────────────────────────────────│          ICMP echo reply, id 15, seq 1, length 64  [vb, va]
      "
    `);
    const icmp = flowOf(captures, compileFilter("icmp"));
    expect(icmp.participants).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(icmp.steps.map(({ from, to, seen }) => ({ from, to, seen }))).toEqual([
      { from: "10.0.0.1", to: "10.0.0.2", seen: ["va", "vb"] },
      { from: "10.0.0.2", to: "10.0.0.1", seen: ["vb", "va"] },
    ]);
    expect(ladderSvg(icmp)).toMatch(
      /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" [\s\S]*ICMP echo request[\s\S]*<\/svg>\n$/,
    );
  });

  test("nothing sent is said so", () => {
    expect(ladderText(flowOf(new Map(), null))).toBe("nothing was sent\n");
  });
});

describe("a node's label in Graphviz's SVG", () => {
  test("stands around the node's middle, its pieces of one line behind each other", () => {
    const text = (x: number, y: number, font: string, content: string): string =>
      `<text xml:space="preserve" text-anchor="start" x="${x}" y="${y}" ${font}>${content}</text>\n`;
    const node = `<g id="node1" class="node">\n<title>n</title>\n<path d="M10,-5C10,-5 50,-5 50,-20"/>\n`;
    const other = `<g id="edge1" class="edge">\n${text(1, 2, 'fill="red"', "kept")}</g>`;
    const drawn = `${node}${text(12, -15, 'font-weight="bold"', "eth0")}${text(30, -15, 'fill="#b00020"', " down")}${text(11, -5, 'font-size="8"', "veth")}</g>\n${other}`;
    expect(centerLabels(drawn)).toBe(
      `${node}<text xml:space="preserve" text-anchor="middle" x="30.00" y="-15"><tspan font-weight="bold">eth0</tspan><tspan fill="#b00020"> down</tspan></text>
<text xml:space="preserve" text-anchor="middle" x="30.00" y="-5"><tspan font-size="8">veth</tspan></text>
</g>
${other}`,
    );
  });
});
