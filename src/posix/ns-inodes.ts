// The numbers of a process's namespaces, as /proc/PID/ns shows them. Every container has its own: kept as signed numbers,
// because from 2^31 on each would be an object of its own (88 bytes, where a Map took 360).

export const NS_TYPES = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] as const;
export type NsType = (typeof NS_TYPES)[number];

export class NsInodes {
  readonly #cgroup: number;
  readonly #ipc: number;
  readonly #mnt: number;
  readonly #net: number;
  readonly #pid: number;
  readonly #time: number;
  readonly #user: number;
  readonly #uts: number;

  constructor(of: Readonly<Record<NsType, number>>) {
    this.#cgroup = of.cgroup | 0;
    this.#ipc = of.ipc | 0;
    this.#mnt = of.mnt | 0;
    this.#net = of.net | 0;
    this.#pid = of.pid | 0;
    this.#time = of.time | 0;
    this.#user = of.user | 0;
    this.#uts = of.uts | 0;
  }

  get(type: NsType): number {
    return this.all()[type];
  }

  all(): Record<NsType, number> {
    return {
      cgroup: this.#cgroup >>> 0,
      ipc: this.#ipc >>> 0,
      mnt: this.#mnt >>> 0,
      net: this.#net >>> 0,
      pid: this.#pid >>> 0,
      time: this.#time >>> 0,
      user: this.#user >>> 0,
      uts: this.#uts >>> 0,
    };
  }

  /** The same, but for some. */
  with(others: Partial<Record<NsType, number>>): NsInodes {
    return new NsInodes({ ...this.all(), ...others });
  }
}
