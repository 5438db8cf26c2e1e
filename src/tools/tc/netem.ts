// netem of tc: its options, and how they are shown. Answers to iproute2's tc/q_netem.c; `seed` is that of 6.6 and later.

import { NETEM_DISTRIBUTIONS } from "../../net/link/netem-tables.ts";
import { NETEM_ALWAYS, NETEM_DEFAULTS, Netem, type NetemConfig } from "../../net/link/sch-netem.ts";
import { type Args, CommandError, parseUnsigned } from "../ip/lib/args.ts";
import type { SchedKind } from "./kinds.ts";
import { formatRate, formatSignificant, formatTime, parsePercent, parseRate, parseSize, parseTime } from "./units.ts";

const NETEM_USAGE = `Usage: ... netem [ limit PACKETS ]
                 [ delay TIME [ JITTER [CORRELATION]]]
                 [ distribution {uniform|normal|pareto|paretonormal} ]
                 [ corrupt PERCENT [CORRELATION]]
                 [ duplicate PERCENT [CORRELATION]]
                 [ loss random PERCENT [CORRELATION]]
                 [ loss state P13 [P31 [P32 [P23 P14]]]
                 [ loss gemodel PERCENT [R [1-H [1-K]]]
                 [ ecn ]
                 [ reorder PERCENT [CORRELATION] [ gap DISTANCE ]]
                 [ rate RATE [PACKETOVERHEAD] [CELLSIZE] [CELLOVERHEAD]]
                 [ slot MIN_DELAY [MAX_DELAY] [packets MAX_PACKETS] [bytes MAX_BYTES]]
                 [ slot distribution {uniform|normal|pareto|paretonormal|custom}
                   DELAY JITTER [packets MAX_PACKETS] [bytes MAX_BYTES]]
`;

/** NetemConfig while it is being put together. */
type NetemDraft = { -readonly [K in keyof NetemConfig]: NetemConfig[K] };

/** The scheduler's ticks are 64 ns; tc rounds a time down to them (/proc/net/psched). */
const TICK_NS = 64;
const TICKS_PER_US = 15.625;

function parseTicks(word: string): number | undefined {
  const us = parseTime(word);
  return us === undefined ? undefined : Math.floor(us * TICKS_PER_US) * TICK_NS;
}

function ticksText(ns: number): string {
  return formatTime(toMicroseconds(ns));
}

function toMicroseconds(ns: number): number {
  return Math.floor(ns / TICK_NS / TICKS_PER_US);
}

/** A share of 2^32 − 1, rounded to the nearest (set_percent). */
function parseShare(word: string): number | undefined {
  const share = parsePercent(word);
  return share === undefined ? undefined : Math.round(share * NETEM_ALWAYS);
}

function parseNetem(args: Args): NetemConfig {
  const config: NetemDraft = { ...NETEM_DEFAULTS };
  // a duplicate's correlation alone is not sent to the kernel
  let correlated = false;
  const read = <T>(parse: (word: string) => T | undefined, name: string): T => {
    const value = parse(args.next());
    if (value === undefined) throw new CommandError(`Illegal "${name}"\n`, 1);
    return value;
  };
  /** a number follows */
  const more = (): boolean => /^\d/.test(args.rest[1] ?? "");
  const moreSigned = (): boolean => /^[-\d]/.test(args.rest[1] ?? "");
  const refuse = (what: string): never => {
    throw new CommandError(`netem: "${what}" is not supported by vethlab\n`, 1);
  };
  const correlation = (name: string): number => {
    correlated = true;
    return read(parseShare, name);
  };
  /** as many shares as numbers follow, defaults for the rest */
  const shares = (names: readonly string[], defaults: (first: number) => number[]): number[] => {
    const first = read(parsePercent, names[0]!);
    const out = defaults(first).map((share) => Math.round(share * NETEM_ALWAYS));
    out[0] = Math.round(first * NETEM_ALWAYS);
    for (let i = 1; i < names.length && more(); i++) out[i] = read(parseShare, names[i]!);
    return out;
  };
  for (; !args.done; args.advance()) {
    if (args.matches("limit")) config.limit = read(parseSize, "limit");
    else if (args.matches("latency") || args.matches("delay")) {
      config.delayNs = read(parseTicks, "latency");
      if (more()) {
        config.jitterNs = read(parseTicks, "latency");
        if (more()) config.delayCorrelation = correlation("latency");
      }
    } else if (args.matches("loss") || args.matches("drop")) {
      if (config.loss > 0 || config.lossState || config.lossGemodel)
        throw new CommandError('Illegal "duplicate loss argument\n"\n', 1);
      const word = args.rest[1] ?? "";
      if (word === "state") {
        args.next();
        const [p13, p31, p32, p23, p14] = shares(
          ["loss p13", "loss p31", "loss p32", "loss p23", "loss p14"],
          (first) => [first, 1 - first, 0, 1, 0],
        );
        config.lossState = [p13!, p31!, p32!, p23!, p14!];
      } else if (word === "gemodel") {
        args.next();
        // the third is given as 1-h
        const [p, r, notH, k1] = shares(
          ["loss gemodel p", "loss gemodel r", "loss gemodel h", "loss gemodel k"],
          (first) => [first, 1 - first, 1, 0],
        );
        config.lossGemodel = [p!, r!, NETEM_ALWAYS - notH!, k1!];
      } else {
        if (word === "random") args.next();
        else if (!/^\d/.test(word)) {
          args.next();
          throw new CommandError(`Unknown loss parameter: ${word}\n`, 1);
        }
        config.loss = read(parseShare, "loss percent");
        if (more()) config.lossCorrelation = correlation("loss correlation");
      }
    } else if (args.matches("ecn")) config.ecn = true;
    else if (args.matches("reorder")) {
      config.reorder = read(parseShare, "reorder");
      if (more()) config.reorderCorrelation = correlation("reorder");
    } else if (args.matches("corrupt")) {
      config.corrupt = read(parseShare, "corrupt");
      if (more()) config.corruptCorrelation = correlation("corrupt");
    } else if (args.matches("gap")) config.gap = read(parseUnsigned, "gap");
    else if (args.matches("duplicate")) {
      config.duplicate = read(parseShare, "duplicate");
      if (more()) config.duplicateCorrelation = read(parseShare, "duplicate");
    } else if (args.matches("distribution")) {
      const word = args.next();
      if (word === "experimental") refuse(`distribution ${word}`);
      if (!NETEM_DISTRIBUTIONS.includes(word))
        throw new CommandError(
          `No distribution data for ${word} (/usr/lib/x86_64-linux-gnu/tc/${word}.dist: No such file or directory)\n`,
          1,
        );
      config.distribution = word;
    } else if (args.matches("rate")) {
      config.rate = read(parseRate, "rate");
      if (moreSigned()) config.packetOverhead = read(parseSigned, "rate");
      if (more()) config.cellSize = read(parseUnsigned, "rate");
      if (moreSigned()) config.cellOverhead = read(parseSigned, "rate");
    } else if (args.matches("slot")) refuse("slot");
    else if (args.matches("seed"))
      config.seed = read((word) => (/^\d+$/.test(word) ? BigInt(word) : undefined), "seed");
    else if (args.is("help")) throw new CommandError(NETEM_USAGE, 1);
    else throw new CommandError(`What is "${args.word}"?\n${NETEM_USAGE}`, 1);
  }
  if (config.reorder > 0) {
    if (config.delayNs === 0)
      throw new CommandError(`reordering not possible without specifying some delay\n${NETEM_USAGE}`, 1);
    if (config.gap === 0) config.gap = 1;
  } else if (config.gap > 0) throw new CommandError(`gap specified without reorder probability\n${NETEM_USAGE}`, 1);
  if (config.ecn && config.loss === 0 && !config.lossState && !config.lossGemodel)
    throw new CommandError(`ecn requested without loss model\n${NETEM_USAGE}`, 1);
  if (config.distribution !== null && (config.delayNs === 0 || config.jitterNs === 0))
    throw new CommandError(`distribution specified but no latency and jitter values\n${NETEM_USAGE}`, 1);
  if (!correlated) config.duplicateCorrelation = 0;
  return config;
}

function parseSigned(word: string): number | undefined {
  return /^-?\d+$/.test(word) ? Number(word) : undefined;
}

/** " loss 10%" (PRINT_PERCENT) */
function percentText(share: number): string {
  return `${formatSignificant((100 * share) / NETEM_ALWAYS)}%`;
}

export const netem: SchedKind = {
  name: "netem",
  parse: parseNetem,
  create: (dev, handle, options) => new Netem(dev, handle, options as NetemConfig),
  change(sched, options) {
    (sched as Netem).config = options as NetemConfig;
  },
  print(out, sched) {
    const { config } = sched as Netem;
    const share = (key: string, value: number, text = key): void =>
      out.number(key, ` ${text} ${percentText(value)}`, formatSignificant(value / NETEM_ALWAYS));
    const correlation = (value: number, shown = value > 0): void => {
      if (out.json) out.number("correlation", "", formatSignificant(value / NETEM_ALWAYS));
      else if (shown) out.fp(` ${percentText(value)}`);
    };
    const chance = (key: string, value: number, correlated: number, name = key): void => {
      if (value === 0) return;
      out.openObject(key);
      share(name, value);
      correlation(correlated);
      out.closeObject();
    };
    out.any("limit", `limit ${config.limit}`, config.limit);
    if (config.delayNs > 0) {
      out.openObject("delay");
      const seconds = (ns: number): string => formatSignificant(toMicroseconds(ns) / 1e6);
      out.number("delay", ` delay ${ticksText(config.delayNs)}`, seconds(config.delayNs));
      if (out.json) out.number("jitter", "", seconds(config.jitterNs));
      else if (config.jitterNs > 0) out.fp(`  ${ticksText(config.jitterNs)}`);
      correlation(config.delayCorrelation, config.jitterNs > 0 && config.delayCorrelation > 0);
      out.closeObject();
    }
    chance("loss-random", config.loss, config.lossCorrelation, "loss");
    if (config.lossState) {
      out.openObject("loss-state");
      const [p13, p31, p32, p23, p14] = config.lossState;
      share("p13", p13, "loss state p13");
      share("p31", p31);
      share("p32", p32);
      share("p23", p23);
      share("p14", p14);
      out.closeObject();
    }
    if (config.lossGemodel) {
      out.openObject("loss-gemodel");
      const [p, r, h, k1] = config.lossGemodel;
      share("p", p, "loss gemodel p");
      share("r", r);
      share("1-h", NETEM_ALWAYS - h);
      share("1-k", k1);
      out.closeObject();
    }
    chance("duplicate", config.duplicate, config.duplicateCorrelation);
    chance("reorder", config.reorder, config.reorderCorrelation);
    chance("corrupt", config.corrupt, config.corruptCorrelation);
    if (config.rate > 0) {
      const { packetOverhead, cellSize, cellOverhead } = config;
      out.openObject("rate");
      out.any("rate", ` rate ${formatRate(config.rate)}`, config.rate);
      out.js("packetoverhead", packetOverhead);
      if (packetOverhead !== 0) out.fp(` packetoverhead ${packetOverhead}`);
      out.js("cellsize", cellSize);
      if (cellSize !== 0) out.fp(` cellsize ${cellSize}`);
      out.js("celloverhead", cellOverhead);
      if (cellOverhead !== 0) out.fp(` celloverhead ${cellOverhead}`);
      out.closeObject();
    }
    if (config.seed !== null) out.any("seed", ` seed ${config.seed}`, Number(config.seed));
    out.js("ecn", config.ecn);
    if (config.ecn) out.fp(" ecn ");
    out.js("gap", config.gap);
    if (config.gap > 0) out.fp(` gap ${config.gap}`);
  },
};
