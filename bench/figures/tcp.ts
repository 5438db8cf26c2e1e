// How many data segments a second does a bulk transfer from a container to the next machine make, real time?

import { openSocket } from "../../src/host/host.ts";
import { AF_INET, SOCK_STREAM } from "../../src/net/core/sock.ts";
import { natPath, OUTSIDE } from "../support/nat-path.ts";
import type { Batch, Figure } from "./figure.ts";

const MSS = 1448;
/** A run of 2 ms: shorter than what a busy machine gives a process at a time. */
const BYTES = 1000 * MSS;
const PORT = 8000;

async function bulk(offload: "on" | "off"): Promise<Batch> {
  const path = await natPath();
  const { lab, host, outsideHost, containerProcess, containerPid } = path;
  const { engine } = lab;
  const flags = `tso ${offload} gso ${offload}`; // a veth's GRO is off
  for (const command of [
    `ethtool -K eth0 ${flags}`,
    `for v in $(ls /sys/class/net | grep veth); do ethtool -K $v ${flags}; done`,
    `nsenter -n -t ${containerPid} ethtool -K eth0 ${flags}`,
  ]) {
    const { status, stderr } = await host.sh(command);
    if (status !== 0) throw new Error(stderr);
  }
  await outsideHost.sh(`ethtool -K eth0 ${flags}`);
  const listener = outsideHost.host.netns.socket(AF_INET, SOCK_STREAM, 0);
  listener.bind({ addr: 0, port: PORT });
  listener.listen(8);
  let got = 0;
  engine.tasks.spawn(
    "sink",
    (function* () {
      const socket = yield* listener.accept();
      const into = new Uint8Array(65536);
      for (;;) {
        const { bytes } = yield* socket.recv(into.length, { into });
        if (bytes.length === 0) return;
        got += bytes.length;
      }
    })(),
  );
  const client = openSocket(containerProcess, AF_INET, SOCK_STREAM);
  const chunk = new Uint8Array(65536);
  let wanted = 0;
  let connected = false;
  engine.tasks.spawn(
    "source",
    (function* () {
      yield* client.connect({ addr: OUTSIDE, port: PORT });
      connected = true;
    })(),
  );
  await engine.runUntil(() => connected);
  let sent = 0;
  return {
    units: BYTES / MSS,
    run() {
      wanted += BYTES;
      engine.tasks.spawn(
        "source",
        (function* () {
          while (sent < wanted) {
            const part = chunk.subarray(0, Math.min(chunk.length, wanted - sent));
            sent += part.length;
            yield* client.send(part);
          }
        })(),
      );
      engine.sim.run(() => got >= wanted);
    },
    check() {
      if (got !== sent) throw new Error(`${sent} bytes were sent and ${got} came`);
    },
  };
}

export const tcpFigures: readonly Figure[] = [
  { key: "tcp_segments", title: "TCP bulk, offloads off", unit: "segments/s", prepare: () => bulk("off") },
  {
    key: "tcp_segments_tso",
    title: "TCP bulk, offloads on (1,448-byte units)",
    unit: "segments/s",
    prepare: () => bulk("on"),
  },
];
