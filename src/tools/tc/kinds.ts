// The queueing disciplines that `tc qdisc` knows: their options, and how they are shown. Answers to iproute2's
// tc/q_tbf.c, q_fifo.c and q_prio.c (pfifo_fast); netem.ts has netem.

import type { NetDevice } from "../../net/core/net-device.ts";
import { Fifo, type FifoKind } from "../../net/link/sch-fifo.ts";
import type { Sched } from "../../net/link/sch-generic.ts";
import { Tbf, type TbfConfig } from "../../net/link/sch-tbf.ts";
import { type Args, CommandError } from "../ip/lib/args.ts";
import type { Out } from "../ip/lib/out.ts";
import { netem } from "./netem.ts";
import { formatRate, formatSize, formatTime, parseRate, parseSize, parseTime } from "./units.ts";

export interface SchedKind {
  readonly name: string;
  /** Throws CommandError. */
  parse(args: Args): unknown;
  create(dev: NetDevice, handle: number, options: unknown): Sched;
  /** New options for one that is there (tc qdisc change). */
  change(sched: Sched, options: unknown): void;
  print(out: Out, sched: Sched, details: boolean): void;
}

const TBF_USAGE = `Usage: ... tbf limit BYTES burst BYTES[/BYTES] rate KBPS [ mtu BYTES[/BYTES] ]
\t[ peakrate KBPS ] [ latency TIME ] [ overhead BYTES ] [ linklayer TYPE ]
`;

function parseTbf(args: Args): TbfConfig {
  let rate: number | undefined;
  let burst: number | undefined;
  let limit: number | undefined;
  let latency: number | undefined;
  let peakRate: number | undefined;
  let mtu: number | undefined;
  const once = (value: number | undefined, what: string): void => {
    if (value !== undefined) throw new CommandError(`tbf: duplicate "${what}" specification\n`, 1);
  };
  const read = (parse: (word: string) => number | undefined): number => {
    const name = args.word;
    const word = args.next();
    const value = parse(word);
    if (value === undefined) throw new CommandError(`tbf: illegal value for "${name}": "${word}"\n`, 1);
    return value;
  };
  const size = (word: string): number | undefined => parseSize(word.split("/")[0]!);
  for (; !args.done; args.advance()) {
    if (args.matches("limit")) {
      once(limit, "limit");
      if (latency !== undefined)
        throw new CommandError('tbf: specifying both "latency" and "limit" is not allowed\n', 1);
      limit = read(parseSize);
    } else if (args.matches("latency")) {
      once(latency, "latency");
      if (limit !== undefined)
        throw new CommandError('tbf: specifying both "limit" and "/latency" is not allowed\n', 1);
      latency = read(parseTime);
    } else if (args.matches("burst") || args.is("buffer") || args.is("maxburst")) {
      once(burst, "buffer/burst/maxburst");
      burst = read(size);
    } else if (args.is("mtu") || args.is("minburst")) {
      once(mtu, "mtu/minburst");
      mtu = read(size);
    } else if (args.is("rate")) {
      once(rate, "rate");
      rate = read(parseRate);
    } else if (args.matches("peakrate")) {
      once(peakRate, "peakrate");
      peakRate = read(parseRate);
    } else if (args.is("mpu") || args.matches("overhead") || args.matches("linklayer"))
      throw new CommandError(`tbf: "${args.word}" is not supported by vethlab\n`, 1);
    else if (args.is("help")) throw new CommandError(TBF_USAGE, 1);
    else throw new CommandError(`tbf: unknown parameter "${args.word}"\n${TBF_USAGE}`, 1);
  }
  let errors = "";
  if (!rate) errors += 'tbf: the "rate" parameter is mandatory.\n';
  if (!burst) errors += 'tbf: the "burst" parameter is mandatory.\n';
  if (peakRate && !mtu) errors += 'tbf: when "peakrate" is specified, "mtu" must also be specified.\n';
  if (limit === undefined && latency === undefined) errors += 'tbf: either "limit" or "latency" is required.\n';
  if (errors !== "") throw new CommandError(errors + TBF_USAGE, 1);
  const byTime = (bytesPerSecond: number, bucket: number): number =>
    Math.floor(bytesPerSecond * ((latency ?? 0) / 1e6) + bucket);
  if (limit === undefined) {
    limit = byTime(rate!, burst!);
    if (peakRate) limit = Math.min(limit, byTime(peakRate, mtu!));
  }
  return { rate: rate!, burst: burst!, limit, peakRate: peakRate ?? 0, mtu: mtu ?? 0 };
}

/** tc works in ticks of 64 ns: what it shows of a bucket has gone through them. */
const NS_PER_TICK = 64;
const TICKS_PER_US = 15.625;

function bucketUs(bytes: number, rate: number): number {
  // in 32 bits, which a big bucket at a low rate overflows
  const ticks = Math.floor((bytes * 1e9) / rate / NS_PER_TICK) % 2 ** 32;
  return Math.floor(ticks / TICKS_PER_US);
}

function bucketBytes(bytes: number, rate: number): number {
  return Math.floor((rate * bucketUs(bytes, rate)) / 1e6);
}

const tbf: SchedKind = {
  name: "tbf",
  parse: parseTbf,
  create: (dev, handle, options) => new Tbf(dev, handle, options as TbfConfig),
  change: (sched, options) => (sched as Tbf).change(options as TbfConfig),
  print(out, sched, details) {
    const { rate, burst, limit, peakRate, mtu } = (sched as Tbf).config;
    out.any("rate", `rate ${formatRate(rate)} `, rate);
    const shown = bucketBytes(burst, rate);
    out.any("burst", `burst ${formatSize(shown)}${details ? "/1 mpu 0b" : ""} `, shown);
    if (peakRate > 0) {
      out.any("peakrate", `peakrate ${formatRate(peakRate)} `, peakRate);
      const least = bucketBytes(mtu, peakRate);
      out.any("minburst", `minburst ${formatSize(least)}${details ? "/1 mpu 0b" : ""} `, least);
    }
    let latency = (1e6 * limit) / rate - bucketUs(burst, rate);
    if (peakRate > 0) latency = Math.max(latency, (1e6 * limit) / peakRate - bucketUs(mtu, peakRate));
    if (latency >= 0) out.any("lat", `lat ${formatTime(Math.floor(latency))} `, Math.floor(latency));
    if (details) out.fp("linklayer ethernet ");
  },
};

const FIFO_USAGE = "Usage: ... <[p|b]fifo | pfifo_head_drop> [ limit NUMBER ]\n";

function fifo(name: FifoKind): SchedKind {
  return {
    name,
    parse(args) {
      let limit: number | undefined;
      for (; !args.done; args.advance()) {
        if (name !== "noqueue" && name !== "pfifo_fast" && args.is("limit")) {
          const word = args.next();
          limit = parseSize(word);
          if (limit === undefined) throw new CommandError(`${name}: Illegal value for "limit": "${word}"\n`, 1);
        } else if (name === "noqueue" || name === "pfifo_fast")
          throw new CommandError(`Garbage instead of arguments "${args.word} ...". Try "tc qdisc help".\n`, 1);
        else if (args.is("help")) throw new CommandError(FIFO_USAGE, 1);
        else throw new CommandError(`${name}: unknown parameter "${args.word}"\n${FIFO_USAGE}`, 1);
      }
      return limit;
    },
    create(dev, handle, options) {
      const queue = dev.settings.txQueueLen || 1;
      const limit =
        (options as number | undefined) ?? (name === "bfifo" ? queue * (dev.mtu + dev.hardHeaderLen) : queue);
      return new Fifo(dev, handle, name, limit);
    },
    change(sched, options) {
      if (options !== undefined) (sched as Fifo).limit = options as number;
    },
    print(out, sched) {
      const { limit } = sched as Fifo;
      if (name === "pfifo") out.any("limit", `limit ${limit}p`, limit);
      else if (name === "bfifo") out.any("limit", `limit ${formatSize(limit)}`, limit);
      else if (name === "pfifo_fast") {
        out.any("bands", "bands 3 ", 3);
        out.openArray("priomap", "priomap");
        for (const band of [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]) out.any(null, ` ${band}`, band);
        out.closeArray();
      }
    },
  };
}

const KINDS: ReadonlyMap<string, SchedKind> = new Map(
  [tbf, fifo("pfifo"), fifo("bfifo"), fifo("pfifo_fast"), fifo("noqueue"), netem].map((kind) => [kind.name, kind]),
);

export function schedKind(name: string): SchedKind | undefined {
  return KINDS.get(name);
}
