// The moment that a capture gives a frame, and how a frame gets from a packet into one.

import { MSEC, type Ns, SEC } from "../../base/time.ts";
import type { CaptureWriter } from "../../capture/writer.ts";
import { type SkBuff, TAP_VIEW } from "./skb.ts";

/** What tells the time: virtual time, and when that began, in milliseconds since 1970. */
interface Clock {
  readonly sim: { readonly now: Ns };
  readonly epochMs: number;
}

/**
 * When the frame that was captured last was seen. A CPU whose step began earlier may be behind the one that was seen last: stamps never go
 * back. Seconds and nanoseconds are kept apart, so that taps hand on integers (see capture/writer.ts) and do not divide.
 */
export class CaptureStamp {
  private readonly clock: Clock;
  /** virtual time */
  ns: Ns = Number.NEGATIVE_INFINITY;
  /** since 1970, and nanoseconds into that second */
  seconds = 0;
  nanoseconds = 0;
  /** virtual time when that second began */
  private secondNs: Ns = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A frame is seen now. */
  advance(): void {
    const { now } = this.clock.sim;
    if (now <= this.ns) return;
    this.ns = now;
    const into = now - this.secondNs;
    if (into < SEC) this.nanoseconds = into | 0;
    else this.#nextSecond();
  }

  #nextSecond(): void {
    const { epochMs } = this.clock;
    const epochSeconds = Math.floor(epochMs / 1000);
    const passed = this.ns + (epochMs - epochSeconds * 1000) * MSEC;
    const whole = Math.floor(passed / SEC);
    this.seconds = epochSeconds + whole;
    this.nanoseconds = (passed - whole * SEC) | 0;
    this.secondNs = this.ns - this.nanoseconds;
  }
}

/** A loop over words is faster up to here (CaptureWriter.writeWords; `npm run bench`: forward_60B_pcap). */
const MOST_BY_WORDS = 128;

/** Writes a frame as a tap sees it. */
export function captureFrame(writer: CaptureWriter, skb: SkBuff, { seconds, nanoseconds }: CaptureStamp): void {
  const { data } = skb;
  const length = skb.tail - data;
  if (length <= MOST_BY_WORDS) writer.writeWords(skb.words, data, length, seconds, nanoseconds);
  else writer.writeView(skb.view(TAP_VIEW, data, length), seconds, nanoseconds);
}
