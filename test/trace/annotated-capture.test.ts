import { describe, expect, it } from "vitest";
import { concatBytes } from "../../src/base/bytes.ts";
import type { Capture } from "../../src/capture/capture.ts";
import { readCapture } from "../../src/capture/read.ts";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScenario } from "../../src/scenario/run.ts";
import { AnnotatedCapture } from "../../src/trace/annotate.ts";
import { Recorder } from "../../src/trace/recorder.ts";
import { formatIpv4, formatMac } from "../../src/wire/addr.ts";
import { commentLines, recordedScript, traced } from "../support/traced.ts";

const hex = (b: Uint8Array): string => Buffer.from(b).toString("hex");

/** Frames of one interface as "microseconds bytes", without those that were dropped on their way out. */
function framesOf({ frames, interfaces, bytes }: Capture, name: string | null): string[] {
  return frames
    .filter(({ interfaceId }) => name === null || interfaces[interfaceId]!.name === name)
    .map((f) => `${f.seconds * 1e6 + Math.floor(f.nanoseconds / 1000)} ${hex(bytes.subarray(f.from, f.to))}`);
}

/** Captures that a script's tcpdumps write: file and interface. */
function tapsOf(script: string): [file: string, name: string][] {
  return [...script.matchAll(/^(?:ip netns exec (\S+) )?tcpdump -U -i (\S+) -w (\S+) /gm)]
    .filter(([, , device]) => !device!.includes("$"))
    .map(([, netns, device, file]) => [file!, `${netns ?? "docker-host"}/${device}`]);
}

const RECORDED = [
  "01-container-to-outside",
  "03-container-to-container",
  "05-netns-and-bridge",
  "07-custom-network",
  "09-isolation",
  "11-docker-proxy",
  "13-icmp-errors",
  "14-tcp-refused-and-reject",
  "16-router-nat",
  "17-fragments-and-mtu",
  "18-bridge-learning",
  "20-two-layers-of-nat",
  "22-loss-and-retransmission",
  "23-syn-timeout",
  "24-vxlan-overlay",
  "29-forwarding-off",
  "docker28/02-published-port",
];

describe("one capture of everything, of a recorded scenario", () => {
  it.each(RECORDED)("%s: holds what its tcpdumps wrote, numbers and ends that agree", async (name) => {
    const script = recordedScript(name);
    const { capture, packets, result } = await traced(script);
    const plain = await runScenario({ script, name: "scenario.sh", filters: nodeFilters() });
    // being watched changes nothing
    expect(result.files.map(({ path, bytes }) => [path, hex(bytes)])).toEqual(
      plain.files.map(({ path, bytes }) => [path, hex(bytes)]),
    );

    const taps = tapsOf(script);
    expect(taps.length).toBeGreaterThan(0);
    for (const [file, device] of taps) {
      const written = framesOf(readCapture(result.files.find(({ path }) => path === file)!.bytes), null);
      const all = framesOf(capture, device);
      const start = written.length === 0 ? 0 : all.indexOf(written[0]!);
      expect(all.slice(start, start + written.length), `${file} within ${device}`).toEqual(written);
    }

    const names = capture.interfaces.map((each) => each.name);
    expect(new Set(names).size).toBe(names.length);
    const seen = new Set<number>();
    let before = 0;
    for (const [i, { packetId, seconds, nanoseconds }] of capture.frames.entries()) {
      const [first] = commentLines(capture, i);
      expect(first).toMatch(
        new RegExp(`^#${packetId}\\. (delivered to|taken by|became part of|dropped|still under way)`),
      );
      seen.add(packetId!);
      const at = seconds * 1e9 + nanoseconds;
      expect(at).toBeGreaterThanOrEqual(before);
      before = at;
    }
    // every packet is there, and every drop of one, with its reason
    expect([...seen].sort((a, b) => a - b)).toEqual(packets.map(({ number }) => number));
    for (const { number, strands } of packets) {
      const drops = strands.filter(({ end }) => end?.verdict === "dropped");
      const told = capture.frames.flatMap(({ packetId }, i) => (packetId === number ? commentLines(capture, i) : []));
      const reasons = told
        .filter((line) => line.startsWith("DROPPED"))
        .map((line) => /\b([A-Z][A-Z0-9_]+)\)?$/.exec(line)?.[1]);
      expect(reasons.sort(), `drops of #${number}`).toEqual(drops.map(({ end }) => end!.detail).sort());
    }
  });
});

const PAIR = `
ip netns add web
ip link add veth0 type veth peer name eth0 netns web
ip addr add 10.0.0.1/24 dev veth0
ip link set veth0 up
ip -n web addr add 10.0.0.2/24 dev eth0
ip -n web link set eth0 up
`;

describe("one capture of everything", () => {
  it("describes each interface that saw a packet", async () => {
    const { capture } = await traced(
      `${PAIR}ip link set veth0 address 02:00:00:00:00:01; ping -c 1 10.0.0.2 >/dev/null`,
    );
    const described = capture.interfaces.map(({ name, description, linkType, snapLength, mac, addresses }) => ({
      name,
      description,
      linkType,
      snapLength,
      mac: formatMac(mac!),
      addresses: (addresses ?? []).map(({ address, mask }) => `${formatIpv4(address)} ${formatIpv4(mask)}`),
    }));
    expect(described).toEqual([
      {
        name: "docker-host/veth0",
        description: "veth, the other end is web/eth0",
        linkType: 1,
        snapLength: 262144,
        mac: "02:00:00:00:00:01",
        addresses: ["10.0.0.1 255.255.255.0"],
      },
      {
        name: "web/eth0",
        description: "veth, the other end is docker-host/veth0",
        linkType: 1,
        snapLength: 262144,
        mac: expect.stringMatching(/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/),
        addresses: ["10.0.0.2 255.255.255.0"],
      },
    ]);
  });

  it("tells of NAT by the rule that set it up, in later packets and in answers", async () => {
    const { capture } = await traced(recordedScript("01-container-to-outside"));
    const rewrites = capture.frames.flatMap((_, i) =>
      commentLines(capture, i).filter((line) => / → .*MASQUERADE/.test(line)),
    );
    expect(rewrites.slice(0, 4)).toEqual([
      "source 172.17.0.2 → 172.31.179.120 by POSTROUTING 1 MASQUERADE",
      "destination 172.31.179.120 → 172.17.0.2 by POSTROUTING 1 MASQUERADE, undone",
      "source 172.17.0.2 → 172.31.179.120 by POSTROUTING 1 MASQUERADE",
      "destination 172.31.179.120 → 172.17.0.2 by POSTROUTING 1 MASQUERADE, undone",
    ]);
    const tcp = rewrites.filter((line) => line.includes(":"));
    expect(tcp.length).toBeGreaterThan(8);
    for (const line of tcp)
      expect(line.replace(/:\d+/g, ":PORT")).toMatch(
        /^(source 172\.17\.0\.2:PORT → 172\.31\.179\.120:PORT by POSTROUTING 1 MASQUERADE|destination 172\.31\.179\.120:PORT → 172\.17\.0\.2:PORT by POSTROUTING 1 MASQUERADE, undone)$/,
      );
  });

  it("has a packet that a rule dropped before it had a link header", async () => {
    const { capture } = await traced(`${PAIR}iptables -A OUTPUT -d 10.0.0.2 -j DROP; ping -c 1 -W 1 10.0.0.2`);
    const at = capture.frames.findIndex((_, i) => commentLines(capture, i).some((line) => line.startsWith("DROPPED")));
    const { interfaceId, from, to } = capture.frames[at]!;
    expect(capture.interfaces[interfaceId]).toMatchObject({ name: "docker-host/veth0 dropped (IP)", linkType: 101 });
    expect(hex(capture.bytes.subarray(from, to))).toMatch(/^4500/);
    expect(commentLines(capture, at)).toEqual([
      "#1. dropped in docker-host: filter OUTPUT 1 (NETFILTER_DROP)",
      "made here, by ping (pid 9)",
      "route 10.0.0.0/24 dev veth0 proto kernel scope link src 10.0.0.1 (table main)",
      "filter OUTPUT 1: -d 10.0.0.2/32 -j DROP",
      "DROPPED by filter OUTPUT 1: -d 10.0.0.2/32 -j DROP (NETFILTER_DROP)",
    ]);
  });

  it("has a frame that a queue dropped, with its link header", async () => {
    const { capture } = await traced(`${PAIR}tc qdisc add dev veth0 root netem loss 100%; ping -c 1 -W 1 10.0.0.2`);
    const lost = capture.frames.filter(
      ({ interfaceId }) => capture.interfaces[interfaceId]!.name === "docker-host/veth0 dropped",
    );
    expect(lost.length).toBeGreaterThan(0);
    expect(lost[0]!.comment).toMatch(
      /\nDROPPED: the device has no carrier, or its queue does not take it \(QDISC_DROP\)$/,
    );
    expect(hex(capture.bytes.subarray(lost[0]!.from, lost[0]!.to))).toMatch(/^f{12}.{12}0806/);
  });

  it("has a broadcast's copy for its own sender, which no capture shows, where it is dropped", async () => {
    const { capture } = await traced(`${PAIR}ping -b -c 1 -W 1 10.0.0.255 2>/dev/null`);
    const dropped = capture.frames.filter(({ comment }) => comment?.includes("\nDROPPED"));
    expect(dropped.map(({ interfaceId }) => capture.interfaces[interfaceId]!.name).sort()).toEqual([
      "docker-host/veth0 dropped (IP)",
      "web/eth0",
    ]);
  });

  it("gives the fragments of a packet its number, and what is put together again, too", async () => {
    const { capture } = await traced(`${PAIR}ping -c 1 -s 3000 10.0.0.2 >/dev/null`);
    const requests = capture.frames.filter(({ packetId }) => packetId === 1);
    expect(requests.map(({ interfaceId, to, from }) => [capture.interfaces[interfaceId]!.name, to - from])).toEqual([
      ["docker-host/veth0", 1514],
      ["web/eth0", 1514],
      ["docker-host/veth0", 1514],
      ["web/eth0", 1514],
      ["docker-host/veth0", 82],
      ["web/eth0", 82],
    ]);
  });

  it("gives a retransmission a number of its own", async () => {
    const { packets } = await traced(`${PAIR}
      ip netns exec web iptables -A INPUT -p tcp -j DROP
      timeout 3.5 nc 10.0.0.2 80 </dev/null`);
    const syns = packets.filter(({ text }) => text.includes("Flags [S]"));
    expect(syns.length).toBe(4);
    expect(new Set(syns.map(({ number }) => number)).size).toBe(4);
  });

  it("is the same when packets are written as soon as they are done", async () => {
    for (const name of ["09-isolation", "17-fragments-and-mtu", "22-loss-and-retransmission"]) {
      const script = recordedScript(name);
      let annotated: AnnotatedCapture | undefined;
      let recorder: Recorder | undefined;
      await runScenario({
        script,
        name: "scenario.sh",
        filters: nodeFilters(),
        prepare: (lab) => {
          recorder = new Recorder(lab, { onDone: (packet, settled) => annotated!.add(packet, settled) });
          annotated = new AnnotatedCapture(recorder.interfaces.list, lab.startMs, 7);
        },
        inspect: () => recorder?.interfaces.refresh(),
      });
      recorder!.close();
      const { bytes } = await traced(script);
      expect(hex(concatBytes(annotated!.finish())) === hex(bytes), name).toBe(true);
    }
  });

  it("gives two interfaces of one name two names", async () => {
    const { capture } = await traced(`${PAIR}ping -c 1 10.0.0.2 >/dev/null; ip link del veth0; sleep 1; ip netns del web
      ${PAIR}ping -c 1 10.0.0.2 >/dev/null`);
    expect(capture.interfaces.map(({ name }) => name)).toEqual([
      "docker-host/veth0",
      "web/eth0",
      "docker-host/veth0~2",
      "web~2/eth0",
    ]);
  });
});
