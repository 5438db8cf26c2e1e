// What Docker's steps take, measured on the machine of the recordings, for each generation: so that a capture's gaps
// resemble its.

import { MSEC, type Ns } from "../base/time.ts";

export interface Costs {
  /** From the client's start to its request, and from the daemon's answer to the client's end. */
  readonly clientBefore: Ns;
  readonly clientAfter: Ns;
  /** `docker create`: file system and records. */
  readonly create: Ns;
  /** Before the container's endpoints: mounts. */
  readonly prepare: Ns;
  /** Each interface of a container, besides its rules. */
  readonly endpoint: Ns;
  /** containerd and runc make the namespaces. */
  readonly runcCreate: Ns;
  /** From the interfaces' being there to the program's first instruction, and from then to the daemon's answer. */
  readonly runcStart: Ns;
  readonly started: Ns;
  /** The same for a container that shares another's network. */
  readonly sharedCreate: Ns;
  /**
   * From the end of a container's program to the event that locks the container, to the daemon's taking its network down,
   * and what that takes.
   */
  readonly exitEvent: Ns;
  readonly exitNoticed: Ns;
  readonly cleanup: Ns;
  /** exec: from the request to the program, and from its end to the answer. */
  readonly execStart: Ns;
  readonly execEnd: Ns;
  /** A network's bridge, besides its rules. */
  readonly networkCreate: Ns;
  readonly networkRemove: Ns;
  /** connect and disconnect, besides rules: before the interface and after it. */
  readonly networkConnect: Ns;
  readonly networkConnected: Ns;
  readonly pause: Ns;
  readonly remove: Ns;
  readonly copy: Ns;
  readonly pull: Ns;
}

export const costs20: Costs = {
  clientBefore: 8 * MSEC,
  clientAfter: 3 * MSEC,
  create: 5 * MSEC,
  prepare: 10 * MSEC,
  endpoint: 45 * MSEC,
  runcCreate: 55 * MSEC,
  runcStart: 35 * MSEC,
  started: 20 * MSEC,
  sharedCreate: 10 * MSEC,
  exitEvent: 12 * MSEC,
  exitNoticed: 50 * MSEC,
  cleanup: 25 * MSEC,
  execStart: 35 * MSEC,
  execEnd: 6 * MSEC,
  networkCreate: 8 * MSEC,
  networkRemove: 130 * MSEC,
  networkConnect: 25 * MSEC,
  networkConnected: 30 * MSEC,
  pause: 8 * MSEC,
  remove: 15 * MSEC,
  copy: 40 * MSEC,
  pull: 1500 * MSEC,
};

export const costs28: Costs = {
  ...costs20,
  clientBefore: 14 * MSEC,
  clientAfter: 4 * MSEC,
  create: 25 * MSEC,
  prepare: 108 * MSEC,
  endpoint: 0,
  runcCreate: 2 * MSEC,
  runcStart: 6 * MSEC,
  started: 5 * MSEC,
  execStart: 65 * MSEC,
  execEnd: 10 * MSEC,
  networkConnect: 45 * MSEC,
  networkConnected: 10 * MSEC,
};
