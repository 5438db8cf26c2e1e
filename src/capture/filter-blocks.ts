// The program of a filter as a graph: blocks of statements that end in a two-way jump, joined by "and", "or" and "not" with
// backpatching, then laid out as classic BPF in the order in which libpcap lays them out (gen_and, gen_or, backpatch and
// merge of its gencode.c; convert_code_r of its optimize.c).
import { BPF_JA, BPF_JMP, BPF_K, BPF_RET, type BpfInstruction } from "./bpf.ts";

/** A statement without a jump. */
export interface Statement {
  code: number;
  k: number;
}

export class Block {
  readonly statements: Statement[];
  /** The jump at the end, or a return. */
  code: number;
  k: number;
  jt: Block | null = null;
  jf: Block | null = null;
  /** The branch that the list of open ends hangs on: false's when true, as it is not yet known where that leads. */
  sense = false;
  /** Where the condition that this block ends begins. */
  head: Block = this;

  constructor(statements: Statement[], code: number, k: number) {
    this.statements = statements;
    this.code = code;
    this.k = k;
  }
}

function openEnd(block: Block): Block | null {
  return block.sense ? block.jf : block.jt;
}

function setOpenEnd(block: Block, target: Block | null): void {
  if (block.sense) block.jf = target;
  else block.jt = target;
}

function backpatch(list: Block, target: Block): void {
  let block: Block | null = list;
  while (block !== null) {
    const next: Block | null = openEnd(block);
    setOpenEnd(block, target);
    block = next;
  }
}

function merge(list: Block, tail: Block): void {
  let last = list;
  for (let next = openEnd(last); next !== null; next = openEnd(last)) last = next;
  setOpenEnd(last, tail);
}

/** Both conditions, `left` first. */
export function both(left: Block, right: Block): Block {
  backpatch(left, right.head);
  left.sense = !left.sense;
  right.sense = !right.sense;
  merge(right, left);
  right.sense = !right.sense;
  right.head = left.head;
  return right;
}

/** One of the conditions, `left` first. */
export function either(left: Block, right: Block): Block {
  left.sense = !left.sense;
  backpatch(left, right.head);
  left.sense = !left.sense;
  merge(right, left);
  right.head = left.head;
  return right;
}

export function negated(block: Block): Block {
  block.sense = !block.sense;
  return block;
}

/** Leads the ends of the whole condition to the returns. Returns where it begins. */
export function finish(block: Block, accept: number): Block {
  backpatch(block, returning(accept));
  block.sense = !block.sense;
  backpatch(block, returning(0));
  return block.head;
}

export function returning(k: number): Block {
  return new Block([], BPF_RET | BPF_K, k);
}

interface Placed {
  offset: number;
  longTrue: boolean;
  longFalse: boolean;
}

/** The graph as a program: a block before the blocks it leads to, the true branch first. */
export function layOut(root: Block): BpfInstruction[] {
  const order: Block[] = [];
  const seen = new Set<Block>();
  const visit = (block: Block | null): void => {
    if (block === null || seen.has(block)) return;
    seen.add(block);
    visit(block.jf);
    visit(block.jt);
    order.push(block);
  };
  visit(root);
  order.reverse();
  const places = new Map<Block, Placed>(order.map((b) => [b, { offset: 0, longTrue: false, longFalse: false }]));
  // A jump of more than 255 goes by way of an unconditional one, which moves the rest on: until all fit.
  for (;;) {
    let offset = 0;
    for (const block of order) {
      const place = places.get(block)!;
      place.offset = offset;
      offset += block.statements.length + 1 + Number(place.longTrue) + Number(place.longFalse);
    }
    const program = emit(order, places);
    if (program !== undefined) return program;
  }
}

/** Undefined when a jump was found too long. */
function emit(order: readonly Block[], places: ReadonlyMap<Block, Placed>): BpfInstruction[] | undefined {
  const program: BpfInstruction[] = [];
  let fits = true;
  for (const block of order) {
    for (const { code, k } of block.statements) program.push({ code, jt: 0, jf: 0, k: k >>> 0 });
    if (block.jt === null || block.jf === null) {
      program.push({ code: block.code, jt: 0, jf: 0, k: block.k >>> 0 });
      continue;
    }
    const place = places.get(block)!;
    const next = place.offset + block.statements.length + 1;
    const extra: BpfInstruction[] = [];
    const jump = (target: Block, isLong: boolean): number => {
      const distance = places.get(target)!.offset - next;
      if (!isLong) return distance;
      extra.push({ code: BPF_JMP | BPF_JA, jt: 0, jf: 0, k: distance - extra.length - 1 });
      return extra.length - 1;
    };
    const jt = jump(block.jt, place.longTrue);
    const jf = jump(block.jf, place.longFalse);
    if (jt > 255) place.longTrue = true;
    if (jf > 255) place.longFalse = true;
    if (jt > 255 || jf > 255) fits = false;
    program.push({ code: block.code, jt, jf, k: block.k >>> 0 }, ...extra);
  }
  return fits ? program : undefined;
}
