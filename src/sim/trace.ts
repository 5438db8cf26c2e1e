// What happened to packets, for those who want to know: a sink that costs one comparison when nobody listens.

/** One moment in a packet's life. All numbers are plain; texts are Linux names. */
export interface TraceEvent {
  readonly timeNs: number;
  readonly netns: string;
  /** kernel function in camel case, e.g. `ipForward` */
  readonly where: string;
  readonly dev: string;
  /** identity of the packet, kept by clones of the same frame */
  readonly packet: number;
  /** e.g. a drop reason or a verdict */
  readonly detail: string;
}

export type TraceSink = (event: TraceEvent) => void;
