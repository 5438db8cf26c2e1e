// tcpdump 4.99.3: a tap on an interface (or on all of a namespace), a filter, and either a capture file or text. Frames lie
// in the packet socket's ring until their block is full or its time is up, once a second, as libpcap asks of Linux: what
// came after that is lost when tcpdump is ended. From there they go to the file at once (-U), or when stdio's 4096 bytes
// are full or tcpdump ends. Also reads captures back (-r).

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { MSEC, SEC } from "../../base/time.ts";
import { SKF_AD_IFINDEX, SKF_AD_PKTTYPE } from "../../capture/bpf.ts";
import { type Capture, CaptureError, LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from "../../capture/capture.ts";
import type { FrameFilter } from "../../capture/filter.ts";
import { readCapture } from "../../capture/read.ts";
import * as sll2 from "../../capture/sll2.ts";
import { CaptureWriter } from "../../capture/writer.ts";
import { hostOf, netnsOf } from "../../host/host.ts";
import { PacketSock } from "../../net/core/af-packet.ts";
import { type CaptureStamp, captureFrame } from "../../net/core/capture-stamp.ts";
import { devSetPromiscuity } from "../../net/core/dev.ts";
import { NETDEV_UNREGISTER, type NetdevNotifier } from "../../net/core/net.ts";
import type { NetDevice, Tap } from "../../net/core/net-device.ts";
import { PACKET_OUTGOING, type SkBuff } from "../../net/core/skb.ts";
import { SOCK_DGRAM, SOCK_RAW } from "../../net/core/sock.ts";
import { withTagInFrame } from "../../net/core/vlan-tag.ts";
import { Socket } from "../../net/socket.ts";
import { Interrupted, type Process, SIGHUP, SIGINT, SIGTERM } from "../../posix/process.ts";
import { RegularFile } from "../../posix/vfs.ts";
import type { Timer } from "../../sim/sim.ts";
import { type Task, WaitQueue } from "../../sim/task.ts";
import { ETH_P_ALL } from "../../wire/ethernet.ts";
import { FramePrinter } from "../../wire/print.ts";
import { Stdout } from "../net-util/stdio.ts";
import { dumpCode, filterOf } from "./filter.ts";
import { parseTcpdumpArguments, type TcpdumpOptions } from "./options.ts";

/** Descriptor of the packet socket, behind one that libpcap opened before. */
const RING_FD = 4;
/** From exec to the moment the socket is bound, measured on the recordings' machine. */
const STARTUP_NS = 25_000_000;
/** stdio's buffer in front of a capture file. */
const FILE_BUFFER_BYTES = 4096;
/** Frames kept for text that was not printed yet; beyond that they are dropped by the kernel (a full ring). */
const RING_FRAMES = 16384;
/** tpacket_v3: a block is handed over when it is full, or after tcpdump's timeout (net/packet/af_packet.c). */
const BLOCK_BYTES = 262144;
const BLOCK_TIMEOUT_NS = SEC;
/** The timeout that -l asks for when lines are printed. */
const LINE_TIMEOUT_NS = 100 * MSEC;
/** A frame's own header in a block, before alignment to 16 bytes. */
const BLOCK_FRAME_OVERHEAD = 82;

const LINK_TYPES: ReadonlyMap<number, string> = new Map([
  [LINKTYPE_ETHERNET, "EN10MB (Ethernet)"],
  [LINKTYPE_LINUX_SLL2, "LINUX_SLL2 (Linux cooked v2)"],
]);

export function* tcpdump(proc: Process): Task<number> {
  const parsed = parseTcpdumpArguments(proc.argv.slice(1));
  if (!("options" in parsed)) {
    yield* proc.print(parsed.stdout);
    yield* proc.printError(parsed.stderr);
    return parsed.status;
  }
  const { options } = parsed;
  if (options.read !== undefined) return yield* readBack(proc, options);
  const { net } = netnsOf(proc);
  if (options.listInterfaces) {
    yield* proc.print(listInterfaces([...net.devices.values()]));
    return 0;
  }
  yield* proc.cpu(STARTUP_NS);
  const any = options.interface === "any";
  const name = options.interface ?? [...net.devices.values()].find((dev) => dev.up && !dev.loopback)?.name;
  const dev = any || name === undefined ? undefined : net.deviceByName(name);
  if (!any && !dev) {
    yield* proc.printError(`tcpdump: ${name ?? "lo"}: No such device exists\n(No such device exists)\n`);
    return 1;
  }
  if (dev && !dev.up) {
    yield* proc.printError(`tcpdump: ${dev.name}: That device is not up\n`);
    return 1;
  }
  const linkType = any ? LINKTYPE_LINUX_SLL2 : LINKTYPE_ETHERNET;
  if (options.listLinkTypes) {
    yield* proc.print(
      `Data link types for ${any ? "any" : name} (use option -y to set):\n  ${LINK_TYPES.get(linkType)}\n`,
    );
    return 0;
  }
  if (any) yield* proc.printError("tcpdump: data link type LINUX_SLL2\n");
  const source = { linkType, live: true };
  if (options.dumpCode > 0) return yield* dumpCode(proc, options, source);
  const filter = yield* filterOf(proc, options, source);
  if (typeof filter === "number") return filter;

  // what ss shows: its frames come by the tap below
  const ring = new PacketSock(net, any ? SOCK_DGRAM : SOCK_RAW, ETH_P_ALL, true);
  if (dev) ring.bind({ addr: dev.ifindex, port: 0 });
  proc.install(new Socket(ring), proc.fds.has(RING_FD) ? undefined : RING_FD);
  const session = new Session(proc, options, linkType, filter);
  if (options.write !== undefined) {
    const problem = session.openFile(options.write);
    if (problem !== undefined) {
      yield* proc.printError(`tcpdump: ${options.write}: ${problem}\n`);
      return 1;
    }
  }
  const listening = `listening on ${any ? "any" : dev!.name}, link-type ${LINK_TYPES.get(linkType)}, snapshot length ${options.snapLength} bytes\n`;
  yield* proc.printError(
    options.write !== undefined || options.verbose > 0
      ? `tcpdump: ${listening}`
      : `tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n${listening}`,
  );
  return yield* session.run(any ? net.taps : dev!.taps, dev);
}

const NOT_IN_FRAME = new Error("not in the frame");

interface WaitingFrame {
  readonly bytes: Uint8Array;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly wireLength: number;
}

class Session implements Tap {
  readonly #proc: Process;
  readonly #options: TcpdumpOptions;
  readonly #linkType: number;
  readonly #filter: FrameFilter | null;
  readonly #wake: WaitQueue = new WaitQueue();
  /** the frame under test: as a cooked capture has it, or what the kernel knows beside its bytes */
  #cooked: Uint8Array = new Uint8Array(2048);
  #packetType = 0;
  #ifindex = 0;
  /**
   * The ring's first block has been handed over. Frames in it are filtered once more by libpcap, because they might be older than the
   * filter; its own machine does not know what the kernel knows beside a frame's bytes (pcap_setfilter_linux, pcap_filter).
   */
  #firstBlockOver = false;
  readonly #ancillary = (what: number): number =>
    what === SKF_AD_PKTTYPE ? this.#packetType : what === SKF_AD_IFINDEX ? this.#ifindex : 0;
  #writer: CaptureWriter | null = null;
  #file: RegularFile | null = null;
  /** what stdio holds: handed over by the ring, not yet in the file */
  #stdio: Uint8Array[] = [];
  #stdioBytes = 0;
  /** frames and bytes in the ring's open block */
  #blockFrames = 0;
  #blockBytes = 0;
  readonly #blockTimer: Timer;
  #openedNs = 0;
  /** frames that wait to be printed */
  readonly #ring: WaitingFrame[] = [];
  /** frames that the ring took, and those of them that tcpdump has got */
  #received = 0;
  #captured = 0;
  #dropped = 0;
  /** passed the filter, and libpcap did not want it */
  #leftOut = 0;
  /** frames of the ring that have been handed over */
  #readable = 0;
  #stopped = false;
  /** the interface was taken away, or went to another namespace */
  #deviceGone = false;

  constructor(proc: Process, options: TcpdumpOptions, linkType: number, filter: FrameFilter | null) {
    this.#proc = proc;
    this.#options = options;
    this.#linkType = linkType;
    this.#filter = filter;
    this.#blockTimer = proc.sim.timer(() => this.#retireBlock());
  }

  /** Makes the capture file with its header. Returns the text of what went wrong. */
  openFile(path: string): string | undefined {
    const { root } = this.#proc;
    const toStdout = path === "-";
    try {
      const file = toStdout ? null : root.open(this.#proc, path, { write: true, create: true, truncate: true });
      if (file && !(file instanceof RegularFile)) throw new NetError(Errno.EACCES);
      this.#file = file;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      return strerror(error.errno);
    }
    this.#writer = new CaptureWriter({
      linkType: this.#linkType,
      snapLength: this.#options.snapLength,
      nanoseconds: this.#options.nanoseconds,
      sink: (piece) => this.#take(piece),
      room: (bytes) => this.#room(bytes),
    });
    this.#writer.flush();
    if (this.#options.packetBuffered) this.#writeOut();
    return undefined;
  }

  /** Listens until a signal or the count ends it. */
  *run(taps: Tap[], dev: NetDevice | undefined): Task<number> {
    const proc = this.#proc;
    proc.onSignal(SIGINT, "interrupt");
    proc.onSignal(SIGTERM, "interrupt");
    proc.onSignal(SIGHUP, "interrupt");
    const detach = (): void => {
      const at = taps.indexOf(this);
      if (at >= 0) taps.splice(at, 1);
      if (dev && this.#options.promiscuous && promiscuous) devSetPromiscuity(dev, -1);
      promiscuous = false;
    };
    this.#openedNs = proc.sim.now;
    let promiscuous = this.#options.promiscuous && dev !== undefined;
    taps.push(this);
    if (dev && promiscuous) devSetPromiscuity(dev, 1);
    const { net } = netnsOf(proc);
    const notifier: NetdevNotifier = (event, changed) => {
      if (event !== NETDEV_UNREGISTER || changed !== dev) return;
      detach();
      this.#deviceGone = true;
      this.#wake.wakeAll();
    };
    net.registerNotifier(notifier, true);
    const stdout = new Stdout(proc, this.#options.lineBuffered || (proc.fds.get(1)?.isTty ?? false));
    const printer = this.#printer(dev);
    let interrupted = false;
    try {
      try {
        for (;;) {
          yield* this.#printWaiting(stdout, printer);
          if (this.#stopped || this.#deviceGone) break;
          yield* this.#wake.wait();
        }
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        interrupted = true;
      }
      detach();
      this.#blockTimer.del();
      yield* this.#printWaiting(stdout, printer);
      // it might have been in the middle of a line
      if (interrupted && !this.#writer) yield* stdout.print("\n");
      if (this.#options.countOnly) yield* stdout.print(`${this.#captured} packet${this.#captured === 1 ? "" : "s"}\n`);
      yield* stdout.flush();
      this.#writeOut();
      yield* this.#passOn();
      // the ring's open block is lost with the interface
      if (this.#deviceGone) yield* proc.printError("tcpdump: pcap_loop: The interface disappeared\n");
      yield* proc.printError(
        `${plural(this.#captured, "captured")}${plural(this.#received + this.#dropped + this.#leftOut, "received by filter")}${plural(this.#dropped, "dropped by kernel")}`,
      );
      return this.#deviceGone ? 1 : 0;
    } finally {
      // ended outright: what the ring and stdio held is lost, as on Linux
      net.unregisterNotifier(notifier);
      detach();
      this.#blockTimer.del();
      this.#tellLoss();
      this.#file?.release();
    }
  }

  /** A line for people about frames that never reached the file. */
  #tellLoss(): void {
    if (this.#blockFrames === 0 || this.#options.write === undefined) return;
    const frames = `${this.#blockFrames} frame${this.#blockFrames === 1 ? "" : "s"}`;
    hostOf(this.#proc).notes.push(
      `${this.#options.write}: tcpdump was ended with ${frames} of the last second still in its buffer, as on Linux; wait a second before, or use --immediate-mode`,
    );
  }

  capture(skb: SkBuff, dev: NetDevice, outgoing: boolean, stamp: CaptureStamp): void {
    if (this.#stopped) return;
    if (skb.vlanProto === 0 || this.#linkType === LINKTYPE_LINUX_SLL2) {
      if (this.#passes(skb, dev, outgoing)) this.#keep(skb, dev, outgoing, stamp);
      return;
    }
    // the kernel filters the frame without its tag, and asks for the tag beside it only where the filter says "vlan"
    const asksForTag = /\bvlan\b/.test(this.#options.expression);
    if (!asksForTag && !this.#passes(skb, dev, outgoing)) return;
    withTagInFrame(skb, () => {
      if (!asksForTag || this.#passes(skb, dev, outgoing)) this.#keep(skb, dev, outgoing, stamp);
    });
  }

  #passes(skb: SkBuff, dev: NetDevice, outgoing: boolean): boolean {
    const filter = this.#filter;
    if (filter === null) return true;
    const type = outgoing ? PACKET_OUTGOING : skb.pktType;
    const length = skb.tail - skb.data;
    if (this.#linkType === LINKTYPE_LINUX_SLL2) {
      const cooked = this.#cookedFrame(length);
      const end = sll2.emit(skb.head, skb.data, dev.ifindex, dev.type, type, cooked, 0);
      cooked.set(skb.head.subarray(skb.data + sll2.ETHERNET_LENGTH, skb.tail), end);
      return filter(cooked, end + length - sll2.ETHERNET_LENGTH, 0);
    }
    this.#packetType = type;
    this.#ifindex = dev.ifindex;
    return filter(skb.head, length, skb.data, length, this.#ancillary);
  }

  #cookedFrame(length: number): Uint8Array {
    if (this.#cooked.length < length + sll2.HEADER_LENGTH)
      this.#cooked = new Uint8Array(2 * (length + sll2.HEADER_LENGTH));
    return this.#cooked;
  }

  /** A frame goes into the ring. */
  #keep(skb: SkBuff, dev: NetDevice, outgoing: boolean, stamp: CaptureStamp): void {
    const options = this.#options;
    // libpcap leaves out one of the two sights of a loopback packet, and a direction (linux_check_direction)
    const { direction } = options;
    if ((outgoing && dev.loopback) || (direction !== "inout" && outgoing !== (direction === "out"))) {
      this.#leftOut++;
      return;
    }
    const length = skb.tail - skb.data;
    const printed = this.#writer === null || options.print;
    if (printed && this.#ring.length >= RING_FRAMES) {
      this.#dropped++;
      return;
    }
    const size = (Math.min(length, options.snapLength) + BLOCK_FRAME_OVERHEAD + 15) & ~15;
    if (this.#blockBytes + size > BLOCK_BYTES) this.#retireBlock();
    this.#received++;
    const isOpen = this.#blockBytes > 0;
    this.#blockBytes += size;
    if (!isOpen && !options.immediate) this.#startBlockTimer(stamp.ns);
    if (!this.#firstBlockOver && !this.#passesInLibpcap(skb)) return;
    // no frame beyond the wanted number
    if (options.count > 0 && this.#received >= options.count) this.#stopped = true;
    if (this.#writer) this.#write(this.#writer, skb, dev, outgoing, stamp);
    if (printed) this.#keepForPrinting(skb, dev, outgoing, stamp);
    this.#blockFrames++;
    if (options.immediate) this.#retireBlock();
  }

  #startBlockTimer(nowNs: number): void {
    const { lineBuffered } = this.#options;
    const timeoutNs = lineBuffered && this.#writer === null ? LINE_TIMEOUT_NS : BLOCK_TIMEOUT_NS;
    const ticks = Math.floor((nowNs - this.#openedNs) / timeoutNs) + 1;
    this.#blockTimer.mod(this.#openedNs + ticks * timeoutNs);
  }

  /** A program that asks for more than the frame's bytes ends there, and takes nothing. */
  #passesInLibpcap(skb: SkBuff): boolean {
    if (this.#filter === null || this.#linkType === LINKTYPE_LINUX_SLL2) return true;
    const length = skb.tail - skb.data;
    try {
      return this.#filter(skb.head, length, skb.data, length, () => {
        throw NOT_IN_FRAME;
      });
    } catch (error) {
      if (error !== NOT_IN_FRAME) throw error;
      return false;
    }
  }

  #write(writer: CaptureWriter, skb: SkBuff, dev: NetDevice, outgoing: boolean, stamp: CaptureStamp): void {
    if (this.#linkType !== LINKTYPE_LINUX_SLL2) {
      captureFrame(writer, skb, stamp);
      return;
    }
    const { seconds, nanoseconds } = stamp;
    const packetType = outgoing ? PACKET_OUTGOING : skb.pktType;
    writer.writeCooked(skb.head, skb.data, skb.tail, seconds, nanoseconds, dev.ifindex, dev.type, packetType);
  }

  /** The open block goes to tcpdump (prb_retire_current_block). */
  #retireBlock(): void {
    this.#blockTimer.del();
    if (this.#blockBytes > 0) this.#firstBlockOver = true;
    this.#blockBytes = 0;
    if (this.#blockFrames === 0) return;
    this.#captured += this.#blockFrames;
    this.#blockFrames = 0;
    this.#readable = this.#ring.length;
    this.#writer?.flush();
    if (this.#options.packetBuffered || this.#stdioBytes >= FILE_BUFFER_BYTES) this.#writeOut();
    const { count } = this.#options;
    if (count > 0 && this.#captured >= count) this.#stopped = true;
    this.#wake.wakeAll();
  }

  #keepForPrinting(skb: SkBuff, dev: NetDevice, outgoing: boolean, stamp: CaptureStamp): void {
    let bytes: Uint8Array;
    if (this.#linkType === LINKTYPE_LINUX_SLL2) {
      const one = new CaptureWriter({ linkType: LINKTYPE_LINUX_SLL2 });
      this.#write(one, skb, dev, outgoing, stamp);
      bytes = one.bytes().subarray(40);
    } else bytes = skb.head.slice(skb.data, skb.tail);
    const { seconds, nanoseconds } = stamp;
    const wireLength = bytes.length;
    this.#ring.push({ bytes: bytes.subarray(0, this.#options.snapLength), seconds, nanoseconds, wireLength });
  }

  #printer(dev: NetDevice | undefined): FramePrinter {
    return new FramePrinter(this.#linkType, {
      ...printOptions(this.#options),
      interfaceName: (ifindex) => (dev?.net ?? netnsOf(this.#proc).net).deviceByIndex(ifindex)?.name,
    });
  }

  *#printWaiting(stdout: Stdout, printer: FramePrinter): Task<void> {
    while (this.#readable > 0) {
      const frame = this.#ring.shift()!;
      this.#readable--;
      if (this.#options.countOnly) continue;
      const { bytes, seconds, nanoseconds, wireLength } = frame;
      yield* stdout.print(`${printer.print(bytes, 0, bytes.length, seconds, nanoseconds, wireLength)}\n`);
    }
    yield* this.#passOn();
  }

  /** The ring's pieces, as stdio takes them. */
  #take(piece: Uint8Array): void {
    if (this.#file !== null && this.#stdioBytes + piece.length >= FILE_BUFFER_BYTES) {
      // it will not stay: no copy in between
      this.#writeOut();
      this.#file.writeNow(piece);
      return;
    }
    this.#stdio.push(piece.slice());
    this.#stdioBytes += piece.length;
  }

  /** The file's own memory, if what comes next is next in it, too. */
  #room(bytes: number): Uint8Array | null {
    if (this.#file === null || this.#stdioBytes > 0) return null;
    return this.#file.room(bytes);
  }

  /** fflush(3) of the capture file. */
  #writeOut(): void {
    if (!this.#file) return;
    for (const piece of this.#stdio) this.#file.writeNow(piece);
    this.#stdio = [];
    this.#stdioBytes = 0;
  }

  /** A capture on stdout goes where stdout goes. */
  *#passOn(): Task<void> {
    if (this.#file) return;
    const pieces = this.#stdio;
    this.#stdio = [];
    this.#stdioBytes = 0;
    for (const piece of pieces) yield* this.#proc.printBytes(piece);
  }
}

function plural(n: number, what: string): string {
  return `${n} packet${n === 1 ? "" : "s"} ${what}\n`;
}

function printOptions(options: TcpdumpOptions): ConstructorParameters<typeof FramePrinter>[1] & object {
  return {
    verbose: options.verbose,
    quiet: options.quiet,
    linkHeader: options.linkHeader,
    numeric: options.numeric > 0,
    time: options.time,
    hex: options.hex,
    hexAscii: options.hexAscii,
    ascii: options.ascii,
    absoluteSequence: options.absoluteSequence,
    noChecksums: options.noChecksums,
    number: options.number,
    nanoseconds: options.nanoseconds,
  };
}

function listInterfaces(devices: readonly NetDevice[]): string {
  const rows = devices.map((dev) => {
    const flags = [
      dev.up ? "Up" : "",
      dev.operational ? "Running" : "",
      dev.loopback ? "Loopback" : dev.operational ? "Connected" : "Disconnected",
    ];
    return `${dev.name} [${flags.filter((flag) => flag !== "").join(", ")}]`;
  });
  const first = rows.findIndex((row) => row.includes("Loopback"));
  rows.splice(first < 0 ? rows.length : first, 0, "any (Pseudo-device that captures on all interfaces) [Up, Running]");
  return rows.map((row, i) => `${i + 1}.${row}\n`).join("");
}

/** tcpdump -r: filters and prints, or writes, what a capture holds. */
function* readBack(proc: Process, options: TcpdumpOptions): Task<number> {
  const path = options.read!;
  let capture: Capture;
  try {
    const bytes = path === "-" ? yield* proc.readAll() : proc.root.readFile(proc, path);
    capture = readCapture(bytes);
  } catch (error) {
    if (error instanceof NetError) yield* proc.printError(`tcpdump: ${path}: ${strerror(error.errno)}\n`);
    else if (error instanceof CaptureError) yield* proc.printError(`tcpdump: ${error.message}\n`);
    else throw error;
    return 1;
  }
  const linkType = capture.interfaces[0]?.linkType ?? LINKTYPE_ETHERNET;
  const snapLength = capture.interfaces[0]?.snapLength ?? options.snapLength;
  yield* proc.printError(
    `reading from file ${path}, link-type ${LINK_TYPES.get(linkType) ?? linkType}, snapshot length ${snapLength}\n`,
  );
  if (options.dumpCode > 0) return yield* dumpCode(proc, options, { linkType });
  const filter = yield* filterOf(proc, options, { linkType });
  if (typeof filter === "number") return filter;
  const printer = new FramePrinter(linkType, {
    ...printOptions(options),
    interfaceName: (ifindex) => netnsOf(proc).net.deviceByIndex(ifindex)?.name,
  });
  const stdout = new Stdout(proc, options.lineBuffered || (proc.fds.get(1)?.isTty ?? false));
  const writer = options.write === undefined ? null : new CaptureWriter({ linkType, snapLength });
  let count = 0;
  for (const frame of capture.frames) {
    if (filter && !filter(capture.bytes, frame.to - frame.from, frame.from, frame.wireLength)) continue;
    count++;
    if (writer)
      writer.write(capture.bytes, frame.from, frame.to, frame.seconds * SEC + frame.nanoseconds, frame.wireLength);
    else if (!options.countOnly)
      yield* stdout.print(
        `${printer.print(capture.bytes, frame.from, frame.to, frame.seconds, frame.nanoseconds, frame.wireLength)}\n`,
      );
    if (options.count > 0 && count >= options.count) break;
  }
  if (options.countOnly) yield* stdout.print(`${count} packet${count === 1 ? "" : "s"}\n`);
  yield* stdout.flush();
  if (writer) {
    try {
      if (options.write === "-") yield* proc.printBytes(writer.bytes());
      else proc.root.writeFile(proc, options.write!, writer.bytes());
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      yield* proc.printError(`tcpdump: ${options.write}: ${strerror(error.errno)}\n`);
      return 1;
    }
  }
  return 0;
}
