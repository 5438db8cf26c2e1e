// Starts a figure's process, asks it for rounds, and makes medians of them.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { COMPILE_ALIKE } from "../../src/node/v8-flags.ts";
import type { Figure } from "../figures/figure.ts";

export interface Question {
  /** measure for so long */
  readonly ms: number;
  /** or: was the work done right? The process ends afterwards. */
  readonly check?: boolean;
}

export type Answer =
  | { readonly ready: true }
  | { readonly checked: true }
  | { readonly value: number; readonly calibration: number }
  | Round;

/** Runs that were measured one after the other, and the calibration around them. */
export interface Round {
  readonly perSecond: readonly number[];
  /** units per second of processor time, all threads together */
  readonly perCpuSecond?: number;
  readonly calibration: number;
}

export interface Result {
  readonly figure: Figure;
  readonly median: number;
  /** lowest and highest quarter */
  readonly low: number;
  readonly high: number;
  /** loops a millisecond around the measurement: what the machine did then */
  readonly calibration: number;
  /** the figure in units of the calibration; what two runs are compared by */
  readonly scaled: number;
}

const ROUNDS = 10;
const ROUND_MS = 200;

/**
 * Each figure in a process of its own, or values of as many fresh processes as it wants. Processes are asked for rounds in turn: where the
 * machine's speed drifts, figures are of the same minutes then, and what they say of each other holds (1,000 flows beside one).
 */
export async function measure(figures: readonly Figure[]): Promise<Result[]> {
  const rounds: Map<Figure, Round[]> = new Map();
  const running: Map<Figure, FigureProcess> = new Map();
  try {
    for (const figure of figures) {
      rounds.set(figure, []);
      for (let i = 0; i < (figure.repeat ?? 1); i++) {
        const process = new FigureProcess(figure);
        running.set(figure, process);
        // nothing else runs while it warms up
        const answer = await process.started();
        if (!("value" in answer)) break;
        running.delete(figure);
        rounds.get(figure)!.push({ perSecond: [answer.value], calibration: answer.calibration });
      }
    }
    for (let i = 0; i < ROUNDS; i++)
      for (const [figure, process] of running) rounds.get(figure)!.push(await process.round(ROUND_MS));
    for (const process of running.values()) await process.end();
    running.clear();
  } finally {
    for (const process of running.values()) process.stop();
  }
  return figures.map((figure) => summary(figure, rounds.get(figure)!));
}

export function summary(figure: Figure, rounds: readonly Round[]): Result {
  const all = rounds.flatMap(({ perSecond }) => perSecond).sort((a, b) => a - b);
  const [low, median, high] = [0.25, 0.5, 0.75].map((part) => all[Math.floor(all.length * part)]!);
  const calibration = Math.max(...rounds.map((one) => one.calibration));
  // Medians follow the load of the machine. The best tenth of the runs beside the best calibration hardly does.
  const undisturbed = all[Math.floor(all.length * (figure.lower ? 0.1 : 0.9))]!;
  const scaled = scale(figure, undisturbed, calibration);
  return { figure, median: median!, low: low!, high: high!, calibration, scaled };
}

/** A figure as a faster or slower machine would have it; bytes and ratios are the same on each. */
function scale(figure: Figure, value: number, calibration: number): number {
  if (figure.unit.endsWith("/s")) return value / calibration;
  return figure.unit === "ms" ? value * calibration : value;
}

export class FigureProcess {
  private readonly child: ChildProcess;
  private readonly key: string;

  constructor({ key, once }: Figure) {
    this.key = key;
    this.child = fork(fileURLToPath(new URL("./figure-process.js", import.meta.url)), [key], {
      execArgv: once ? [] : [COMPILE_ALIKE, "--expose-gc"],
    });
  }

  /** The world is built and the code is warm; or the value, where that is all. */
  started(): Promise<Answer> {
    return this.next();
  }

  async round(ms: number): Promise<Round> {
    this.child.send({ ms } satisfies Question);
    return (await this.next()) as Round;
  }

  /** Throws when the work was not done right. */
  async end(): Promise<void> {
    this.child.send({ ms: 0, check: true } satisfies Question);
    await this.next();
  }

  /** When something went wrong elsewhere; harmless when it has ended. */
  stop(): void {
    this.child.kill();
  }

  private next(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`${this.key}: ended with ${code}, see above`));
      this.child.once("exit", ended);
      this.child.once("message", (message: Answer) => {
        this.child.off("exit", ended);
        resolve(message);
      });
    });
  }
}
