// Text of the match bpf (extensions/libxt_bpf.c, revision 1); --object-pinned is refused.

import type { BpfInstruction } from "../../../capture/bpf.ts";
import type { BpfInfo } from "../../../net/netfilter/matches/bpf.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

/** XT_BPF_MAX_NUM_INSTR */
const MAX_INSTRUCTIONS = 64;

/** "length,code jt jf k,…" */
function parseProgram(text: string): BpfInstruction[] {
  const head = /^\s*(\d+),/.exec(text);
  if (!head) parameterProblem("bpf: error parsing program length");
  const length = Number(head[1]) & 0xffff;
  if (length === 0) parameterProblem("bpf: illegal zero length program");
  if (length > MAX_INSTRUCTIONS) parameterProblem("bpf: number of instructions exceeds maximum");
  const program: BpfInstruction[] = [];
  const words = text.slice(head[0].length).split(",");
  if (words.at(-1) === "") words.pop();
  for (const word of words) {
    if (program.length >= length) parameterProblem("bpf: real program length exceeds the encoded length parameter");
    const numbers = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)/.exec(word);
    if (!numbers) parameterProblem(`bpf: error at instr ${program.length}`);
    const [, code, jt, jf, k] = numbers.map(Number) as [number, number, number, number, number];
    program.push({ code: code & 0xffff, jt: jt & 255, jf: jf & 255, k: k >>> 0 });
  }
  if (program.length !== length)
    parameterProblem("bpf: parsed program length is less than the encoded length parameter");
  return program;
}

function programText(program: readonly BpfInstruction[]): string {
  return program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`).join(",");
}

export const bpf: UserExtension<BpfInfo> = {
  name: "bpf",
  options: [
    { name: "bytecode", type: "string" },
    { name: "object-pinned", type: "string" },
  ],
  init: () => ({ program: [] }),
  parse({ info, option, arg }) {
    if (option === "object-pinned") parameterProblem("bpf: failed to get bpf object");
    info.program = parseProgram(arg);
  },
  check(_info, used) {
    if (!used.has("bytecode")) parameterProblem("bpf: one of --bytecode or --pinned is required");
  },
  // the kernel's line ends with a zero byte, which a terminal does not show
  print: ({ program }) => `match bpf ${programText(program)}\0`,
  save: ({ program }) => ` --bytecode "${program.length},${programText(program)}"`,
};
