// Classic BPF programs: checked when they are loaded, run over a packet. Answers to bpf_check_classic and the meaning of
// instructions in net/core/filter.c and Documentation/networking/filter.rst.

import { Errno, NetError } from "../../base/errno.ts";
import { get16, get32 } from "../../wire/layout.ts";
import type { SkBuff } from "../core/skb.ts";

/** struct sock_filter */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

// Instruction classes and what they are made of (uapi/linux/bpf_common.h).
const BPF_LD = 0;
const BPF_LDX = 1;
const BPF_ST = 2;
const BPF_STX = 3;
const BPF_ALU = 4;
const BPF_JMP = 5;
const BPF_RET = 6;

const MEM_WORDS = 16;
const MAX_INSTRUCTIONS = 4096;
/** Offsets from here on ask about the packet's companions (SKF_AD_OFF), link header, network header. */
const SKF_AD_OFF = 0xfffff000;
const SKF_NET_OFF = 0xfff00000;
const SKF_AD_PROTOCOL = 0;
const SKF_AD_PKTTYPE = 4;
const SKF_AD_IFINDEX = 8;
const SKF_AD_MARK = 20;
const SKF_AD_CPU = 36;
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

/** Runs a checked program over a packet from its network header; 0 where it reads beyond it. */
export function runBpf(program: readonly BpfInstruction[], skb: SkBuff, from: number): number {
  const b = skb.head;
  const length = skb.tail - from;
  let a = 0;
  let x = 0;
  memory.fill(0);
  for (let pc = 0; ; pc++) {
    const { code, jt, jf, k } = program[pc]!;
    const operand = code & 8 ? x : k | 0;
    switch (code & 7) {
      case BPF_LD: {
        const mode = code & 0xe0;
        if (mode === 0x00) a = k | 0;
        else if (mode === 0x60) a = memory[k]!;
        else if (mode === 0x80) a = length;
        else if (mode === 0x20 && k >= SKF_AD_OFF) a = ancillary(skb, k - SKF_AD_OFF);
        else {
          let at = mode === 0x40 ? (x + k) >>> 0 : k;
          if (at >= SKF_NET_OFF) at -= SKF_NET_OFF;
          const size = (code & 0x18) === 0 ? 4 : (code & 0x18) === 8 ? 2 : 1;
          if (at + size > length) return 0;
          at += from;
          a = size === 4 ? get32(b, at) | 0 : size === 2 ? get16(b, at) : b[at]!;
        }
        break;
      }
      case BPF_LDX:
        if (code === 0x01) x = k | 0;
        else if (code === 0x61) x = memory[k]!;
        else if (code === 0x81) x = length;
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
      case BPF_ALU:
        if (operand === 0 && (code & 0xf0) === 0x30) return 0;
        if (operand === 0 && (code & 0xf0) === 0x90) return 0;
        a = arithmetic(code & 0xf0, a, operand);
        break;
      case BPF_JMP:
        if (code === 0x05) pc += k;
        else pc += jumps(code & 0xf0, a >>> 0, operand >>> 0) ? jt : jf;
        break;
      case BPF_RET:
        return (code === 0x16 ? a : k) >>> 0;
      default:
        if (code === 0x07) x = a;
        else a = x;
    }
  }
}

function arithmetic(op: number, a: number, operand: number): number {
  switch (op) {
    case 0x00:
      return (a + operand) | 0;
    case 0x10:
      return (a - operand) | 0;
    case 0x20:
      return Math.imul(a, operand);
    case 0x30:
      return ((a >>> 0) / (operand >>> 0)) | 0;
    case 0x40:
      return a | operand;
    case 0x50:
      return a & operand;
    case 0x60:
      return a << operand;
    case 0x70:
      return a >>> operand;
    case 0x80:
      return -a | 0;
    case 0x90:
      return ((a >>> 0) % (operand >>> 0)) | 0;
    default:
      return a ^ operand;
  }
}

function jumps(op: number, a: number, operand: number): boolean {
  switch (op) {
    case 0x10:
      return a === operand;
    case 0x20:
      return a > operand;
    case 0x30:
      return a >= operand;
    default:
      return (a & operand) !== 0;
  }
}

function ancillary(skb: SkBuff, what: number): number {
  switch (what) {
    case SKF_AD_PROTOCOL:
      return skb.protocol;
    case SKF_AD_PKTTYPE:
      return skb.pktType;
    case SKF_AD_IFINDEX:
      return skb.dev?.ifindex ?? 0;
    case SKF_AD_MARK:
      return skb.mark;
    default:
      return 0; // the one CPU
  }
}
