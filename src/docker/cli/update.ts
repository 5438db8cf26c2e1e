// docker update: the restart policy; limits of resources are refused by name. Answers to docker/cli
// cli/command/container/update.go and moby daemon/update.go.

import type { Task } from "../../sim/task.ts";
import { validateRestartPolicy } from "../container-checks.ts";
import { conflict } from "../errors.ts";
import { ClientError, type Command, type Context } from "./command.ts";
import { restartPolicy } from "./container-options.ts";

export const update: Command = {
  name: "update",
  supports: "restart",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    const { flags, daemon } = context;
    if (!flags.given("restart")) throw new ClientError("you must provide one or more flags when using this command");
    const policy = restartPolicy(flags.string("restart"));
    return yield* context.each(context.args, function* (name) {
      validateRestartPolicy(policy, daemon.generation.texts);
      const container = daemon.findContainer(name);
      if (container.request.autoRemove && policy.name !== "no")
        throw conflict("Restart policy cannot be updated because AutoRemove is enabled for the container");
      container.request = { ...container.request, restart: policy };
      yield* nothing();
      return name;
    });
  },
};

function* nothing(): Task<void> {}
