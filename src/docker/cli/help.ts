// What `docker --help`, `docker GROUP --help` and `docker COMMAND --help` print. Answers to docker/cli cli/cobra.go
// (usageTemplate, helpTemplate).

import { describeFlags } from "./flags.ts";
import { type GenerationName, type Listing, listingOf, pageOf } from "./manual/pages.ts";

/** "cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-", a line for each way to use a command */
export function usageOf(name: string, generation: GenerationName): string {
  const [first, ...others] = pageOf(name, generation).usages;
  const own = `${name}${first === "" ? "" : ` ${first}`}`;
  return [own, ...others.map((usage) => `docker ${name.split(" ").at(-1)} ${usage}`)].join("\n\t");
}

/** Older help texts begin with an empty line. */
const opening = (generation: GenerationName): string => (generation === "20" ? "\n" : "");

export function commandHelp(name: string, generation: GenerationName): string {
  const { summary, more, aliases, flags } = pageOf(name, generation);
  const parts = [`Usage:  docker ${usageOf(name, generation)}\n`, `${summary}\n`];
  if (more !== "") parts.push(`${more}\n`);
  if (aliases !== "") parts.push(`Aliases:\n  ${aliases}\n`);
  const options = describeFlags(flags);
  if (options !== "") parts.push(`Options:\n${options}`);
  return opening(generation) + parts.join("\n");
}

export function groupHelp(name: string, generation: GenerationName): string {
  const { summary, commands } = listingOf(name, generation)!;
  return `${opening(generation)}Usage:  docker ${name} COMMAND\n\n${summary}\n\nCommands:\n${columns(commands)}\nRun 'docker ${name} COMMAND --help' for more information on a command.\n`;
}

const SECTIONS: readonly (readonly [section: string, title: string])[] = [
  ["common", "Common Commands"],
  ["management", "Management Commands"],
  ["swarm", "Swarm Commands"],
  ["commands", "Commands"],
];

/**
 * @param plain the usage that follows a wrong flag: it does not know the command that makes completions
 */
export function mainHelp(generation: GenerationName, plain: boolean): string {
  const { summary, commands } = listingOf("docker", generation)!;
  const listed = commands
    .filter(({ name }) => !(plain && name === "completion"))
    .map((command) => (command.name === "compose" ? { ...command, name: "compose*" } : command));
  const sections = SECTIONS.flatMap(([section, title]) => {
    const own = listed.filter((command) => command.section === section);
    return own.length === 0 ? [] : [`${title}:\n${columns(own)}\n`];
  }).join("");
  const parts =
    generation === "20" ? `Options:\n${OPTIONS_20}\n${sections}` : `${sections}Global Options:\n${OPTIONS_28}\n`;
  const end =
    generation === "20"
      ? "To get more help with docker, check out our guides at"
      : "For more help on how to use Docker, head to";
  return `${opening(generation)}Usage:  docker [OPTIONS] COMMAND\n\n${summary}\n\n${parts}Run 'docker COMMAND --help' for more information on a command.\n\n${end} https://docs.docker.com/go/guides/\n`;
}

/** cobra's least width of a name */
const NAME_WIDTH = 10;

function columns(commands: Listing["commands"]): string {
  const width = Math.max(NAME_WIDTH, ...commands.map(({ name }) => name.length));
  return commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`).join("");
}

const TLS = `      --tls                Use TLS; implied by --tlsverify
      --tlscacert string   Trust certs signed only by this CA (default
                           "/root/.docker/ca.pem")
      --tlscert string     Path to TLS certificate file (default
                           "/root/.docker/cert.pem")
      --tlskey string      Path to TLS key file (default
                           "/root/.docker/key.pem")
      --tlsverify          Use TLS and verify the remote
  -v, --version            Print version information and quit
`;
const CLIENT = `      --config string      Location of client config files (default
                           "/root/.docker")
  -c, --context string     Name of the context to use to connect to the
                           daemon (overrides DOCKER_HOST env var and
                           default context set with "docker context use")
  -D, --debug              Enable debug mode
`;
const OPTIONS_20 = `${CLIENT}  -H, --host list          Daemon socket(s) to connect to
  -l, --log-level string   Set the logging level
                           ("debug"|"info"|"warn"|"error"|"fatal")
                           (default "info")
${TLS}`;
const OPTIONS_28 = `${CLIENT}  -H, --host string        Daemon socket to connect to
  -l, --log-level string   Set the logging level ("debug", "info",
                           "warn", "error", "fatal") (default "info")
${TLS}`;
