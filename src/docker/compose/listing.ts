// ps, ls, images, top, port, logs: what there is of a project. Answers to docker/compose cmd/compose and cmd/formatter.

import type { Task } from "../../sim/task.ts";
import { bool, type Flag, int, string, unsupported } from "../cli/flags.ts";
import { TOP_HEAD, topRows } from "../cli/inspect.ts";
import { portsText } from "../cli/ps.ts";
import { humanDuration, humanSize } from "../clock.ts";
import type { Container } from "../container.ts";
import type { Daemon } from "../daemon.ts";
import { formatList, type ListShape, type Row, tabulate } from "../format.ts";
import { parseReference } from "../images.ts";
import { shortId } from "../names.ts";
import type { GoValue } from "../template/value.ts";
import { type ComposeRun, chosenOf, runningOf, type Subcommand } from "./command.ts";
import { PrefixedFile, prefixes } from "./follow.ts";
import { ComposeError } from "./model.ts";
import { projectOf, serviceOf } from "./project.ts";

const byName = (a: Container, b: Container): number => Number(a.name > b.name) - Number(a.name < b.name);
const alive = ({ running, status }: Container): boolean => running || status === "restarting";

const PS_SHAPE: ListShape = {
  headings: new Map([
    ["Name", "NAME"],
    ["Image", "IMAGE"],
    ["Command", "COMMAND"],
    ["Service", "SERVICE"],
    ["RunningFor", "CREATED"],
    ["Status", "STATUS"],
    ["Ports", "PORTS"],
    ["ID", "CONTAINER ID"],
    ["State", "STATE"],
    ["Project", "PROJECT"],
    ["ExitCode", "EXIT CODE"],
  ]),
  table: "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}",
  json: ["Command", "ExitCode", "ID", "Image", "Name", "Ports", "Project", "RunningFor", "Service", "State", "Status"],
  typeName: "*formatter.ContainerContext",
};

export const ps: Subcommand = {
  name: "ps",
  usage: "ps [OPTIONS] [SERVICE...]",
  summary: "List containers",
  flags: [
    bool("all", "a", "Show all stopped containers (including those created by the run command)"),
    string("format", "", "Format output using a custom template"),
    bool("quiet", "q", "Only display IDs"),
    bool("services", "", "Display services"),
    ...unsupported("filter no-trunc! orphans! status"),
  ],
  *run(run: ComposeRun): Task<number> {
    const { proc, daemon, flags } = run;
    const chosen = chosenOf(run)
      .filter((container) => flags.bool("all") || alive(container))
      .sort(byName);
    if (flags.bool("quiet")) yield* proc.print(chosen.map(({ id }) => `${id}\n`).join(""));
    else if (flags.bool("services"))
      yield* proc.print([...new Set(chosen.map(serviceOf))].map((name) => `${name}\n`).join(""));
    else {
      const rows = chosen.map((container) => psRow(daemon, container));
      yield* proc.print(formatList(rows, flags.string("format"), PS_SHAPE));
    }
    return 0;
  },
};

function psRow(daemon: Daemon, container: Container): Row {
  const now = daemon.now();
  const command = container.argv.join(" ");
  const shown = [...command].length <= 20 ? command : `${[...command].slice(0, 19).join("")}…`;
  return new Map<string, GoValue>([
    ["Name", container.name],
    ["Image", container.request.image],
    ["Command", JSON.stringify(shown)],
    ["Service", serviceOf(container)],
    ["RunningFor", `${humanDuration(Number(now - container.createdNs))} ago`],
    ["Status", container.statusText(now)],
    ["State", container.status],
    ["Ports", portsText(container, daemon.generation.client)],
    ["ID", container.shortId],
    ["Project", projectOf(container)],
    ["ExitCode", container.running ? 0 : container.exitCode],
  ]);
}

const LS_SHAPE: ListShape = {
  headings: new Map([
    ["Name", "NAME"],
    ["Status", "STATUS"],
    ["ConfigFiles", "CONFIG FILES"],
  ]),
  table: "{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}",
  json: ["Name", "Status", "ConfigFiles"],
  typeName: "*formatter.StackContext",
};

export const lsFlags: readonly Flag[] = [
  bool("all", "a", "Show all stopped Compose projects"),
  bool("quiet", "q", "Only display project names"),
  ...unsupported("filter format"),
];

/** `compose ls`: the projects that the daemon has containers of. */
export function listProjects(daemon: Daemon, all: boolean, quiet: boolean): string {
  const projects = new Map<string, Container[]>();
  for (const container of daemon.containers.values()) {
    const project = projectOf(container);
    if (project !== "") projects.set(project, [...(projects.get(project) ?? []), container]);
  }
  const rows = [...projects]
    .filter(([, containers]) => all || containers.some(alive))
    .sort(([a], [b]) => Number(a > b) - Number(a < b))
    .map(([name, containers]): Row => {
      const states = new Map<string, number>();
      for (const { status } of containers) states.set(status, (states.get(status) ?? 0) + 1);
      const label = (container: Container) =>
        container.request.labels.get("com.docker.compose.project.config_files") ?? "";
      return new Map<string, GoValue>([
        ["Name", name],
        [
          "Status",
          [...states]
            .sort()
            .map(([state, count]) => `${state}(${count})`)
            .join(", "),
        ],
        ["ConfigFiles", [...new Set(containers.map(label))].join(",")],
      ]);
    });
  if (quiet) return rows.map((row) => `${String(row.get("Name"))}\n`).join("");
  const cells = rows.map((row) => [...row.values()].join("\t"));
  return tabulate([[...LS_SHAPE.headings.values()].join("\t"), ...cells], 20, 3);
}

export const images: Subcommand = {
  name: "images",
  usage: "images [OPTIONS] [SERVICE...]",
  summary: "List images used by the created containers",
  flags: [bool("quiet", "q", "Only display IDs"), ...unsupported("format")],
  *run(run: ComposeRun): Task<number> {
    const { proc, daemon, flags } = run;
    const chosen = chosenOf(run).sort(byName);
    if (flags.bool("quiet")) {
      yield* proc.print([...new Set(chosen.map(({ image }) => image.id))].map((id) => `sha256:${id}\n`).join(""));
      return 0;
    }
    const lines = chosen.map(({ name, image, request }) => {
      const [repository, tag] = parseReference(request.image);
      const age = `${humanDuration(Number(daemon.now() - image.createdNs))} ago`;
      return [name, repository, tag, "linux/amd64", shortId(image.id), humanSize(image.sizeBytes), age].join("\t");
    });
    const head = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"].join("\t");
    yield* proc.print(tabulate([head, ...lines], 20, 3));
    return 0;
  },
};

export const top: Subcommand = {
  name: "top",
  usage: "top [SERVICES...]",
  summary: "Display the running processes",
  flags: [],
  *run({ proc, daemon, deployment, args }: ComposeRun): Task<number> {
    const chosen = deployment
      .containers()
      .filter((container) => alive(container) && (args.length === 0 || args.includes(serviceOf(container))))
      .sort(byName);
    if (chosen.length === 0) return 0;
    const rows = chosen.flatMap((container) => {
      const number = container.request.labels.get("com.docker.compose.container-number") ?? "1";
      return topRows(daemon, container).map((row) => [serviceOf(container), number, ...row]);
    });
    yield* proc.print(
      tabulate(
        [["SERVICE", "#", ...TOP_HEAD], ...rows].map((row) => row.join("\t")),
        4,
        2,
      ),
    );
    return 0;
  },
};

export const port: Subcommand = {
  name: "port",
  usage: "port [OPTIONS] SERVICE PRIVATE_PORT",
  summary: "Print the public port for a port binding",
  flags: [
    int("index", "", "Index of the container if service has multiple replicas"),
    string("protocol", "", "tcp or udp"),
  ],
  minArgs: 2,
  *run(run: ComposeRun): Task<number> {
    const { proc, flags, args } = run;
    const [service, number] = args as [string, string];
    const protocol = flags.string("protocol", "tcp");
    const container = runningOf(run, service);
    const mappings = container.sandbox?.endpoints.flatMap(({ portMappings }) => portMappings) ?? [];
    const mapping = mappings.find((one) => one.port === Number(number) && one.protocol === protocol);
    if (!mapping)
      throw new ComposeError(
        `no port ${number}/${protocol} for container ${container.name}: ${mappings
          .map((one) => `${one.hostPort}/${one.protocol}`)
          .join(", ")}`,
      );
    yield* proc.print(`${mapping.hostIp}:${mapping.hostPort}\n`);
    return 0;
  },
};

export const logs: Subcommand = {
  name: "logs",
  usage: "logs [OPTIONS] [SERVICE...]",
  summary: "View output from containers",
  flags: [
    bool("follow", "f", "Follow log output"),
    bool("no-log-prefix", "", "Don't print prefix in logs"),
    bool("no-color", "", "Produce monochrome output"),
    string("tail", "n", "Number of lines to show from the end of the logs for each container"),
    ...unsupported("index since timestamps:t! until"),
  ],
  *run(run: ComposeRun): Task<number> {
    const { proc, flags } = run;
    const chosen = chosenOf(run).sort(byName);
    const stdout = proc.fds.get(1);
    if (!stdout) return 0;
    const tail = flags.string("tail", "all");
    const entries = [...prefixes(chosen)].map(([container, prefix]) => ({
      container,
      file: flags.bool("no-log-prefix") ? stdout : new PrefixedFile(prefix, stdout),
    }));
    for (const { container, file } of entries) {
      const all = container.log.entries;
      const shown = /^\d+$/.test(tail) ? all.slice(Math.max(0, all.length - Number(tail))) : all;
      for (const { bytes } of shown) yield* file.write(bytes);
    }
    if (!flags.bool("follow")) return 0;
    for (const { container, file } of entries) container.log.attachments.add({ stdout: file, stderr: file });
    for (const { container } of entries) while (alive(container)) yield* container.changed.wait();
    return 0;
  },
};
