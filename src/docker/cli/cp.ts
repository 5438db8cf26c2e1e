// docker cp between a container and the client's file system. Answers to docker/cli cli/command/container/cp.go; archives on
// stdin and stdout are refused by name.

import { NetError } from "../../base/errno.ts";
import type { Process } from "../../posix/process.ts";
import { joinPath, type Vfs, type VfsNode } from "../../posix/vfs.ts";
import { sleep, type Task } from "../../sim/task.ts";
import type { Container } from "../container.ts";
import { DaemonError } from "../errors.ts";
import { copyNode } from "../rootfs.ts";
import { ClientError, type Command, type Context } from "./command.ts";

interface Side {
  readonly container: Container | undefined;
  readonly root: Vfs;
  /** a process whose folder relative paths start from */
  readonly proc: Process;
  readonly path: string;
}

export const cp: Command = {
  name: "cp",
  supports: "quiet",
  args: { min: 2, max: 2 },
  *run(context: Context): Task<number> {
    const [from, to] = context.args.map((text) => side(context, text)) as [Side, Side];
    if (from.container && to.container) throw new ClientError("copying between containers is not supported");
    if (!from.container && !to.container) throw new ClientError("must specify at least one container source");
    yield* sleep(context.daemon.generation.costs.copy);
    const source = lookup(from);
    if (!source) {
      throw new ClientError(
        from.container
          ? context.client.noSuchPath(from.container.name, from.path, true)
          : `lstat ${joinPath(from.proc.cwd, from.path)}: no such file or directory`,
      );
    }
    const target = lookup(to);
    const name = from.path.replace(/\/+$/, "").split("/").at(-1)!;
    const wished = joinPath(to.container ? "/" : to.proc.cwd, to.path);
    if (target?.kind !== "dir" && to.path.endsWith("/")) throw new ClientError(`no such directory`);
    to.root.put(target?.kind === "dir" ? joinPath(wished, name) : wished, copyNode(source));
    return 0;
  },
};

function side(context: Context, text: string): Side {
  const { proc } = context;
  const colon = text.indexOf(":");
  if (text === "-") throw new ClientError("vethlab does not support archives in docker cp");
  if (colon > 0 && !text.startsWith("/") && !text.startsWith(".")) {
    const name = text.slice(0, colon);
    const path = joinPath("/", text.slice(colon + 1));
    let container: Container;
    try {
      container = context.daemon.findContainer(name);
    } catch (error) {
      if (!(error instanceof DaemonError) || error.status !== 404) throw error;
      throw new ClientError(context.client.noSuchPath(name, path, false));
    }
    return { container, root: container.rootfs, proc, path };
  }
  return { container: undefined, root: proc.root, proc, path: text };
}

function lookup({ root, proc, path, container }: Side): VfsNode | undefined {
  try {
    return root.find(proc, container ? path : joinPath(proc.cwd, path));
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  }
}
