// How dockerd programs the firewall: by running iptables with words, asking with -C before it adds, as libnetwork's
// iptables package does. What a command costs is counted, so that whoever called can let that much time pass.

import { MSEC, type Ns } from "../base/time.ts";
import { DaemonError } from "./errors.ts";

/** Runs one iptables command line in a namespace: exit status and what it wrote to stderr. */
export type RunIptables = (argv: readonly string[]) => { readonly status: number; readonly stderr: string };

/** One run of iptables on the machine of the recordings. */
const COST_NS: Ns = 2 * MSEC;

export class Iptables {
  readonly #run: RunIptables;
  #pendingNs: Ns = 0;

  constructor(run: RunIptables) {
    this.#run = run;
  }

  /** Runs `iptables --wait …`; true when it succeeded. */
  try(...args: readonly string[]): boolean {
    this.#pendingNs += COST_NS;
    return this.#run(["iptables", "--wait", ...args]).status === 0;
  }

  /** Runs it, and throws DaemonError when it fails. */
  must(...args: readonly string[]): void {
    this.#pendingNs += COST_NS;
    const { status, stderr } = this.#run(["iptables", "--wait", ...args]);
    if (status !== 0)
      throw new DaemonError(` (iptables failed: iptables --wait ${args.join(" ")}: ${stderr} (exit status ${status}))`);
  }

  exists(table: string, chain: string, rule: readonly string[]): boolean {
    return this.try("-t", table, "-C", chain, ...rule);
  }

  /** -I or -A unless the rule is there. `named` writes "-t filter" too, as some of dockerd's calls do. */
  add(
    how: "-I" | "-A",
    table: string,
    chain: string,
    rule: readonly string[],
    named: boolean = table !== "filter",
  ): void {
    if (this.exists(table, chain, rule)) return;
    this.must(...(named ? ["-t", table] : []), how, chain, ...rule);
  }

  /** -D if the rule is there. */
  remove(table: string, chain: string, rule: readonly string[], named: boolean = table !== "filter"): void {
    if (!this.exists(table, chain, rule)) return;
    this.must(...(named ? ["-t", table] : []), "-D", chain, ...rule);
  }

  /** -N unless the chain is there. */
  chain(table: string, name: string): void {
    if (!this.try("-t", table, "-n", "-L", name)) this.must("-t", table, "-N", name);
  }

  /** The jump comes first in the chain: deleted where it is, inserted again (EnsureJumpRule). */
  jumpFirst(chain: string, target: string): void {
    const rule = ["-j", target];
    if (this.exists("filter", chain, rule)) this.must("-D", chain, ...rule);
    this.must("-I", chain, ...rule);
  }

  /** Time that was spent elsewhere on this account. */
  addCost(ns: Ns): void {
    this.#pendingNs += ns;
  }

  /** The time that the commands since the last call took. */
  takeCost(): Ns {
    const cost = this.#pendingNs;
    this.#pendingNs = 0;
    return cost;
  }
}
