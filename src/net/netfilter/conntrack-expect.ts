// Expectations: connections that a helper has read about in another one, and which belong to it when they come. Answers to
// net/netfilter/nf_conntrack_expect.c. Only helpers make them here; users do not.

import { SEC } from "../../base/time.ts";
import type { Conntrack } from "./conntrack.ts";
import type { Tuple } from "./tuple.ts";

/** What a helper allows (struct nf_conntrack_expect_policy). */
export interface ExpectPolicy {
  readonly maxExpected: number;
  /** seconds */
  readonly timeout: number;
}

export interface ConntrackHelper {
  readonly name: string;
  readonly protonum: number;
  readonly policy: ExpectPolicy;
}

/** One expected connection: from any port of one address to one port of another. */
export interface Expectation {
  /** the connection that announced it */
  readonly master: number;
  readonly helper: ConntrackHelper;
  readonly protonum: number;
  /** signed, as in tuples */
  readonly src: number;
  readonly dst: number;
  port: number;
  /** the port that the packet named before it was translated */
  savedPort: number;
  /** direction of the master in which the expected connection's first packet goes */
  dir: 0 | 1;
  /** virtual ns when it is given up */
  timeout: number;
  /** what makes of the new connection what the master is: translated alike; null: nothing */
  readonly follow: ((conn: number, exp: Expectation) => void) | null;
}

export type ExpectListener = (event: "new" | "destroy", exp: Expectation) => void;

export class ExpectTable {
  private readonly ct: Conntrack;
  readonly list: Expectation[] = [];
  private readonly listeners: Set<ExpectListener> = new Set();

  constructor(ct: Conntrack) {
    this.ct = ct;
  }

  /** Those that have not been given up. */
  get living(): readonly Expectation[] {
    this.#expire();
    return this.list;
  }

  #expire(): void {
    for (const exp of [...this.list]) if (exp.timeout <= this.ct.now) this.remove(exp);
  }

  /** nf_ct_expect_related. False: another connection expects the same. */
  add(exp: Expectation): boolean {
    this.#expire();
    for (const other of [...this.list]) {
      if (!sameTarget(other, exp)) continue;
      if (other.master !== exp.master) return false;
      this.remove(other);
    }
    const own = this.list.filter(({ master }) => master === exp.master);
    if (own.length >= exp.helper.policy.maxExpected) this.remove(own[0]!);
    exp.timeout = this.ct.now + exp.helper.policy.timeout * SEC;
    this.list.push(exp);
    for (const listener of this.listeners) listener("new", exp);
    return true;
  }

  remove(exp: Expectation): void {
    const at = this.list.indexOf(exp);
    if (at < 0) return;
    this.list.splice(at, 1);
    for (const listener of this.listeners) listener("destroy", exp);
  }

  /** The expectation that a first packet fulfils; it is used up by that (nf_ct_find_expectation). */
  take(tuple: Tuple): Expectation | undefined {
    this.#expire();
    const exp = this.list.find(
      ({ protonum, src, dst, port }) =>
        protonum === tuple.protonum && src === tuple.src && dst === tuple.dst && port === tuple.dstU,
    );
    if (exp) this.remove(exp);
    return exp;
  }

  /** The master ends: nothing more is expected on its account (nf_ct_remove_expectations). */
  removeOf(master: number): void {
    for (const exp of [...this.list]) if (exp.master === master) this.remove(exp);
  }

  clear(): void {
    for (const exp of [...this.list]) this.remove(exp);
  }

  listen(listener: ExpectListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

function sameTarget(a: Expectation, b: Expectation): boolean {
  return a.protonum === b.protonum && a.src === b.src && a.dst === b.dst && a.port === b.port;
}
