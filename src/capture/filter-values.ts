// Value numbers: what is known of the accumulator, the index register and the memory words at a place in a filter's program. Two
// places have the same number for a register only if it holds the same there, whatever the packet. After S. McCanne's optimiser
// (McCanne and Jacobson 1993, section 4); libpcap's optimize.c calls this part F, K and opt_stmt.

import {
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_DIV,
  BPF_IMM,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MOD,
  BPF_MSH,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
  BPF_TXA,
  BPF_X,
  BPF_XOR,
  bpfArithmetic,
  MEM_WORDS,
} from "./bpf.ts";
import type { Statement } from "./filter-blocks.ts";
import { FilterError } from "./filter-parse.ts";

/** A statement that has been taken out. */
export const NOP = -1;
/** Registers by number: memory words first. */
export const A_ATOM: number = MEM_WORDS;
export const X_ATOM: number = MEM_WORDS + 1;
export const ATOMS: number = MEM_WORDS + 2;
/** Both registers, as what an instruction uses. */
export const AX_ATOM: number = MEM_WORDS + 2;
/** The number of what nothing is known of. */
export const UNKNOWN = 0;

export class ValueNumbers {
  private readonly numbers: Map<string, number> = new Map();
  private readonly constants: Map<number, number> = new Map();

  reset(): void {
    this.numbers.clear();
    this.constants.clear();
  }

  /** The number of an operation on two values. */
  of(code: number, left: number, right: number): number {
    const key = `${code} ${left} ${right}`;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const fresh = this.numbers.size + 1;
    this.numbers.set(key, fresh);
    const kind = code & 7;
    if ((kind === BPF_LD || kind === BPF_LDX) && (code & 0xe0) === BPF_IMM) this.constants.set(fresh, left);
    return fresh;
  }

  ofConstant(k: number): number {
    return this.of(BPF_LD | BPF_IMM, k >>> 0, 0);
  }

  /** Undefined: not known. */
  constant(value: number): number | undefined {
    return this.constants.get(value);
  }
}

/** Whether zero as the right operand leaves the left one as it is, or makes it zero. */
const ZERO_KEEPS: readonly number[] = [BPF_ADD, BPF_LSH, BPF_RSH, BPF_OR, BPF_XOR];
const ZERO_CLEARS: readonly number[] = [BPF_MUL, BPF_AND];
/** What zero as the left operand makes of the right one. */
const FROM_ZERO_RIGHT: readonly number[] = [BPF_ADD, BPF_OR, BPF_XOR];

/**
 * Follows one statement: `values` by atom change as it changes them. With `alter` it becomes a cheaper one where what is known allows.
 * Returns whether anything was altered that may let more be altered.
 */
export function followStatement(s: Statement, values: Int32Array, numbers: ValueNumbers, alter: boolean): boolean {
  /** A register gets a value; not where it has it already. */
  const put = (atom: number, value: number): void => {
    if (alter && value !== UNKNOWN && values[atom] === value) s.code = NOP;
    else values[atom] = value;
  };
  const constantOf = (atom: number): number | undefined => (alter ? numbers.constant(values[atom]!) : undefined);
  if (s.code === NOP) return false;
  switch (s.code & 7) {
    case BPF_LD:
      return followLoad(s, values, numbers, put, constantOf);
    case BPF_LDX: {
      const mode = s.code & 0xe0;
      if (mode === BPF_MEM) {
        const value = values[s.k]!;
        const known = constantOf(s.k);
        if (known !== undefined) Object.assign(s, { code: BPF_LDX | BPF_IMM, k: known });
        put(X_ATOM, value);
        return known !== undefined;
      }
      if (mode === BPF_IMM) put(X_ATOM, numbers.ofConstant(s.k));
      else put(X_ATOM, numbers.of(s.code, mode === BPF_MSH ? s.k : 0, 0));
      return false;
    }
    case BPF_ST:
      put(s.k, values[A_ATOM]!);
      return false;
    case BPF_STX:
      put(s.k, values[X_ATOM]!);
      return false;
    case BPF_ALU:
      return followArithmetic(s, values, numbers, put, constantOf, alter);
    default:
      if (s.code === BPF_TXA) put(A_ATOM, values[X_ATOM]!);
      else if (s.code === BPF_TAX) put(X_ATOM, values[A_ATOM]!);
      return false;
  }
}

type Put = (atom: number, value: number) => void;
type ConstantOf = (atom: number) => number | undefined;

function followLoad(
  s: Statement,
  values: Int32Array,
  numbers: ValueNumbers,
  put: Put,
  constantOf: ConstantOf,
): boolean {
  switch (s.code & 0xe0) {
    case BPF_ABS:
      put(A_ATOM, numbers.of(s.code, s.k >>> 0, 0));
      return false;
    case BPF_IND: {
      const at = constantOf(X_ATOM);
      if (at === undefined) {
        put(A_ATOM, numbers.of(s.code, s.k >>> 0, values[X_ATOM]!));
        return false;
      }
      Object.assign(s, { code: BPF_LD | BPF_ABS | (s.code & 0x18), k: (s.k + at) >>> 0 });
      put(A_ATOM, numbers.of(s.code, s.k, 0));
      return true;
    }
    case BPF_LEN:
      put(A_ATOM, numbers.of(s.code, 0, 0));
      return false;
    case BPF_MEM: {
      const value = values[s.k]!;
      const known = constantOf(s.k);
      if (known !== undefined) Object.assign(s, { code: BPF_LD | BPF_IMM, k: known });
      put(A_ATOM, value);
      return known !== undefined;
    }
    default:
      put(A_ATOM, numbers.ofConstant(s.k));
      return false;
  }
}

function followArithmetic(
  s: Statement,
  values: Int32Array,
  numbers: ValueNumbers,
  put: Put,
  constantOf: ConstantOf,
  alter: boolean,
): boolean {
  const op = s.code & 0xf0;
  const left = constantOf(A_ATOM);
  const becomes = (k: number): void => {
    Object.assign(s, { code: BPF_LD | BPF_IMM, k: k >>> 0 });
    values[A_ATOM] = numbers.ofConstant(k);
  };
  if (op === BPF_NEG) {
    if (left === undefined) values[A_ATOM] = numbers.of(s.code, values[A_ATOM]!, 0);
    else becomes(-left);
    return false;
  }
  if (!(s.code & BPF_X)) {
    if (alter && s.k === 0) {
      if (ZERO_KEEPS.includes(op)) {
        s.code = NOP;
        return false;
      }
      if (ZERO_CLEARS.includes(op)) {
        becomes(0);
        return false;
      }
    }
    if (left !== undefined) {
      becomes(fold(op, left, s.k));
      return true;
    }
    values[A_ATOM] = numbers.of(s.code, values[A_ATOM]!, numbers.ofConstant(s.k));
    return false;
  }
  const right = constantOf(X_ATOM);
  if (right !== undefined) {
    if (left !== undefined) {
      becomes(fold(op, left, right));
      return true;
    }
    Object.assign(s, { code: BPF_ALU | op, k: right });
    if ((op === BPF_LSH || op === BPF_RSH) && right > 31) throw new FilterError("shift by more than 31 bits");
    values[A_ATOM] = numbers.of(s.code, values[A_ATOM]!, numbers.ofConstant(right));
    return true;
  }
  if (left === 0) {
    if (FROM_ZERO_RIGHT.includes(op)) {
      s.code = BPF_TXA;
      put(A_ATOM, values[X_ATOM]!);
      return false;
    }
    if (op !== BPF_SUB) {
      Object.assign(s, { code: BPF_LD | BPF_IMM, k: 0 });
      put(A_ATOM, numbers.ofConstant(0));
      return false;
    }
  }
  values[A_ATOM] = numbers.of(s.code, values[A_ATOM]!, values[X_ATOM]!);
  return false;
}

/** fold_op: shifts beyond the word leave nothing. */
function fold(op: number, left: number, right: number): number {
  if (op === BPF_DIV && right === 0) throw new FilterError("division by zero");
  if (op === BPF_MOD && right === 0) throw new FilterError("modulus by zero");
  if ((op === BPF_LSH || op === BPF_RSH) && right > 31) return 0;
  return bpfArithmetic(op, left | 0, right | 0) >>> 0;
}
