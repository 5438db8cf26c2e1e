// A filter's program as the optimiser sees it: blocks and the edges between them with what is known of each, and small questions about
// them. The passes are filter-optimize.ts's.

import {
  BPF_ALU,
  BPF_IND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_RET,
  BPF_ST,
  BPF_STX,
  BPF_TAX,
  BPF_TXA,
  BPF_X,
} from "./bpf.ts";
import type { Block, Statement } from "./filter-blocks.ts";
import { A_ATOM, ATOMS, AX_ATOM, NOP, X_ATOM } from "./filter-values.ts";

/** One of a block's two ways on. */
export class Edge {
  readonly id: number;
  readonly from: Node;
  readonly sense: boolean;
  to!: Node;
  /** edges that every way through this one goes through */
  readonly dominators: Uint32Array;
  /** the next edge into the same block */
  next: Edge | null = null;

  constructor(id: number, from: Node, sense: boolean, blocks: number) {
    this.id = id;
    this.from = from;
    this.sense = sense;
    this.dominators = new Uint32Array(((2 * blocks) >>> 5) + 1);
  }
}

/** A block of the program with what is known of it. */
export class Node {
  readonly id: number;
  statements: Statement[];
  code: number;
  k: number;
  /** null: it returns */
  jt: Edge | null = null;
  jf: Edge | null = null;
  /** the longest way from here to a return */
  level = -1;
  inEdges: Edge | null = null;
  /** blocks that every way here goes through */
  readonly dominators: Uint32Array;
  /** atoms used here before they are set, set before they are used, used by what follows */
  use = 0;
  kill = 0;
  inUse = 0;
  outUse = 0;
  /** value numbers at its end */
  readonly values: Int32Array = new Int32Array(ATOMS);
  /** value number of what its test compares with */
  operand = 0;
  /** intern: the one of its kind that stays */
  twin: Node | null = null;

  constructor(id: number, block: Block, blocks: number) {
    this.id = id;
    this.dominators = new Uint32Array((blocks >>> 5) + 1);
    this.statements = block.statements.map(({ code, k }) => ({ code, k: k >>> 0 }));
    this.code = block.code;
    this.k = block.k >>> 0;
  }
}

export const ALL: number = 0xffffffff;

export function insert(set: Uint32Array, member: number): void {
  set[member >>> 5]! |= 1 << (member & 31);
}

export function has(set: Uint32Array, member: number): boolean {
  return (set[member >>> 5]! & (1 << (member & 31))) !== 0;
}

export function intersect(set: Uint32Array, other: Uint32Array): void {
  for (let word = 0; word < set.length; word++) set[word]! &= other[word]!;
}

/** Where the next statement stands from here on; −1: nowhere. */
export function nextStatement(statements: readonly Statement[], from: number): number {
  for (let at = from; at < statements.length; at++) if (statements[at]!.code !== NOP) return at;
  return -1;
}

/** The atom that an instruction reads; −1 none, AX_ATOM both registers. */
export function usedBy(code: number, k: number): number {
  if (code === NOP) return -1;
  switch (code & 7) {
    case BPF_RET:
      return code === 0x16 ? A_ATOM : -1;
    case BPF_LD:
    case BPF_LDX:
      if ((code & 0xe0) === BPF_IND) return X_ATOM;
      return (code & 0xe0) === BPF_MEM ? k : -1;
    case BPF_ST:
      return A_ATOM;
    case BPF_STX:
      return X_ATOM;
    case BPF_JMP:
    case BPF_ALU:
      return code & BPF_X ? AX_ATOM : A_ATOM;
    default:
      return code === BPF_TXA ? X_ATOM : A_ATOM;
  }
}

/** The atom that it writes; −1 none. */
export function setBy(code: number, k: number): number {
  if (code === NOP) return -1;
  switch (code & 7) {
    case BPF_LD:
    case BPF_ALU:
      return A_ATOM;
    case BPF_LDX:
      return X_ATOM;
    case BPF_ST:
    case BPF_STX:
      return k;
    case BPF_JMP:
    case BPF_RET:
      return -1;
    default:
      return code === BPF_TAX ? X_ATOM : A_ATOM;
  }
}

export function localUses(node: Node): void {
  let set = 0;
  let use = 0;
  let kill = 0;
  const uses = (atom: number): void => {
    const bits = atom === AX_ATOM ? (1 << A_ATOM) | (1 << X_ATOM) : atom < 0 ? 0 : 1 << atom;
    use |= bits & ~set;
  };
  for (const { code, k } of node.statements) {
    uses(usedBy(code, k));
    const atom = setBy(code, k);
    if (atom < 0) continue;
    if (!(use & (1 << atom))) kill |= 1 << atom;
    set |= 1 << atom;
  }
  if ((node.code & 7) === BPF_JMP) uses(usedBy(node.code, node.k));
  node.use = use;
  node.kill = kill;
  node.inUse = use;
}

/** use_conflict: what follows `to` needs something that is not the same at the end of `from`. */
export function conflicts(from: Node, to: Node): boolean {
  for (let atom = 0; atom < ATOMS; atom++)
    if (to.outUse & (1 << atom) && from.values[atom] !== to.values[atom]) return true;
  return false;
}

/** fold_edge: where a test leads for those who have come through `known`; null: that says nothing of it. */
export function outcome(test: Node, known: Edge): Node | null {
  if (test.jt === null || test.code !== known.from.code) return null;
  if (test.values[A_ATOM] !== known.from.values[A_ATOM]) return null;
  if (test.operand === known.from.operand) return known.sense ? test.jt.to : test.jf!.to;
  // equal to another constant
  return known.sense && test.code === (BPF_JMP | BPF_JEQ) ? test.jf!.to : null;
}

export function holds(op: number, a: number, k: number): boolean {
  if (op === BPF_JEQ) return a === k;
  if (op === BPF_JGT) return a > k;
  if (op === BPF_JGE) return a >= k;
  return (a & k) !== 0;
}

export function sameBlock(a: Node, b: Node): boolean {
  if (a.code !== b.code || a.k !== b.k || a.jt?.to !== b.jt?.to || a.jf?.to !== b.jf?.to) return false;
  const left = a.statements.filter(({ code }) => code !== NOP);
  const right = b.statements.filter(({ code }) => code !== NOP);
  return left.length === right.length && left.every(({ code, k }, i) => code === right[i]!.code && k === right[i]!.k);
}
