// The devices of /dev that scripts use: null, zero, full, random, tty, and the descriptors of the process itself.

import { Errno, NetError } from "../base/errno.ts";
import { NullFile, OpenFile } from "../posix/file.ts";
import type { Process } from "../posix/process.ts";
import { type DeviceNode, dirNode, type SyntheticDirNode, type Vfs } from "../posix/vfs.ts";
import type { Rng } from "../sim/rng.ts";
import { sleep, type Task } from "../sim/task.ts";

/** Making a byte costs a little time, so that who reads without end does not stop the clock. */
const NS_PER_BYTE = 0.1;

class ZeroFile extends OpenFile {
  override *read(max: number): Task<Uint8Array | null> {
    yield* sleep(Math.ceil(max * NS_PER_BYTE));
    return new Uint8Array(max);
  }

  override *write(): Task<void> {}
}

class FullFile extends ZeroFile {
  override *write(): Task<void> {
    throw new NetError(Errno.ENOSPC);
  }
}

class RandomFile extends OpenFile {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    super();
    this.#rng = rng;
  }

  override *read(max: number): Task<Uint8Array | null> {
    yield* sleep(Math.ceil(max * 20 * NS_PER_BYTE));
    return this.#rng.bytes(max);
  }

  override *write(): Task<void> {}
}

function device(open: DeviceNode["open"], mode = 0o666): DeviceNode {
  return { kind: "device", open, mode, mtimeNs: 0 };
}

/** A device that is one of the opener's own descriptors. Throws NetError ENOENT when it is closed. */
function descriptor(fd: number): DeviceNode {
  return device((proc) => {
    const file = proc.fds.get(fd);
    if (!file) throw new NetError(Errno.ENOENT);
    return file.retain();
  }, 0o700);
}

/** /dev/fd and /proc/PID/fd: the descriptors of a process. */
export function descriptorDir(of: (opener: Process) => Process): SyntheticDirNode {
  return {
    kind: "syntheticDir",
    mode: 0o500,
    mtimeNs: 0,
    list: (opener) => [...of(opener).fds.keys()].sort((a, b) => a - b).map(String),
    lookup: (opener, name) => {
      const fd = /^\d+$/.test(name) ? Number(name) : -1;
      const owner = of(opener);
      if (!owner.fds.has(fd)) return undefined;
      return owner === opener
        ? descriptor(fd)
        : device(() => {
            const file = owner.fds.get(fd);
            if (!file) throw new NetError(Errno.ENOENT);
            return file.retain();
          });
    },
  };
}

/** Puts /dev into a root. */
export function populateDev(vfs: Vfs): void {
  vfs.put("/dev", dirNode());
  vfs.put(
    "/dev/null",
    device(() => new NullFile()),
  );
  vfs.put(
    "/dev/zero",
    device(() => new ZeroFile()),
  );
  vfs.put(
    "/dev/full",
    device(() => new FullFile()),
  );
  const random = device((proc) => new RandomFile(proc.machine.rng));
  vfs.put("/dev/random", random);
  vfs.put("/dev/urandom", random);
  vfs.put(
    "/dev/tty",
    device((proc) => {
      for (const fd of [2, 1, 0]) {
        const file = proc.fds.get(fd);
        if (file?.isTty) return file.retain();
      }
      throw new NetError(Errno.ENXIO);
    }),
  );
  vfs.put("/dev/stdin", descriptor(0));
  vfs.put("/dev/stdout", descriptor(1));
  vfs.put("/dev/stderr", descriptor(2));
  vfs.put(
    "/dev/fd",
    descriptorDir((opener) => opener),
  );
}
