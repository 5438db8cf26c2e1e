// The settings of neighbour discovery on one device, and its entries (struct neigh_parms): net.ipv4.neigh.DEV.*. Answers to
// net/core/neighbour.c (neigh_sysctl_template) and net/ipv4/arp.c (arp_tbl's defaults).

import { LazyMap } from "../../base/lazy.ts";
import { withSetting } from "../../base/settings.ts";
import { MSEC, type Ns, SEC } from "../../base/time.ts";
import type { NeighTable } from "./neigh-table.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Net } from "./net.ts";

/** The settings themselves; never changed, so that all devices with the same ones share a set. */
class NeighSettings {
  mcastProbes = 3;
  ucastProbes = 3;
  appProbes = 0;
  mcastReprobes = 0;
  retransTime: Ns = SEC;
  baseReachableTime: Ns = 30 * SEC;
  delayProbeTime: Ns = 5 * SEC;
  intervalProbeTime: Ns = 5 * SEC;
  gcStaleTime: Ns = 60 * SEC;
  queueLenBytes = 212992;
  proxyQlen = 64;
  anycastDelay: Ns = SEC;
  proxyDelay: Ns = 800 * MSEC;
  lockTime: Ns = SEC;
}

const DEFAULTS: NeighSettings = new NeighSettings();

const NO_FIELDS: readonly NeighField[] = [];
/** never filled */
const NO_ENTRIES: LazyMap<number, Neighbour> = new LazyMap();

export class NeighParms {
  private settings: NeighSettings;
  /** by key as a signed 32-bit number; `add` makes a map of its own */
  entries: LazyMap<number, Neighbour> = NO_ENTRIES;
  /** drawn from baseReachableTime, and when */
  reachableTime: Ns = 30 * SEC;
  lastRand: Ns = 0;
  /** sysctl fields written for this device itself */
  touched: readonly NeighField[] = NO_FIELDS;

  constructor(settings: NeighSettings = DEFAULTS) {
    this.settings = settings;
  }

  copy(): NeighParms {
    return new NeighParms(this.settings);
  }

  add(neigh: Neighbour): void {
    if (this.entries === NO_ENTRIES) this.entries = new LazyMap();
    this.entries.set(neigh.key | 0, neigh);
  }

  set(field: NeighField, value: number): void {
    this.settings = withSetting(this.settings, field, value);
  }

  get mcastProbes(): number {
    return this.settings.mcastProbes;
  }

  get ucastProbes(): number {
    return this.settings.ucastProbes;
  }

  get appProbes(): number {
    return this.settings.appProbes;
  }

  get mcastReprobes(): number {
    return this.settings.mcastReprobes;
  }

  get retransTime(): Ns {
    return this.settings.retransTime;
  }

  get baseReachableTime(): Ns {
    return this.settings.baseReachableTime;
  }

  get delayProbeTime(): Ns {
    return this.settings.delayProbeTime;
  }

  get intervalProbeTime(): Ns {
    return this.settings.intervalProbeTime;
  }

  get gcStaleTime(): Ns {
    return this.settings.gcStaleTime;
  }

  get queueLenBytes(): number {
    return this.settings.queueLenBytes;
  }

  get proxyQlen(): number {
    return this.settings.proxyQlen;
  }

  get anycastDelay(): Ns {
    return this.settings.anycastDelay;
  }

  get proxyDelay(): Ns {
    return this.settings.proxyDelay;
  }

  get lockTime(): Ns {
    return this.settings.lockTime;
  }
}

type NeighField =
  | "mcastProbes"
  | "ucastProbes"
  | "appProbes"
  | "mcastReprobes"
  | "retransTime"
  | "baseReachableTime"
  | "delayProbeTime"
  | "intervalProbeTime"
  | "gcStaleTime"
  | "queueLenBytes"
  | "proxyQlen"
  | "anycastDelay"
  | "proxyDelay"
  | "lockTime";

/** Ticks that user space counts in (USER_HZ). */
const TICK: Ns = 10 * MSEC;
/** What unres_qlen takes a packet for: SKB_TRUESIZE(ETH_FRAME_LEN). */
const FRAME_TRUESIZE = 2090;

/** Sysctl name, field, and its unit in the field's (for times: ns). */
const KEYS: readonly { readonly name: string; readonly field: NeighField; readonly unit: number }[] = [
  { name: "anycast_delay", field: "anycastDelay", unit: TICK },
  { name: "app_solicit", field: "appProbes", unit: 1 },
  { name: "base_reachable_time", field: "baseReachableTime", unit: SEC },
  { name: "base_reachable_time_ms", field: "baseReachableTime", unit: MSEC },
  { name: "delay_first_probe_time", field: "delayProbeTime", unit: SEC },
  { name: "gc_stale_time", field: "gcStaleTime", unit: SEC },
  { name: "interval_probe_time_ms", field: "intervalProbeTime", unit: MSEC },
  { name: "locktime", field: "lockTime", unit: TICK },
  { name: "mcast_resolicit", field: "mcastReprobes", unit: 1 },
  { name: "mcast_solicit", field: "mcastProbes", unit: 1 },
  { name: "proxy_delay", field: "proxyDelay", unit: TICK },
  { name: "proxy_qlen", field: "proxyQlen", unit: 1 },
  { name: "retrans_time", field: "retransTime", unit: TICK },
  { name: "retrans_time_ms", field: "retransTime", unit: MSEC },
  { name: "ucast_solicit", field: "ucastProbes", unit: 1 },
  { name: "unres_qlen", field: "queueLenBytes", unit: FRAME_TRUESIZE },
  { name: "unres_qlen_bytes", field: "queueLenBytes", unit: 1 },
];

/** The keys net.ipv4.neigh.NAME.*, NAME a device or "default" (neigh_sysctl_register). A write to "default" reaches devices never written to. */
export function neighSysctlRegister(table: NeighTable, family: string, name: string): void {
  const { net } = table;
  const dev = net.deviceByName(name);
  const parms = name === "default" ? table.parms : dev?.name === name ? table.knownParms(dev) : undefined;
  if (parms) registerKeys(net, table, family, name, parms);
}

function registerKeys(net: Net, table: NeighTable, family: string, name: string, parms: NeighParms): void {
  for (const { name: key, field, unit } of KEYS)
    net.sysctl.registerInt(
      `net/${family}/neigh/${name}/${key}`,
      () => Math.floor(parms[field] / unit),
      (value) => {
        parms.set(field, value * unit);
        if (field === "baseReachableTime") table.redraw(parms);
        if (parms !== table.parms) {
          if (!parms.touched.includes(field)) parms.touched = [...parms.touched, field];
          return;
        }
        for (const [, other] of table.devices())
          if (!other.touched.includes(field)) {
            other.set(field, value * unit);
            if (field === "baseReachableTime") table.redraw(other);
          }
      },
      0,
    );
  if (parms !== table.parms) return;
  const own = (key: string, get: () => number, set: (value: number) => void): void =>
    net.sysctl.registerInt(`net/${family}/neigh/${name}/${key}`, get, set, 0);
  own(
    "gc_interval",
    () => table.gcInterval / SEC,
    (value) => {
      table.gcInterval = value * SEC;
    },
  );
  own(
    "gc_thresh1",
    () => table.gcThresh1,
    (value) => {
      table.gcThresh1 = value;
    },
  );
  own(
    "gc_thresh2",
    () => table.gcThresh2,
    (value) => {
      table.gcThresh2 = value;
    },
  );
  own(
    "gc_thresh3",
    () => table.gcThresh3,
    (value) => {
      table.gcThresh3 = value;
    },
  );
}
