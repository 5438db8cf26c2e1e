// The library's face: a lab of hosts with every program of vethlab on them, cables between hosts, commands run as text,
// and taps that hand captures back as bytes. Browser-safe: nothing here touches a disk, a clock or a network.

import { NetError } from "../base/errno.ts";
import type { Ns } from "../base/time.ts";
import { CaptureWriter } from "../capture/writer.ts";
import type { Host } from "../host/host.ts";
import { Lab as Engine, type ShellResult } from "../host/lab.ts";
import { captureFrame } from "../net/core/capture-stamp.ts";
import type { Tap as DeviceTap, NetDevice } from "../net/core/net-device.ts";
import type { SkBuff } from "../net/core/skb.ts";
import { withTagInFrame } from "../net/core/vlan-tag.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Process } from "../posix/process.ts";
import type { FilterLibrary } from "../shell/filters.ts";
import type { SimLimits } from "../sim/sim.ts";
import { netnsByName } from "../tools/ip/netns-names.ts";
import { parseMac } from "../wire/addr.ts";
import { furnishHost, standardPrograms } from "./programs.ts";

export interface LabOptions {
  /** Whatever a kernel draws at random (MACs, ports, sequence numbers, ids) follows from it; 32 bits, default 1. */
  readonly seed?: number;
  /** Wall clock at the start: milliseconds since 1970, or a date as `Date.parse` reads it. Default 2026-01-01T00:00:00Z. */
  readonly start?: number | string;
  /** Bounds on virtual time (ns) and on events; `sh` throws LimitReached at one. */
  readonly limits?: SimLimits;
  /** Text filters (awk, sed, grep …) for scripts that use them; without it they are refused by name. */
  readonly filters?: FilterLibrary;
  /** Docker's generation: "20" (default) or "28". */
  readonly docker?: "20" | "28";
}

/** Hosts, cables, one clock, one seed. */
export class Lab {
  /** @internal */
  readonly engine: Engine;
  readonly #hosts: Map<string, LabHost> = new Map();

  /** Throws RangeError when `start` is no date. */
  constructor(options: LabOptions = {}) {
    const startMs = typeof options.start === "string" ? Date.parse(options.start) : options.start;
    if (startMs !== undefined && !(startMs >= 0)) throw new RangeError(`start is no date: ${options.start}`);
    this.engine = new Engine({
      programs: standardPrograms({ filters: options.filters, docker: options.docker ?? "20" }),
      furnish: furnishHost,
      ...(options.seed !== undefined ? { seed: options.seed } : {}),
      ...(startMs !== undefined ? { startMs } : {}),
      ...(options.limits ? { limits: options.limits } : {}),
    });
  }

  /** A new machine, its loopback up, no cables. Throws Error when the name is taken. */
  addHost(name: string): LabHost {
    const host = new LabHost(this, this.engine.addHost(name));
    this.#hosts.set(name, host);
    return host;
  }

  /** A host by name. Throws Error when there is none. */
  host(name: string): LabHost {
    const host = this.#hosts.get(name);
    if (!host) throw new Error(`there is no host ${name}`);
    return host;
  }

  /**
   * A cable between two hosts: an interface of the given name on each, both up.
   * @param a host, interface name and, if wanted, MAC address ("02:00:00:00:01:01")
   * Throws NetError EEXIST when a name is taken there.
   */
  cable(a: CableEnd, b: CableEnd): void {
    const mac = (end: CableEnd): Uint8Array | undefined => (end.mac === undefined ? undefined : parseMac(end.mac));
    this.engine.cable(a.host.host, a.name, b.host.host, b.name, mac(a), mac(b));
  }

  /** Virtual nanoseconds since the lab was made. */
  get now(): Ns {
    return this.engine.now;
  }

  /** Lets virtual time pass (ns). */
  async advance(ns: Ns): Promise<void> {
    await this.engine.advance(ns);
  }
}

export interface CableEnd {
  readonly host: LabHost;
  readonly name: string;
  readonly mac?: string;
}

/** One machine of a lab. */
export class LabHost {
  readonly lab: Lab;
  /** @internal */
  readonly host: Host;

  /** @internal use Lab.addHost */
  constructor(lab: Lab, host: Host) {
    this.lab = lab;
    this.host = host;
  }

  get name(): string {
    return this.host.name;
  }

  /**
   * Runs a command line or a whole script with bash; resolves when the shell has ended. Jobs left in the background go on
   * whenever the lab runs.
   * @returns exit status (0 … 255), stdout and stderr as text
   * Throws LimitReached at a limit of the lab, Stuck when the script waits for what can never come.
   */
  async sh(script: string, stdin: string = ""): Promise<ShellResult> {
    return await this.lab.engine.sh(this.host, script, stdin);
  }

  /**
   * Captures on an interface, both directions, from now on.
   * @param netns a name that `ip netns add` made; the host's own namespace when absent
   * Throws NetError ENODEV when there is no such interface, ENOENT when there is no such namespace.
   */
  tap(device: string, netns?: string): Tap {
    const namespace = netns === undefined ? this.host.netns : netnsByName(this.host, netns);
    return new Tap(namespace, device);
  }

  /** The bytes of a file on the host. Throws NetError ENOENT, EISDIR. */
  readFile(path: string): Uint8Array {
    return this.host.root.readFile({ cwd: "/root" } as Process, path).slice();
  }

  /** Writes a file on the host, folders made as needed. */
  writeFile(path: string, content: Uint8Array | string): void {
    this.host.root.writeFile({ cwd: "/root" } as Process, path, content);
  }
}

/** A capture in the making: classic pcap, microseconds, Ethernet frames. */
export class Tap {
  readonly #writer: CaptureWriter;
  readonly #device: NetDevice;
  readonly #tap: DeviceTap;

  /** @internal use LabHost.tap */
  constructor(namespace: NetNamespace, device: string) {
    const dev = namespace.net.deviceByName(device);
    if (!dev) throw new NetError(19);
    this.#device = dev;
    const writer = new CaptureWriter();
    this.#writer = writer;
    this.#tap = {
      capture: (skb: SkBuff, dev, outgoing, stamp) => {
        // as libpcap: a loopback packet is seen once
        if (outgoing && dev.loopback) return;
        if (skb.vlanProto === 0) captureFrame(writer, skb, stamp);
        else withTagInFrame(skb, () => captureFrame(writer, skb, stamp));
      },
    };
    dev.taps.push(this.#tap);
  }

  /** Frames captured so far. */
  get frames(): number {
    return this.#writer.frames;
  }

  /** The capture so far: a whole pcap file. */
  bytes(): Uint8Array {
    return this.#writer.bytes();
  }

  /** Captures no more. */
  close(): void {
    const at = this.#device.taps.indexOf(this.#tap);
    if (at >= 0) this.#device.taps.splice(at, 1);
  }
}
