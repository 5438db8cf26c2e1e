// What Docker's steps take, measured on the machine of the recordings with 20.10: so that a capture's gaps resemble its.

import { MSEC, type Ns } from "../base/time.ts";

/** From the shell's fork to the request at the daemon, and from its answer to the client's end. */
export const CLIENT_BEFORE_NS: Ns = 8 * MSEC;
export const CLIENT_AFTER_NS: Ns = 3 * MSEC;
/** `docker create`: file system and records. */
export const CREATE_NS: Ns = 5 * MSEC;
/** Before the endpoint's interfaces: mounts. */
export const PREPARE_NS: Ns = 12 * MSEC;
/** containerd and runc make the namespaces; then the interfaces move in. */
export const RUNC_CREATE_NS: Ns = 70 * MSEC;
/** From the interfaces to the program's first instruction. */
export const RUNC_START_NS: Ns = 35 * MSEC;
/** From then to the daemon's answer. */
export const STARTED_NS: Ns = 20 * MSEC;
/** A joining container that shares another's network starts sooner. */
export const SHARED_CREATE_NS: Ns = 10 * MSEC;
/** From the end of a container's program to the daemon's taking its network down. */
export const EXIT_NOTICED_NS: Ns = 35 * MSEC;
export const CLEANUP_NS: Ns = 40 * MSEC;
/** exec: from the request to the program, and from its end to the answer. */
export const EXEC_START_NS: Ns = 35 * MSEC;
export const EXEC_END_NS: Ns = 6 * MSEC;
/** A network's bridge, besides its rules. */
export const NETWORK_CREATE_NS: Ns = 8 * MSEC;
export const NETWORK_REMOVE_NS: Ns = 60 * MSEC;
/** connect and disconnect, besides rules. */
export const NETWORK_CONNECT_NS: Ns = 40 * MSEC;
/** Ends a container that does not answer its stop signal. */
export const PAUSE_NS: Ns = 8 * MSEC;
export const REMOVE_NS: Ns = 15 * MSEC;
export const COPY_NS: Ns = 40 * MSEC;
export const PULL_NS: Ns = 1500 * MSEC;
