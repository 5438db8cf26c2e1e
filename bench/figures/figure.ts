// One figure of the table: a batch of work that is done again and again, and what must be true afterwards.

export interface Batch {
  /** does the work once */
  readonly run: () => void;
  /** units in one run: frames, connections … */
  readonly units: number;
  /** before each run, not timed */
  readonly before?: () => void;
  /** afterwards; throws when the work was not done right */
  readonly check?: () => void;
}

export interface Figure {
  /** the key in --json: "forward_60B" */
  readonly key: string;
  readonly title: string;
  /** what is counted, per second; or what one has, for figures of memory */
  readonly unit: string;
  /** builds the world; a batch to time, or a measured value */
  readonly prepare: () => Promise<Batch | number>;
  /** of a measured value: in how many fresh processes; once when absent */
  readonly repeat?: number;
  /** work that a process does once, while V8 still compiles it: beside it, as in a user's process */
  readonly once?: boolean;
  /** less is better */
  readonly lower?: boolean;
}
