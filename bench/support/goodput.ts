// Goodput of one TCP connection over netem's loss and delay, in virtual time, and what the response functions say.

import { AF_INET, SOCK_STREAM, type Sock } from "../../src/net/core/sock.ts";
import { Lab } from "../../src/scenario/lab.ts";
import { netnsByName } from "../../src/tools/ip/netns-names.ts";
import { parseIpv4 } from "../../src/wire/addr.ts";

/** The table that is held against. bench/support and out/bench, where the bundle is, are equally deep. */
export const GOLDEN: URL = new URL("../../fixtures/golden/goodput.txt", import.meta.url);

/** What bench/goodput-kernel.py measured. */
export const KERNEL_GOLDEN: URL = new URL("../../fixtures/golden/goodput-kernel.txt", import.meta.url);

export const LOSSES: readonly number[] = [0.01, 0.1, 0.5, 1, 2, 5];
export const DELAYS: readonly number[] = [1, 10, 50, 100, 200];
export const CONTROLS: readonly string[] = ["cubic", "reno", "bbr"];
const MSS = 1448;
const PORT = 5201;
/** Bits per second of the bottleneck: netem's rate. */
export const LINK_RATE: number = 100e6;
/** Packets that may queue besides those under way: 30 ms, so that slow start's overshoot is soon forgotten. */
const QUEUE = 250;
const FRAME_BITS = 1514 * 8;

export interface Point {
  readonly control: string;
  /** percent of packets */
  readonly loss: number;
  /** one way, milliseconds: all of it on the data's way */
  readonly delay: number;
}

/** Virtual seconds measured, after as many to warm up: a long way takes longer to settle, BBR settles sooner. */
function measuredSeconds({ control, delay }: Point): number {
  return control === "bbr" ? 3 + delay / 10 : 5 + delay / 5;
}

/**
 * Bits per second that reach the receiver's program. Each segment is lost by itself: TCP builds super-packets although
 * segmentation offload is off (sk_setup_caps), which netem would lose whole, so that the device takes one segment at a time.
 */
export async function goodput(point: Point): Promise<number> {
  const { control, loss, delay } = point;
  const seconds = measuredSeconds(point);
  const limit = Math.ceil((LINK_RATE * delay) / 1000 / FRAME_BITS) + QUEUE;
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("host");
  const { status, stderr } = await host.sh(`
    ip netns add far
    ip link add eth0 netns far type veth peer name far0
    ip addr add 10.1.0.1/24 dev far0
    ip link set far0 up
    ip -n far addr add 10.1.0.2/24 dev eth0
    ip -n far link set eth0 up
    ethtool -K far0 tso off gso off gro off >/dev/null
    ip netns exec far ethtool -K eth0 tso off gso off gro off >/dev/null
    ip link set far0 gso_max_segs 1
    tc qdisc add dev far0 root netem delay ${delay}ms loss ${loss}% rate ${LINK_RATE / 1e6}mbit limit ${limit}
    sysctl -qw net.ipv4.tcp_wmem='4096 16384 67108864'
    ip netns exec far sysctl -qw net.ipv4.tcp_rmem='4096 131072 67108864'
  `);
  if (status !== 0) throw new Error(stderr);
  const { engine } = lab;
  const far = netnsByName(host.host, "far");
  const listener = far.socket(AF_INET, SOCK_STREAM, 0);
  listener.bind({ addr: 0, port: PORT });
  listener.listen(1);
  let got = 0;
  engine.tasks.spawn(
    "sink",
    (function* () {
      const socket = yield* listener.accept();
      for (;;) {
        const { bytes } = yield* socket.recv(1 << 20);
        if (bytes.length === 0) return;
        got += bytes.length;
      }
    })(),
  );
  const chunk = new Uint8Array(65536);
  const client = host.host.netns.socket(AF_INET, SOCK_STREAM, 0);
  (client.sock as Sock & { setCongestion(name: string): void }).setCongestion(control);
  engine.tasks.spawn(
    "source",
    (function* () {
      yield* client.connect({ addr: parseIpv4("10.1.0.2")!, port: PORT });
      for (;;) yield* client.send(chunk);
    })(),
  );
  const { sim } = engine;
  const began = sim.now;
  const until = (ns: number): void => sim.run(undefined, began + ns);
  until(seconds * 1e9);
  const before = got;
  const at = sim.now;
  until(2 * seconds * 1e9);
  return ((got - before) * 8e9) / (sim.now - at);
}

/**
 * What a response function says, bits per second, at most the link's rate. Reno: Mathis et al. 1997, 1.22 segments a round trip
 * over √p. CUBIC: RFC 9438 equation 5, 1.054 · (RTT^(3/4)) / p^(3/4) segments a round trip, at least Reno's (section 4.3).
 * Undefined: BBR has none.
 */
export function expected({ control, loss, delay }: Point): number | undefined {
  if (control === "bbr") return undefined;
  const p = loss / 100;
  const rtt = delay / 1000 + (MSS * 8) / LINK_RATE;
  const reno = 1.22 / Math.sqrt(p);
  const cubic = 1.054 * (rtt / p) ** 0.75;
  const window = control === "reno" ? reno : Math.max(cubic, reno);
  return Math.min((window * MSS * 8) / rtt, LINK_RATE * (MSS / 1514));
}

/** Losses in the time that is measured, when it goes as the response function says. */
export function lossesExpected(point: Point): number {
  return (((expected(point) ?? 0) * measuredSeconds(point)) / (MSS * 8)) * (point.loss / 100);
}

/** One line of the table. */
export function row({ control, loss, delay }: Point, bits: number, model: number | undefined): string {
  const mbit = (bits / 1e6).toFixed(3);
  const fields = [control, String(delay), String(loss), mbit];
  if (model !== undefined) fields.push((model / 1e6).toFixed(3), (bits / model).toFixed(2));
  return fields.map((field, i) => (i === 0 ? field.padEnd(6) : field.padStart(8))).join("  ");
}
