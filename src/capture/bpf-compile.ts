// Classic BPF to JavaScript: what bpf_jit_comp.c does for the kernel. Filters take 8 to 12 ns a frame so, and 40 to 90 ns by the
// interpreter (npm run bench filters). Where making code from text is refused (a page's Content-Security-Policy
// without unsafe-eval, node --disallow-code-generation-from-strings) the interpreter runs the program.
//
// Jumps of classic BPF only go forward, so each target is the end of a labelled block that is open from the beginning, and a
// jump is `break`.
import {
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_DIV,
  BPF_H,
  BPF_IMM,
  BPF_IND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MOD,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
  BPF_X,
  type BpfInstruction,
  runBpf,
  SKF_AD_OFF,
  SKF_NET_OFF,
} from "./bpf.ts";

/** A program as a function: what `runBpf` answers. */
export type BpfFunction = (
  b: Uint8Array,
  from: number,
  length: number,
  wireLength: number,
  ancillary: (what: number) => number,
) => number;

/** Blocks may not be nested deeper than the engine's parser goes; longer programs are interpreted. */
const MAX_TARGETS = 500;

/** Compiles a checked program. */
export function compileBpf(program: readonly BpfInstruction[]): BpfFunction {
  const source = bpfSource(program);
  if (source !== null) {
    try {
      return new Function("b", "from", "length", "wireLength", "ancillary", source) as BpfFunction;
    } catch (error) {
      if (!(error instanceof EvalError)) throw error;
    }
  }
  return (b, from, length, wireLength, ancillary) => runBpf(program, b, from, length, wireLength, ancillary);
}

/** The function's body, made of nothing but the program's numbers; null when it would be nested too deep. */
function bpfSource(program: readonly BpfInstruction[]): string | null {
  const targets = jumpTargets(program);
  if (targets.size > MAX_TARGETS) return null;
  const words = [...new Set(program.filter(usesMemory).map(({ k }) => `m${k} = 0`))];
  const lines = [`let ${["a = 0", "x = 0", ...words].join(", ")};`];
  for (const target of [...targets].sort((one, other) => other - one)) lines.push(`L${target}: {`);
  for (const [pc, instruction] of program.entries()) {
    if (targets.has(pc)) lines.push("}");
    lines.push(statement(instruction, pc));
  }
  return lines.join("\n");
}

function usesMemory({ code }: BpfInstruction): boolean {
  const kind = code & 7;
  return kind === BPF_ST || kind === BPF_STX || ((kind === BPF_LD || kind === BPF_LDX) && (code & 0xe0) === BPF_MEM);
}

/** Instructions that are jumped to; what comes next anyway needs no jump. */
function jumpTargets(program: readonly BpfInstruction[]): Set<number> {
  const targets = new Set<number>();
  for (const [pc, { code, jt, jf, k }] of program.entries()) {
    if ((code & 7) !== BPF_JMP) continue;
    for (const distance of code === BPF_JMP ? [k] : [jt, jf]) if (distance > 0) targets.add(pc + 1 + distance);
  }
  return targets;
}

function statement(instruction: BpfInstruction, pc: number): string {
  const { code } = instruction;
  const k = instruction.k | 0;
  switch (code & 7) {
    case BPF_LD:
      return load(code, instruction.k >>> 0);
    case BPF_LDX:
      if ((code & 0xe0) === BPF_IMM) return `x = ${k};`;
      if ((code & 0xe0) === BPF_MEM) return `x = m${k};`;
      if ((code & 0xe0) === BPF_LEN) return "x = wireLength | 0;";
      return `if (${instruction.k >>> 0} >= length) return 0; x = (b[from + ${instruction.k >>> 0}] & 15) << 2;`;
    case BPF_ST:
      return `m${k} = a;`;
    case BPF_STX:
      return `m${k} = x;`;
    case BPF_ALU:
      return arithmetic(code & 0xf0, code & BPF_X ? "x" : `${k}`);
    case BPF_JMP:
      return code === BPF_JMP ? jump(pc, instruction.k) : branch(instruction, pc);
    case BPF_RET:
      return code === 0x16 ? "return a >>> 0;" : `return ${instruction.k >>> 0};`;
    default:
      return code === BPF_TAX ? "x = a;" : "a = x;";
  }
}

function load(code: number, k: number): string {
  switch (code & 0xe0) {
    case BPF_IMM:
      return `a = ${k | 0};`;
    case BPF_MEM:
      return `a = m${k};`;
    case BPF_LEN:
      return "a = wireLength | 0;";
    case BPF_IND:
      return `{ let at = (x + ${k | 0}) >>> 0; if (at >= ${SKF_NET_OFF}) at -= ${SKF_NET_OFF}; ${fetch(code & 0x18, "at")} }`;
    default:
      if (k >= SKF_AD_OFF) return `a = ancillary(${k - SKF_AD_OFF}) | 0;`;
      return fetch(code & 0x18, k >= SKF_NET_OFF ? k - SKF_NET_OFF : k);
  }
}

/** Loads from an offset, or ends the program when that is beyond the packet. */
function fetch(size: number, at: number | "at"): string {
  const byte = (n: number): string => `b[from + ${at === "at" ? `at + ${n}` : at + n}]`;
  if (size === BPF_B) return `if (${at} >= length) return 0; a = ${byte(0)};`;
  if (size === BPF_H) return `if (${at} + 2 > length) return 0; a = ${byte(0)} << 8 | ${byte(1)};`;
  return `if (${at} + 4 > length) return 0; a = ${byte(0)} << 24 | ${byte(1)} << 16 | ${byte(2)} << 8 | ${byte(3)};`;
}

function arithmetic(op: number, operand: string): string {
  switch (op) {
    case BPF_ADD:
      return `a = a + ${operand} | 0;`;
    case BPF_SUB:
      return `a = a - ${operand} | 0;`;
    case BPF_MUL:
      return `a = Math.imul(a, ${operand});`;
    case BPF_DIV:
      return `if (${operand} === 0) return 0; a = ((a >>> 0) / (${operand} >>> 0)) | 0;`;
    case BPF_MOD:
      return `if (${operand} === 0) return 0; a = ((a >>> 0) % (${operand} >>> 0)) | 0;`;
    case BPF_OR:
      return `a |= ${operand};`;
    case BPF_AND:
      return `a &= ${operand};`;
    case BPF_LSH:
      return `a <<= ${operand};`;
    case BPF_RSH:
      return `a = (a >>> ${operand}) | 0;`;
    case BPF_NEG:
      return "a = -a | 0;";
    default:
      return `a ^= ${operand};`;
  }
}

function jump(pc: number, distance: number): string {
  return distance > 0 ? `break L${pc + 1 + distance};` : "";
}

function branch({ code, jt, jf, k }: BpfInstruction, pc: number): string {
  const when = condition(code & 0xf0, code & BPF_X ? "x" : null, k);
  if (jt === jf) return jump(pc, jt);
  if (jt === 0) return `if (!(${when})) ${jump(pc, jf)}`;
  if (jf === 0) return `if (${when}) ${jump(pc, jt)}`;
  return `if (${when}) ${jump(pc, jt)} else ${jump(pc, jf)}`;
}

function condition(op: number, x: string | null, k: number): string {
  const unsigned = x === null ? `${k >>> 0}` : "(x >>> 0)";
  switch (op) {
    case BPF_JEQ:
      return `a === ${x ?? `${k | 0}`}`;
    case BPF_JGT:
      return `(a >>> 0) > ${unsigned}`;
    case BPF_JGE:
      return `(a >>> 0) >= ${unsigned}`;
    default:
      return `(a & ${x ?? `${k | 0}`}) !== 0`;
  }
}
