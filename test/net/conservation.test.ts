import fc from "fast-check";
import { expect, test } from "vitest";
import { NetError } from "../../src/base/errno.ts";
import { SEC } from "../../src/base/time.ts";
import { devOpen } from "../../src/net/core/dev.ts";
import type { DropReason } from "../../src/net/core/drop-reason.ts";
import { Kernel } from "../../src/net/core/net.ts";
import type { NetDevice } from "../../src/net/core/net-device.ts";
import type { SkBuff } from "../../src/net/core/skb.ts";
import { AF_INET, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, type Sock } from "../../src/net/core/sock.ts";
import { inetAddrAdd } from "../../src/net/ipv4/devinet.ts";
import { fibConfig, NLM_F_APPEND, NLM_F_CREATE } from "../../src/net/ipv4/fib-types.ts";
import { skbRtable } from "../../src/net/ipv4/rtable.ts";
import { createVethPair } from "../../src/net/link/veth.ts";
import { NetNamespace } from "../../src/net/netns.ts";
import type { Socket } from "../../src/net/socket.ts";
import { Rng } from "../../src/sim/rng.ts";
import { Sim } from "../../src/sim/sim.ts";
import { ETH_P_IP } from "../../src/wire/ethernet.ts";
import { echo } from "./ipv4/ip-lab.ts";

// Random networks and random traffic: whatever is sent is delivered, dropped with a reason, or waits in a queue, and what
// the kernel counts on the way adds up.

interface Cable {
  readonly from: number;
  readonly to: number;
  readonly mtu: number;
}

interface Send {
  readonly kind: "ping" | "udp" | "tcp" | "raw";
  readonly from: number;
  /** which address: of a node's cable, or one that nobody has */
  readonly to: number;
  readonly size: number;
  readonly ttl: number;
  readonly port: number;
  readonly df: boolean;
}

interface World {
  readonly nodes: number;
  readonly cables: readonly Cable[];
  /** a bit a node: forwards, filters the reverse path, listens */
  readonly forwarding: number;
  readonly rpFilter: number;
  readonly listening: number;
  /** where each node's default route leads: the n-th of its cables' far ends, or nowhere */
  readonly gateways: readonly number[];
  /** RTN_* of a route to 10.200.0.0/16 at each node */
  readonly types: readonly number[];
  readonly sends: readonly Send[];
}

const MAX_NODES = 5;
const worlds: fc.Arbitrary<World> = fc.record({
  nodes: fc.integer({ min: 2, max: MAX_NODES }),
  cables: fc.array(
    fc.record({
      from: fc.nat(MAX_NODES - 1),
      to: fc.nat(MAX_NODES - 1),
      mtu: fc.constantFrom(1500, 1500, 1000, 600, 68),
    }),
    { minLength: 2, maxLength: 7 },
  ),
  forwarding: fc.nat(31),
  rpFilter: fc.nat(31),
  listening: fc.nat(31),
  gateways: fc.array(fc.nat(3), { minLength: MAX_NODES, maxLength: MAX_NODES }),
  types: fc.array(fc.constantFrom(0, 6, 7, 8), { minLength: MAX_NODES, maxLength: MAX_NODES }),
  sends: fc.array(
    fc.record({
      kind: fc.constantFrom("ping" as const, "udp" as const, "udp" as const, "tcp" as const, "raw" as const),
      from: fc.nat(MAX_NODES - 1),
      to: fc.nat(30),
      size: fc.constantFrom(0, 1, 56, 700, 1472, 1473, 4000, 20000),
      ttl: fc.constantFrom(1, 2, 3, 64),
      port: fc.constantFrom(7, 9),
      df: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  ),
});

/** Reasons that end a received packet's way before it is delivered, collected or forwarded. */
const REFUSED: ReadonlySet<DropReason> = new Set<DropReason>([
  "IP_INHDR",
  "IP_CSUM",
  "IP_RPFILTER",
  "IP_LOCAL_SOURCE",
  "IP_INVALID_SOURCE",
  "IP_INVALID_DEST",
  "IP_LOCALNET",
  "IP_INADDRERRORS",
  "IP_INNOROUTES",
  "PKT_TOO_SMALL",
]);

class Network {
  readonly sim = new Sim();
  readonly kernel = new Kernel(this.sim, new Rng(3));
  readonly spaces: NetNamespace[] = [];
  readonly pairs: [NetDevice, NetDevice][] = [];
  readonly addresses: number[] = [];
  readonly sockets: Socket[] = [];
  /** received IP packets that no counter of deliveries, reassembly or forwarding has seen */
  readonly refused: Map<NetNamespace, number> = new Map();
  readonly reasons: Set<DropReason> = new Set();

  constructor(world: World) {
    this.kernel.skbs.onDrop = (skb, reason) => this.#note(skb, reason);
    for (let n = 0; n < world.nodes; n++) this.#addNode(world, n);
    for (const cable of world.cables) this.#addCable(world, cable);
    for (let n = 0; n < world.nodes; n++) this.#addRoutes(world, n);
    this.addresses.push(0x0ac80001, 0x0a000063, 0xe0000001, 0xffffffff, 0x0a0000ff);
    for (let n = 0; n < world.nodes; n++) if (world.listening & (1 << n)) this.#listen(n);
  }

  #note(skb: SkBuff, reason: DropReason): void {
    this.reasons.add(reason);
    const space = this.spaces.find(({ net }) => net === skb.dev?.net);
    if (!space || skb.protocol !== ETH_P_IP) return;
    // a blackhole names no reason, like the kernel's
    const silently = reason === "NOT_SPECIFIED" && (skbRtable(skb)?.error ?? 0) !== 0;
    if (silently || REFUSED.has(reason)) this.refused.set(space, this.refused.get(space)! + 1);
  }

  #addNode(world: World, n: number): void {
    const space = new NetNamespace(this.kernel, `n${n}`, 4026532000 + n);
    this.spaces.push(space);
    this.refused.set(space, 0);
    devOpen(space.net.loopback);
    this.#set(space, "ip_forward", world.forwarding & (1 << n) ? 1 : 0);
    this.#set(space, "conf/all/rp_filter", world.rpFilter & (1 << n) ? 1 : 0);
    this.#set(space, "conf/default/forwarding", world.forwarding & (1 << n) ? 1 : 0);
  }

  #set(space: NetNamespace, key: string, value: number): void {
    space.net.sysctl.get(`net/ipv4/${key}`)!.write!(String(value));
  }

  #addCable(world: World, { from, to, mtu }: Cable): void {
    if (from >= world.nodes || to >= world.nodes || from === to) return;
    const i = this.pairs.length;
    const [a, b] = [this.spaces[from]!, this.spaces[to]!];
    const mac = (end: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, i, end);
    const pair = createVethPair(a.net, `d${i}`, b.net, `u${i}`, { address: mac(1) }, { address: mac(2) });
    for (const [end, dev] of pair.entries()) {
      dev.mtu = mtu;
      devOpen(dev);
      const local = 0x0a000000 + (i << 8) + end + 1;
      inetAddrAdd([a, b][end]!.ipv4, dev, { local, prefixLen: 24, broadcast: local | 255 });
      this.addresses.push(local);
    }
    this.pairs.push(pair);
  }

  #addRoutes(world: World, n: number): void {
    const { fib } = this.spaces[n]!.ipv4;
    const ends: number[] = [];
    for (const [i, [a, b]] of this.pairs.entries()) {
      if (a.net === this.spaces[n]!.net) ends.push(0x0a000000 + (i << 8) + 2);
      if (b.net === this.spaces[n]!.net) ends.push(0x0a000000 + (i << 8) + 1);
    }
    const gw = ends[world.gateways[n]!];
    const nlflags = NLM_F_CREATE | NLM_F_APPEND;
    if (gw !== undefined) fib.insert(fibConfig({ gw, nlflags }));
    const type = world.types[n]!;
    if (type !== 0) fib.insert(fibConfig({ dst: 0x0ac80000, dstLen: 16, type, nlflags }));
  }

  #listen(n: number): void {
    const udp = this.open(n, SOCK_DGRAM, 0);
    udp.bind({ addr: 0, port: 7 });
    const tcp = this.open(n, SOCK_STREAM, 0);
    tcp.bind({ addr: 0, port: 7 });
    tcp.listen(1);
  }

  open(n: number, type: number, protocol: number): Socket {
    const socket = this.spaces[n]!.socket(AF_INET, type, protocol);
    this.sockets.push(socket);
    return socket;
  }

  send(send: Send, nodes: number): void {
    const { from, kind, size, ttl, df } = send;
    const addr = this.addresses[send.to % this.addresses.length]!;
    if (from >= nodes) return;
    const [type, protocol] = { ping: [SOCK_RAW, 1], udp: [SOCK_DGRAM, 0], tcp: [SOCK_STREAM, 0], raw: [SOCK_RAW, 99] }[
      kind
    ] as [number, number];
    const { sock } = this.open(from, type, protocol);
    attempt(() => {
      sock.setOption("IP_TTL", ttl);
      sock.setOption("SO_BROADCAST", 1);
      if (df) sock.setOption("IP_MTU_DISCOVER", 2);
      if (kind === "tcp") sock.connectStart({ addr, port: send.port });
      else {
        const bytes = kind === "ping" ? echo(1, 1, size) : new Uint8Array(size);
        sock.sendmsg(bytes, { to: { addr, port: kind === "udp" ? send.port : 0 } }).next();
      }
    });
  }

  run(seconds: number): void {
    this.sim.run(undefined, this.sim.now + seconds * SEC);
  }

  /** Reads everything that arrived and lets go of every socket. */
  close(): void {
    for (const { sock } of this.sockets) {
      for (let more = true; more; ) more = attempt(() => readOne(sock));
      sock.close();
    }
  }
}

function readOne(sock: Sock): boolean {
  if (sock.type === SOCK_STREAM) return false;
  return sock.recvNow(65536, { dontWait: true }) !== null;
}

/** What `action` gives; a refusal of the kernel counts as true: there may be more. */
function attempt(action: () => unknown): boolean {
  try {
    return action() === true;
  } catch (error) {
    if (error instanceof NetError) return true;
    throw error;
  }
}

test("every frame is delivered, dropped with a reason, or queued; and the counters add up", () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const network = new Network(world);
      for (const send of world.sends) {
        network.send(send, world.nodes);
        network.run(0.05);
      }
      // resolution, reassembly and retransmission have ended by now
      network.run(400);
      network.close();
      network.run(200);
      expect(network.kernel.skbs.inUse, "packets that nobody has").toBe(0);
      for (const [a, b] of network.pairs)
        for (const [x, y] of [
          [a, b],
          [b, a],
        ] as const) {
          expect(y.stats.rxPackets + y.stats.rxDropped, "a cable loses nothing").toBe(x.stats.txPackets);
          if (y.stats.rxDropped === 0) expect(y.stats.rxBytes).toBe(x.stats.txBytes);
        }
      for (const [space, refused] of network.refused) {
        const { ip, icmp } = space.ipv4.mib;
        const further = ip.InDelivers + ip.InUnknownProtos - ip.ReasmOKs + ip.ReasmReqds + ip.ForwDatagrams;
        expect(ip.InReceives, JSON.stringify(ip)).toBe(further + refused);
        const typed = space.ipv4.mib.icmpMsgIn.sorted().reduce((sum, [, count]) => sum + count, 0);
        expect(icmp.InMsgs, "ICMP by type").toBe(typed + icmp.InCsumErrors);
      }
    }),
    { seed: 20261128, numRuns: 150 },
  );
});
