// Classic BPF: checked when a program is loaded, then run over a packet. Answers to bpf_check_classic and the meaning of
// instructions in net/core/filter.c, Documentation/networking/filter.rst and the paper by McCanne and Jacobson (1993).
// Capture filters and iptables' -m bpf are such programs; bpf-compile.ts makes functions of them.
import { Errno, NetError } from "../base/errno.ts";
import { get16, get32 } from "../wire/layout.ts";

/** struct sock_filter */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

// Instruction classes and what they are made of (uapi/linux/bpf_common.h).
export const BPF_LD = 0;
export const BPF_LDX = 1;
export const BPF_ST = 2;
export const BPF_STX = 3;
export const BPF_ALU = 4;
export const BPF_JMP = 5;
export const BPF_RET = 6;
export const BPF_MISC = 7;
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_LEN = 0x80;
export const BPF_MSH = 0xa0;
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_K = 0;
export const BPF_X = 8;
export const BPF_TAX = 0x07;
export const BPF_TXA = 0x87;

export const MEM_WORDS = 16;
const MAX_INSTRUCTIONS = 4096;
/** Offsets from here on ask about the packet's companions (SKF_AD_OFF), link header, network header. */
export const SKF_AD_OFF = 0xfffff000;
export const SKF_NET_OFF = 0xfff00000;
export const SKF_AD_PROTOCOL = 0;
export const SKF_AD_PKTTYPE = 4;
export const SKF_AD_IFINDEX = 8;
export const SKF_AD_MARK = 20;
export const SKF_AD_CPU = 36;
const ANCILLARIES: readonly number[] = [SKF_AD_PROTOCOL, SKF_AD_PKTTYPE, SKF_AD_IFINDEX, SKF_AD_MARK, SKF_AD_CPU];

/** Valid instruction codes: loads, stores, arithmetic, jumps, returns (chk_code_allowed). */
const VALID_CODES: ReadonlySet<number> = new Set([
  ...[0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x00, 0x60],
  ...[0x81, 0x01, 0x61, 0xb1],
  ...[0x02, 0x03],
  ...[0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x84, 0x94, 0xa4],
  ...[0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0x9c, 0xac],
  ...[0x05, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d],
  ...[0x06, 0x16],
  ...[0x07, 0x87],
]);

/** Throws EINVAL for what the kernel would not load, EOPNOTSUPP for an ancillary that is not kept here. */
export function checkBpf(program: readonly BpfInstruction[]): void {
  if (program.length === 0 || program.length > MAX_INSTRUCTIONS) throw new NetError(Errno.EINVAL);
  for (const [pc, { code, jt, jf, k }] of program.entries()) {
    const left = program.length - pc - 1;
    const bad =
      !VALID_CODES.has(code) ||
      ((code === 0x34 || code === 0x94) && k === 0) ||
      ((code === 0x64 || code === 0x74) && k >= 32) ||
      ([0x60, 0x61, 0x02, 0x03].includes(code) && k >= MEM_WORDS) ||
      (code === 0x05 && k >= left) ||
      ((code & 7) === BPF_JMP && code !== 0x05 && (jt >= left || jf >= left));
    if (bad) throw new NetError(Errno.EINVAL);
    const isLoad = code === 0x20 || code === 0x28 || code === 0x30;
    if (isLoad && k >= SKF_AD_OFF && !ANCILLARIES.includes(k - SKF_AD_OFF)) throw new NetError(Errno.EOPNOTSUPP);
    if (isLoad && k < SKF_NET_OFF && k >= 0xffe00000) throw new NetError(Errno.EOPNOTSUPP); // the link header
  }
  const last = program.at(-1)!.code;
  if (last !== 0x06 && last !== 0x16) throw new NetError(Errno.EINVAL);
}

const memory = new Int32Array(MEM_WORDS);
/** A packet without companions: a frame of a capture. */
export const noAncillary = (): number => 0;

/**
 * Runs a checked program over `b[from..from+length)`; 0 where it reads beyond. `wireLength` is what `ld #pktlen` says,
 * `ancillary` answers for the packet's companions (SKF_AD_…).
 */
export function runBpf(
  program: readonly BpfInstruction[],
  b: Uint8Array,
  from: number,
  length: number,
  wireLength: number = length,
  ancillary: (what: number) => number = noAncillary,
): number {
  let a = 0;
  let x = 0;
  memory.fill(0);
  for (let pc = 0; ; pc++) {
    const instruction = program[pc]!;
    const { code, k } = instruction;
    switch (code & 7) {
      case BPF_LD: {
        const mode = code & 0xe0;
        if (mode === BPF_IMM) a = k | 0;
        else if (mode === BPF_MEM) a = memory[k]!;
        else if (mode === BPF_LEN) a = wireLength;
        else if (mode === BPF_ABS && k >= SKF_AD_OFF) a = ancillary(k - SKF_AD_OFF);
        else {
          let at = mode === BPF_IND ? (x + k) >>> 0 : k;
          if (at >= SKF_NET_OFF) at -= SKF_NET_OFF;
          const size = code & 0x18;
          if (size === BPF_H) {
            if (at + 2 > length) return 0;
            a = get16(b, from + at);
          } else if (size === BPF_B) {
            if (at >= length) return 0;
            a = b[from + at]!;
          } else {
            if (at + 4 > length) return 0;
            a = get32(b, from + at) | 0;
          }
        }
        break;
      }
      case BPF_LDX:
        if (code === 0x01) x = k | 0;
        else if (code === 0x61) x = memory[k]!;
        else if (code === 0x81) x = wireLength;
        else {
          if (k >= length) return 0;
          x = (b[from + k]! & 15) << 2;
        }
        break;
      case BPF_ST:
        memory[k] = a;
        break;
      case BPF_STX:
        memory[k] = x;
        break;
      case BPF_ALU: {
        const operand = code & BPF_X ? x : k | 0;
        if (operand === 0 && ((code & 0xf0) === BPF_DIV || (code & 0xf0) === BPF_MOD)) return 0;
        a = bpfArithmetic(code & 0xf0, a, operand);
        break;
      }
      case BPF_JMP:
        if (code === BPF_JMP) pc += k;
        else pc += jumps(code & 0xf0, a >>> 0, code & BPF_X ? x >>> 0 : k) ? instruction.jt : instruction.jf;
        break;
      case BPF_RET:
        return (code === 0x16 ? a : k) >>> 0;
      default:
        if (code === BPF_TAX) x = a;
        else a = x;
    }
  }
}

/** One operation of 32 bits; shifts take the lowest five bits of their operand, as the kernel's do. */
export function bpfArithmetic(op: number, a: number, operand: number): number {
  switch (op) {
    case BPF_ADD:
      return (a + operand) | 0;
    case BPF_SUB:
      return (a - operand) | 0;
    case BPF_MUL:
      return Math.imul(a, operand);
    case BPF_DIV:
      return ((a >>> 0) / (operand >>> 0)) | 0;
    case BPF_OR:
      return a | operand;
    case BPF_AND:
      return a & operand;
    case BPF_LSH:
      return a << operand;
    case BPF_RSH:
      return a >>> operand;
    case BPF_NEG:
      return -a | 0;
    case BPF_MOD:
      return ((a >>> 0) % (operand >>> 0)) | 0;
    default:
      return a ^ operand;
  }
}

function jumps(op: number, a: number, operand: number): boolean {
  switch (op) {
    case BPF_JEQ:
      return a === operand;
    case BPF_JGT:
      return a > operand;
    case BPF_JGE:
      return a >= operand;
    default:
      return (a & operand) !== 0;
  }
}
