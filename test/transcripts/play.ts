// Plays a transcript's commands on vethlab: in a script, and typed at the prompt of a session.

import { DesertedTerminal } from "../../src/posix/file.ts";
import { runScenario } from "../../src/scenario/run.ts";
import { ShellSession } from "../../src/scenario/session.ts";
import { parseSession, type Step, scriptOf } from "../docker/sessions.ts";
import { normal } from "./transcripts.ts";

/** All commands in one script that is started by hand. */
export async function inScript(commands: readonly string[]): Promise<readonly Step[]> {
  const decoder = new TextDecoder();
  let text = "";
  const write = (bytes: Uint8Array): void => {
    text += decoder.decode(bytes, { stream: true });
  };
  const script = scriptOf(commands.map((command) => ({ command, output: "" })));
  await runScenario({ script, name: "transcript.sh", stdin: new DesertedTerminal(), stdout: write, stderr: write });
  return parseSession(normal(text)).steps;
}

/** Each command typed at a terminal, the next one when the prompt is back. */
export async function atPrompt(commands: readonly string[]): Promise<readonly Step[]> {
  const decoder = new TextDecoder();
  let screen = "";
  const session = new ShellSession({
    script: { name: "bare", text: "" },
    terminal: { columns: 10_000, rows: 50 },
    stdout: (bytes) => {
      screen += decoder.decode(bytes, { stream: true });
    },
    stderr: () => {},
  });
  await session.begin();
  const enter = async (line: string): Promise<string> => {
    screen = "";
    session.type(new TextEncoder().encode(`${line}\r`));
    while ((await session.run(true)) === "more");
    return screen.slice(screen.indexOf("\n") + 1).replace(/root@docker-host:\S* $/, "");
  };
  // the recording machine's dockerd ran before anything else
  await enter("docker ps >/dev/null");
  const steps: Step[] = [];
  for (const command of commands) {
    const output = await enter(command);
    const status = (await enter("echo [$?]")).trim();
    steps.push({ command, output: normal(`${withoutJobs(output)}${status}\n`) });
  }
  await session.end();
  return steps;
}

/** What an interactive shell says of its jobs, and a script's does not. */
function withoutJobs(output: string): string {
  return output.replace(/^\[\d+\]( \d+|[-+ ] {2}.*)\r\n/gm, "");
}
