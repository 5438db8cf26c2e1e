// Addresses that were given for a time (valid_lft, preferred_lft): from when on one is deprecated, and when it goes. Answers
// to net/ipv4/devinet.c: set_ifa_lifetime, check_lifetime.

import { Errno, NetError } from "../../base/errno.ts";
import { MSEC, type Ns, SEC } from "../../base/time.ts";
import type { Timer } from "../../sim/sim.ts";
import { wheelExpiry } from "../core/timer-wheel.ts";
import { IFA_F_DEPRECATED, IFA_F_PERMANENT, INFINITY_LIFE_TIME, type InIfaddr, inDevOf } from "./devconf.ts";
import type { Ipv4 } from "./ipv4.ts";

/** ADDRCONF_TIMER_FUZZ: so much later a full second will do. */
const FUZZ: Ns = 250 * MSEC;
/** ADDRCONF_TIMER_FUZZ_MAX: the least time between two looks. */
const FUZZ_MAX: Ns = SEC;
/** ADDRCONF_TIMER_FUZZ_MINUS: ages are rounded up by this. */
const FUZZ_MINUS: Ns = 20 * MSEC;
/** ADDR_CHECK_FREQUENCY */
const CHECK_FREQUENCY: Ns = 120 * SEC;

/** Life times in seconds as a user gives them; undefined is for ever. Throws EINVAL. */
export function setIfaLifetime(ip4: Ipv4, ifa: InIfaddr, valid?: number, preferred?: number): void {
  const validLft = valid ?? INFINITY_LIFE_TIME;
  const preferredLft = preferred ?? INFINITY_LIFE_TIME;
  if (validLft === 0 || preferredLft > validLft) throw new NetError(Errno.EINVAL, "ipv4: address lifetime invalid");
  ifa.flags &= ~(IFA_F_PERMANENT | IFA_F_DEPRECATED);
  if (validLft === INFINITY_LIFE_TIME) ifa.flags |= IFA_F_PERMANENT;
  if (preferredLft === 0) ifa.flags |= IFA_F_DEPRECATED;
  ifa.validLft = validLft;
  ifa.preferredLft = preferredLft;
  ifa.changedNs = ip4.net.now;
}

/** Looks at every address of the namespace whose time may have come, and again when the next one's comes. */
export class IfaddrLifetimes {
  private readonly ip4: Ipv4;
  private readonly delete: (ifa: InIfaddr) => void;
  private readonly timer: Timer;

  /** @param del takes an address away */
  constructor(ip4: Ipv4, del: (ifa: InIfaddr) => void) {
    this.ip4 = ip4;
    this.delete = del;
    this.timer = ip4.net.sim.timer(() => this.#check());
  }

  /** An address came or got other life times: look soon (mod_delayed_work 0). */
  kick(ifa: InIfaddr): void {
    if (ifa.validLft !== INFINITY_LIFE_TIME || this.timer.pending) this.timer.after(0);
  }

  /** check_lifetime */
  #check(): void {
    const { now } = this.ip4.net;
    let next = now + CHECK_FREQUENCY;
    let mortal = false;
    for (const ifa of this.#mortals()) {
      const age = Math.floor((now - ifa.changedNs + FUZZ_MINUS) / SEC);
      if (age >= ifa.validLft) {
        this.delete(ifa);
        continue;
      }
      mortal = true;
      if (ifa.preferredLft === INFINITY_LIFE_TIME) {
        next = Math.min(next, ifa.changedNs + ifa.validLft * SEC);
      } else if (age >= ifa.preferredLft) {
        next = Math.min(next, ifa.changedNs + ifa.validLft * SEC);
        ifa.flags |= IFA_F_DEPRECATED;
      } else next = Math.min(next, ifa.changedNs + ifa.preferredLft * SEC);
    }
    if (!mortal) return;
    const second = Math.ceil(next / SEC) * SEC;
    if (second < next + FUZZ) next = second;
    this.timer.mod(wheelExpiry(now, Math.max(next, now + FUZZ_MAX)));
  }

  #mortals(): InIfaddr[] {
    const out: InIfaddr[] = [];
    for (const dev of this.ip4.net.devices.values())
      for (const ifa of inDevOf(dev)?.addrs ?? []) if (!(ifa.flags & IFA_F_PERMANENT)) out.push(ifa);
    return out;
  }
}
