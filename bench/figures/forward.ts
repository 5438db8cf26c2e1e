// How many frames a second go from a container's UDP socket to a socket on the next machine, with and without captures,
// with many flows, and with many rules?

import { mkdtempSync, openSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCapture } from "../../src/capture/read.ts";
import { CaptureWriter, emptyCapture } from "../../src/capture/writer.ts";
import { captureFrame } from "../../src/net/core/capture-stamp.ts";
import type { Tap } from "../../src/net/core/net-device.ts";
import type { UdpSock } from "../../src/net/ipv4/udp.ts";
import { WriteBehind } from "../../src/node/write-behind.ts";
import { checksumKind, fold, headerIsValid, pseudoHeaderSumAt } from "../../src/wire/checksum.ts";
import * as ethernet from "../../src/wire/ethernet.ts";
import * as ipv4 from "../../src/wire/ipv4.ts";
import * as udp from "../../src/wire/udp.ts";
import { CONTAINER, HOST, type NatPath, natPath, OUTSIDE, PORT } from "../support/nat-path.ts";
import type { Batch, Figure } from "./figure.ts";

const FRAMES = 2000;
/** With captures, of small and of large frames, files of 14 MB: what is left at the end, up to a mebibyte, is written in no other thread. */
const CAPTURED_SMALL = 200_000;
const CAPTURED_LARGE = 10_000;

/** Sends and receives; every datagram must have arrived. */
function oneFlow(path: NatPath, payloadBytes: number, frames = FRAMES): Batch {
  const sock = path.sender();
  const payload = new Uint8Array(payloadBytes);
  const buffer = new Uint8Array(2048);
  const { outside } = path;
  let sent = 0;
  let got = 0;
  return {
    units: frames,
    run() {
      for (let i = 0; i < frames; i++) {
        sock.sendNow(payload, NO_OPTIONS);
        path.settle();
        if (outside.recvInto(buffer) === payloadBytes) got++;
      }
      sent += frames;
    },
    check() {
      allCame(sent, got);
    },
  };
}

const NO_OPTIONS = {};

/** Two captures into files, as two tcpdumps write them; the last frames are checked when the figure is done. */
async function withCaptures(payloadBytes: number, frames: number): Promise<Batch> {
  const path = await natPath();
  const captures = captureToFiles(path);
  const batch = oneFlow(path, payloadBytes, frames);
  return {
    units: batch.units,
    run() {
      batch.run();
      captures.flush();
    },
    // each run writes its files from the start, so that the disk does not fill
    before: captures.renew,
    check() {
      batch.check!();
      for (const { name, file } of captures.files) checkCapture(name, file, payloadBytes, frames);
      captures.remove();
    },
  };
}

export interface CaptureFiles {
  readonly files: readonly { readonly name: string; readonly file: string }[];
  /** everything is in the files */
  flush(): void;
  /** both begin again, empty */
  renew(): void;
  remove(): void;
}

/** Writes what docker0 and the host's eth0 see into files, as two tcpdumps do. */
export function captureToFiles(path: NatPath): CaptureFiles {
  const folder = mkdtempSync(join(tmpdir(), "vethlab-bench-"));
  const captures = ["docker0", "eth0"].map((name) => {
    const file = join(folder, `${name}.pcap`);
    let behind = new WriteBehind(openSync(file, "w+"));
    const writer = new CaptureWriter({
      sink: (piece) => void behind.append(piece),
      room: (bytes) => behind.room(bytes),
    });
    const tap: Tap = {
      capture: (skb, _dev, _outgoing, stamp) => captureFrame(writer, skb, stamp),
    };
    path.host.host.netns.net.deviceByName(name)!.taps.push(tap);
    const flush = (): void => {
      writer.flush();
      if (!behind.finish()) throw behind.error;
    };
    const renew = (): void => {
      flush();
      behind.close();
      // a file that is cut to nothing and written anew is put on the disk when it is closed (ext4's auto_da_alloc), in the next run's time
      unlinkSync(file);
      behind = new WriteBehind(openSync(file, "w+"));
      // the writer stays, with its chunk as large as it has become: as in a capture that goes on
      behind.append(emptyCapture());
    };
    return { name, file, flush, renew };
  });
  return {
    files: captures,
    flush: () => {
      for (const { flush } of captures) flush();
    },
    renew: () => {
      for (const { renew } of captures) renew();
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** Count, addresses, checksums of all frames in a file. */
function checkCapture(name: string, file: string, payloadBytes: number, count: number): void {
  const capture = readCapture(new Uint8Array(readFileSync(file)));
  const { bytes } = capture;
  // now and then a machine asks its neighbour whether it is still there
  const frames = capture.frames.filter(({ from }) => ethernet.getEtherType(bytes, from) !== ethernet.ETH_P_ARP);
  if (frames.length !== count) throw new Error(`${name}: ${frames.length} frames in the file instead of ${count}`);
  const source = name === "docker0" ? CONTAINER : HOST;
  for (const { from, to } of frames) {
    const at = from + 14;
    const length = to - at - 20;
    const right =
      length === payloadBytes + 8 &&
      headerIsValid(bytes, at, 20) &&
      ipv4.getSource(bytes, at) === source &&
      ipv4.getDestination(bytes, at) === OUTSIDE &&
      udp.getDestinationPort(bytes, at + 20) === PORT &&
      // left to offload by the container's socket, as on Linux
      ["partial", "valid"].includes(
        checksumKind(bytes, at + 20, at + 26, to, fold(pseudoHeaderSumAt(bytes, at, ipv4.IPPROTO_UDP, length))),
      );
    if (!right) throw new Error(`${name}: a frame that is not right`);
  }
}

const FIRST_DESTINATION = 0xc6120000; // 198.18.0.0/15, for benchmarks (RFC 2544)
/** a power of two: what only the benchmark does takes no division */
const PORT_BITS = 3;
const PORTS: number = 1 << PORT_BITS;

function allCame(sent: number, got: number): void {
  if (got !== sent) throw new Error(`${sent} datagrams were sent and ${got} came`);
}

function areTracked({ host }: NatPath, flows: number): void {
  const { count } = host.host.netns.nf.ct;
  if (count < flows) throw new Error(`${count} connections instead of ${flows}`);
}

const FIRST_SOURCE_PORT = 10_000;

/** Connected sockets of one program, each bound to a port of its own, one datagram each in turn. */
async function manySockets(flows: number): Promise<Batch> {
  const path = await natPath();
  const senders = Array.from({ length: flows }, (_, i) => path.sender(FIRST_SOURCE_PORT + i));
  const payload = new Uint8Array(18);
  const buffer = new Uint8Array(2048);
  const { outside } = path;
  let next = 0;
  let sent = 0;
  let got = 0;
  return {
    units: FRAMES,
    run() {
      let flow = next;
      for (let i = 0; i < FRAMES; i++) {
        const sock = senders[flow]!;
        flow = flow + 1 === flows ? 0 : flow + 1;
        sock.sendNow(payload, NO_OPTIONS);
        path.settle();
        if (outside.recvInto(buffer) === 18) got++;
      }
      next = flow;
      sent += FRAMES;
    },
    check() {
      allCame(sent, got);
      areTracked(path, flows);
    },
  };
}

/** Flows of one socket by destination address and port, one datagram each in turn. */
async function manyFlows(flows: number): Promise<Batch> {
  const path = await natPath("sysctl -qw net.netfilter.nf_conntrack_max=2000000");
  await path.outsideHost.sh("ip route add local 198.18.0.0/15 dev lo");
  const receivers: UdpSock[] = [path.outside];
  for (let port = PORT + 1; port < PORT + PORTS; port++) receivers.push(path.listen(port));
  const sock = path.sender();
  sock.disconnect();
  const payload = new Uint8Array(18);
  const buffer = new Uint8Array(2048);
  const to = { addr: 0, port: 0 };
  const options = { to };
  let next = 0;
  let sent = 0;
  let got = 0;
  const send = (count: number): void => {
    let flow = next;
    for (let i = 0; i < count; i++) {
      const port = flow & (PORTS - 1);
      if (port === 0) to.addr = FIRST_DESTINATION + (flow >> PORT_BITS);
      to.port = PORT + port;
      flow = flow + 1 === flows ? 0 : flow + 1;
      sock.sendNow(payload, options);
      path.settle();
      if (receivers[port]!.recvInto(buffer) === 18) got++;
    }
    next = flow;
    sent += count;
  };
  send(flows);
  return {
    units: FRAMES,
    run: () => send(FRAMES),
    check() {
      allCame(sent, got);
      areTracked(path, flows);
    },
  };
}

/** Every packet begins a flow; the table is emptied when it holds 100,000. */
async function newFlows(): Promise<Batch> {
  /** few, so that a run is over before another process wants the processor */
  const flows = 500;
  const mostFlows = 200 * flows;
  const path = await natPath("sysctl -qw net.netfilter.nf_conntrack_max=2000000");
  await path.outsideHost.sh("ip route add local 198.18.0.0/15 dev lo");
  const sock = path.sender();
  sock.disconnect();
  const payload = new Uint8Array(18);
  const buffer = new Uint8Array(2048);
  const to = { addr: 0, port: PORT };
  const options = { to };
  const { ct } = path.host.host.netns.nf;
  let next = 0;
  let got = 0;
  let sent = 0;
  return {
    units: flows,
    before() {
      if (ct.size + flows > mostFlows) ct.killWhere(() => true);
    },
    run() {
      for (let i = 0; i < flows; i++) {
        to.addr = FIRST_DESTINATION + next;
        next = next + 1 === mostFlows ? 0 : next + 1;
        sock.sendNow(payload, options);
        path.settle();
        if (path.outside.recvInto(buffer) === 18) got++;
      }
      sent += flows;
    },
    check() {
      allCame(sent, got);
    },
  };
}

/** Rules in FORWARD that match nothing, in front of Docker's. */
export function rulesText(count: number): string {
  const rules = Array.from(
    { length: count },
    (_, i) => `-I FORWARD -s 10.${(i >> 8) & 255}.${i & 255}.1/32 -p tcp -m tcp --dport ${1024 + (i % 50000)} -j DROP`,
  );
  return `*filter\n${rules.join("\n")}\nCOMMIT\n`;
}

async function withRules(count: number): Promise<Batch> {
  const path = await natPath();
  path.host.writeFile("/root/rules", rulesText(count));
  const { status, stderr } = await path.host.sh("iptables-restore -n < /root/rules");
  if (status !== 0) throw new Error(stderr);
  return oneFlow(path, 18);
}

async function loadRules(count: number): Promise<number> {
  const path = await natPath();
  path.host.writeFile("/root/rules", rulesText(count));
  const began = performance.now();
  const { status, stderr } = await path.host.sh("iptables-restore -n < /root/rules");
  if (status !== 0) throw new Error(stderr);
  return performance.now() - began;
}

const UNIT = "frames/s";

export const forwardFigures: readonly Figure[] = [
  {
    key: "forward_60B",
    title: "one flow, 60-byte frames",
    unit: UNIT,
    prepare: async () => oneFlow(await natPath(), 18),
  },
  {
    key: "forward_60B_pcap",
    title: "… with both captures in files",
    unit: UNIT,
    prepare: () => withCaptures(18, CAPTURED_SMALL),
  },
  {
    key: "forward_1442B_pcap",
    title: "1,442-byte frames with both captures",
    unit: UNIT,
    prepare: () => withCaptures(1400, CAPTURED_LARGE),
  },
  { key: "flows_1000", title: "1,000 flows of connected sockets", unit: UNIT, prepare: () => manySockets(1000) },
  { key: "flows_1000_sendto", title: "1,000 flows of one socket", unit: UNIT, prepare: () => manyFlows(1000) },
  { key: "flows_1000000", title: "1,000,000 flows of one socket", unit: UNIT, prepare: () => manyFlows(1_000_000) },
  { key: "new_flow", title: "every packet a new flow", unit: UNIT, prepare: newFlows },
  {
    key: "rules_10000",
    title: "10,000 rules in FORWARD that match nothing",
    unit: UNIT,
    prepare: () => withRules(10_000),
  },
  {
    key: "load_10000_rules_ms",
    title: "iptables-restore of 10,000 rules",
    unit: "ms",
    prepare: () => loadRules(10_000),
    repeat: 3,
    once: true,
    lower: true,
  },
];
