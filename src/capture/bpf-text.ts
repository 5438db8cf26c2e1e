// Classic BPF as text: what `tcpdump -d`, `-dd` and `-ddd` print (libpcap's bpf_image and bpf_dump).
import {
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_DIV,
  BPF_IMM,
  BPF_IND,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MOD,
  BPF_MUL,
  BPF_NEG,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
  BPF_X,
  type BpfInstruction,
  SKF_AD_CPU,
  SKF_AD_IFINDEX,
  SKF_AD_MARK,
  SKF_AD_OFF,
  SKF_AD_PKTTYPE,
  SKF_AD_PROTOCOL,
} from "./bpf.ts";

const LOADS: ReadonlyMap<number, string> = new Map([
  [0x00, "ld"],
  [0x08, "ldh"],
  [0x10, "ldb"],
]);
const ALU_NAMES = ["add", "sub", "mul", "div", "or", "and", "lsh", "rsh", "neg", "mod", "xor"];
const JUMP_NAMES = ["ja", "jeq", "jgt", "jge", "jset"];
const DECIMAL: readonly number[] = [BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_LSH, BPF_RSH];

/** What the kernel knows of a packet, by offset from SKF_AD_OFF. */
const ANCILLARY_NAMES: ReadonlyMap<number, string> = new Map([
  [SKF_AD_PROTOCOL, "proto"],
  [SKF_AD_PKTTYPE, "type"],
  [SKF_AD_IFINDEX, "ifidx"],
  [SKF_AD_MARK, "mark"],
  [SKF_AD_CPU, "cpu"],
]);

/** One instruction as an assembler would have it: `jeq`, `#0x800`. */
function parts({ code, k }: BpfInstruction, pc: number): [operation: string, operand: string] {
  switch (code & 7) {
    case BPF_LD: {
      const name = LOADS.get(code & 0x18)!;
      const mode = code & 0xe0;
      if (mode === BPF_ABS) return [name, `[${ANCILLARY_NAMES.get(k - SKF_AD_OFF) ?? `${k | 0}`}]`];
      if (mode === BPF_IND) return [name, `[x + ${k | 0}]`];
      if (mode === BPF_LEN) return [name, "#pktlen"];
      return mode === BPF_MEM ? [name, `M[${k}]`] : [name, `#0x${k.toString(16)}`];
    }
    case BPF_LDX: {
      const mode = code & 0xe0;
      if (mode === BPF_IMM) return ["ldx", `#0x${k.toString(16)}`];
      if (mode === BPF_MEM) return ["ldx", `M[${k}]`];
      return mode === BPF_LEN ? ["ldx", "#pktlen"] : ["ldxb", `4*([${k | 0}]&0xf)`];
    }
    case BPF_ST:
      return ["st", `M[${k}]`];
    case BPF_STX:
      return ["stx", `M[${k}]`];
    case BPF_ALU: {
      const op = code & 0xf0;
      const name = ALU_NAMES[op >>> 4]!;
      if (op === BPF_NEG) return [name, ""];
      if (code & BPF_X) return [name, "x"];
      return [name, DECIMAL.includes(op) ? `#${k | 0}` : `#0x${k.toString(16)}`];
    }
    case BPF_JMP:
      if (code === BPF_JMP) return ["ja", `${pc + 1 + k}`];
      return [JUMP_NAMES[(code & 0xf0) >>> 4]!, code & BPF_X ? "x" : `#0x${k.toString(16)}`];
    case BPF_RET:
      return ["ret", code === 0x16 ? "" : `#${k | 0}`];
    default:
      return [code === BPF_TAX ? "tax" : "txa", ""];
  }
}

/** `-d`: one instruction a line, with where it jumps. */
export function bpfAssembly(program: readonly BpfInstruction[]): string {
  return program
    .map((instruction, pc) => {
      const [operation, operand] = parts(instruction, pc);
      const start = `(${String(pc).padStart(3, "0")}) ${operation.padEnd(8)} `;
      const branches = (instruction.code & 7) === BPF_JMP && instruction.code !== BPF_JMP;
      if (!branches) return `${start}${operand}\n`;
      return `${start}${operand.padEnd(16)} jt ${pc + 1 + instruction.jt}\tjf ${pc + 1 + instruction.jf}\n`;
    })
    .join("");
}

/** `-dd`: for a C program. */
export function bpfInitializers(program: readonly BpfInstruction[]): string {
  return program
    .map(({ code, jt, jf, k }) => `{ 0x${code.toString(16)}, ${jt}, ${jf}, 0x${k.toString(16).padStart(8, "0")} },\n`)
    .join("");
}

/** `-ddd`: the number of instructions, then numbers. */
export function bpfNumbers(program: readonly BpfInstruction[]): string {
  return `${program.length}\n${program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}\n`).join("")}`;
}
