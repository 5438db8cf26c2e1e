// Makes a filter's program shorter, as tcpdump does unless -O says otherwise: what is known of a register's value along every way to
// a block removes statements, settles tests and lets edges lead past tests whose outcome is known. Passes are repeated until
// nothing changes. The method is McCanne's (McCanne and Jacobson 1993; edge dominators and value numbering as in
// Aho, Sethi and Ullman, chapter 10); libpcap 1.10.3's program (optimize.c) decides what comes out, instruction for
// instruction, so that the order of its passes is kept.

import {
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_IMM,
  BPF_IND,
  BPF_JEQ,
  BPF_JMP,
  BPF_JSET,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MSH,
  BPF_RET,
  BPF_ST,
  BPF_SUB,
  BPF_TAX,
  BPF_TXA,
  BPF_X,
} from "./bpf.ts";
import { Block, type Statement } from "./filter-blocks.ts";
import {
  ALL,
  conflicts,
  Edge,
  has,
  holds,
  insert,
  intersect,
  localUses,
  Node,
  nextStatement,
  outcome,
  sameBlock,
  setBy,
  usedBy,
} from "./filter-graph.ts";
import { A_ATOM, ATOMS, AX_ATOM, followStatement, NOP, UNKNOWN, ValueNumbers, X_ATOM } from "./filter-values.ts";

/** After so many passes that only lead edges elsewhere they are taken to go round in circles. */
const MAX_CIRCLES = 100;

/** The same condition in fewer statements. Throws FilterError for a constant division by zero. */
export function optimize(root: Block): Block {
  return new Optimizer(root).run();
}

class Optimizer {
  private root: Node;
  private readonly nodes: Node[] = [];
  private readonly edges: Edge[];
  private readonly numbers: ValueNumbers = new ValueNumbers();
  private levels: Node[][] = [];
  private done = false;
  /** something other than an edge's end was changed in this pass */
  private progress = false;

  constructor(root: Block) {
    const blocks: Set<Block> = new Set();
    const number = (block: Block | null): void => {
      if (block === null || blocks.has(block)) return;
      blocks.add(block);
      number(block.jt);
      number(block.jf);
    };
    number(root);
    const count = blocks.size;
    const nodes: Map<Block, Node> = new Map([...blocks].map((block, id) => [block, new Node(id, block, count)]));
    this.nodes.push(...nodes.values());
    this.edges = new Array<Edge>(2 * count);
    for (const [block, node] of nodes) {
      if (block.jt === null || block.jf === null) continue;
      node.jt = new Edge(node.id, node, true, count);
      node.jf = new Edge(count + node.id, node, false, count);
      node.jt.to = nodes.get(block.jt)!;
      node.jf.to = nodes.get(block.jf)!;
      this.edges[node.jt.id] = node.jt;
      this.edges[node.jf.id] = node.jf;
    }
    this.root = nodes.get(root)!;
  }

  run(): Block {
    this.#passes(false);
    this.#passes(true);
    this.#intern();
    this.#trimRoot();
    return this.#asBlocks();
  }

  #changed(): void {
    this.done = false;
    this.progress = true;
  }

  /** opt_loop. @param alter statements, too; otherwise only edges */
  #passes(alter: boolean): void {
    let circles = 0;
    do {
      this.done = true;
      this.progress = false;
      this.#findLevels();
      this.#findDominators();
      this.#findUses();
      this.#findEdgeDominators();
      this.#pass(alter);
      circles = this.progress ? 0 : circles + 1;
    } while (!this.done && circles < MAX_CIRCLES);
  }

  #findLevels(): void {
    for (const node of this.nodes) node.level = -1;
    this.levels = [];
    const visit = (node: Node): void => {
      if (node.level >= 0) return;
      node.level = 0;
      if (node.jt !== null) {
        visit(node.jt.to);
        visit(node.jf!.to);
        node.level = Math.max(node.jt.to.level, node.jf!.to.level) + 1;
      }
      while (this.levels.length <= node.level) this.levels.push([]);
      this.levels[node.level]!.unshift(node);
    };
    visit(this.root);
  }

  /** From the root down. */
  *#downwards(last = 0): Generator<Node> {
    for (let level = this.root.level; level >= last; level--) yield* this.levels[level]!;
  }

  *#upwards(first: number): Generator<Node> {
    for (let level = first; level <= this.root.level; level++) yield* this.levels[level]!;
  }

  #findDominators(): void {
    for (const node of this.nodes) node.dominators.fill(ALL);
    this.root.dominators.fill(0);
    for (const node of this.#downwards()) {
      insert(node.dominators, node.id);
      if (node.jt === null) continue;
      intersect(node.jt.to.dominators, node.dominators);
      intersect(node.jf!.to.dominators, node.dominators);
    }
  }

  #findEdgeDominators(): void {
    for (const edge of this.edges) edge?.dominators.fill(ALL);
    this.root.jt?.dominators.fill(0);
    this.root.jf?.dominators.fill(0);
    for (const { jt, jf } of this.#downwards()) {
      if (jt === null) continue;
      for (const edge of [jt, jf!]) {
        insert(edge.dominators, edge.id);
        const { to } = edge;
        if (to.jt === null) continue;
        intersect(to.jt.dominators, edge.dominators);
        intersect(to.jf!.dominators, edge.dominators);
      }
    }
  }

  /** find_ud */
  #findUses(): void {
    for (const node of this.#downwards()) {
      localUses(node);
      node.outUse = 0;
    }
    for (const node of this.#upwards(1)) {
      node.outUse |= node.jt!.to.inUse | node.jf!.to.inUse;
      node.inUse |= node.outUse & ~node.kill;
    }
  }

  #findInEdges(): void {
    for (const node of this.nodes) node.inEdges = null;
    for (const { jt, jf } of this.#downwards(1))
      for (const edge of [jt!, jf!]) {
        edge.next = edge.to.inEdges;
        edge.to.inEdges = edge;
      }
  }

  /** opt_blks */
  #pass(alter: boolean): void {
    this.numbers.reset();
    this.#findInEdges();
    for (const node of this.#downwards()) this.#followBlock(node, alter);
    // edges were led as far as they go before statements were looked at
    if (alter) return;
    for (const node of this.#upwards(1)) {
      this.#leadOn(node.jt!);
      this.#leadOn(node.jf!);
    }
    this.#findInEdges();
    for (const node of this.#upwards(1)) {
      this.#pullUp(node, true);
      this.#pullUp(node, false);
    }
  }

  /** opt_blk */
  #followBlock(node: Node, alter: boolean): void {
    const { values } = node;
    let edge = node.inEdges;
    if (edge === null) values.fill(UNKNOWN);
    else {
      values.set(edge.from.values);
      for (edge = edge.next; edge !== null; edge = edge.next)
        for (let atom = 0; atom < ATOMS; atom++) if (values[atom] !== edge.from.values[atom]) values[atom] = UNKNOWN;
    }
    const a = values[A_ATOM]!;
    const x = values[X_ATOM]!;
    for (const statement of node.statements)
      if (followStatement(statement, values, this.numbers, alter)) this.#changed();
    // nothing of it is used and the registers are as they were, or it returns: it need do nothing
    const idle = node.outUse === 0 && a !== UNKNOWN && values[A_ATOM] === a && x !== UNKNOWN && values[X_ATOM] === x;
    if (alter && (idle || (node.code & 7) === BPF_RET)) {
      if (node.statements.length > 0) {
        node.statements = [];
        this.#changed();
      }
    } else {
      this.#peephole(node);
      this.#dropDeadStores(node);
    }
    node.operand = node.code & BPF_X ? values[X_ATOM]! : this.numbers.ofConstant(node.k);
  }

  /** opt_peep: pairs of statements that say one thing, and the last one with the test. */
  #peephole(node: Node): void {
    const statements = node.statements;
    let at = nextStatement(statements, 0);
    if (at < 0) return;
    let last = statements[at]!;
    for (;;) {
      const s = statements[at]!;
      const nextAt = nextStatement(statements, at + 1);
      if (nextAt < 0) break;
      const next = statements[nextAt]!;
      last = next;
      if (s.code === BPF_ST && next.code === (BPF_LDX | BPF_MEM) && s.k === next.k) {
        this.#changed();
        next.code = BPF_TAX;
      }
      if (s.code === (BPF_LD | BPF_IMM) && next.code === BPF_TAX) {
        s.code = BPF_LDX | BPF_IMM;
        next.code = BPF_TXA;
        this.#changed();
      }
      if (s.code === (BPF_LD | BPF_IMM)) this.#indexedLoad(node, s, nextAt);
      at = nextAt;
    }
    this.#mergeWithTest(node, last);
    this.#settle(node);
  }

  /** A load at a constant offset behind a header (`tcp[13]`) needs no sum. */
  #indexedLoad(node: Node, s: Statement, nextAt: number): void {
    const { statements } = node;
    if (node.outUse & (1 << X_ATOM)) return;
    const after = (at: number): number => (at < 0 ? -1 : nextStatement(statements, at + 1));
    const addAt = statements[nextAt]!.code === (BPF_LDX | BPF_MSH | BPF_B) ? after(nextAt) : nextAt;
    const taxAt = after(addAt);
    const loadAt = after(taxAt);
    if (loadAt < 0) return;
    const add = statements[addAt]!;
    const tax = statements[taxAt]!;
    const load = statements[loadAt]!;
    if (add.code !== (BPF_ALU | BPF_ADD | BPF_X) || tax.code !== BPF_TAX) return;
    if ((load.code & 7) !== BPF_LD || (load.code & 0xe0) !== BPF_IND) return;
    load.k = (load.k + s.k) >>> 0;
    s.code = NOP;
    add.code = NOP;
    tax.code = NOP;
    this.#changed();
  }

  /** A difference or a mask in front of a comparison with a constant becomes part of it. */
  #mergeWithTest(node: Node, last: Statement): void {
    if (node.code !== (BPF_JMP | BPF_JEQ) || node.outUse & (1 << A_ATOM)) return;
    if (last.code === (BPF_ALU | BPF_SUB | BPF_X)) {
      const x = this.numbers.constant(node.values[X_ATOM]!);
      if (x !== undefined) node.k = (node.k + x) >>> 0;
      else if (node.k === 0) node.code = BPF_JMP | BPF_JEQ | BPF_X;
      else return;
    } else if (last.code === (BPF_ALU | BPF_SUB)) node.k = (node.k + last.k) >>> 0;
    else if (last.code === (BPF_ALU | BPF_AND) && node.k === 0) {
      node.code = BPF_JMP | BPF_JSET;
      node.k = last.k;
      const { to } = node.jt!;
      node.jt!.to = node.jf!.to;
      node.jf!.to = to;
    } else return;
    last.code = NOP;
    this.#changed();
  }

  /** Tests whose outcome is known lead to one place only. */
  #settle(node: Node): void {
    const { jt, jf, values } = node;
    if (jt === null || jf === null) return;
    if (node.code === (BPF_JMP | BPF_JSET)) {
      if (node.k === 0) jt.to = jf.to;
      if (node.k === 0xffffffff) jf.to = jt.to;
    }
    const x = this.numbers.constant(values[X_ATOM]!);
    if (x !== undefined && node.code & BPF_X) {
      node.k = x;
      node.code &= ~BPF_X;
    }
    const a = this.numbers.constant(values[A_ATOM]!);
    if (a === undefined || node.code & BPF_X) return;
    if (jf.to !== jt.to) this.#changed();
    if (holds(node.code & 0xf0, a, node.k)) jf.to = jt.to;
    else jt.to = jf.to;
  }

  /** opt_deadstores: what is set and set again, or never used. */
  #dropDeadStores(node: Node): void {
    const lastSet: (Statement | null)[] = new Array<Statement | null>(ATOMS).fill(null);
    const look = (s: Statement): void => {
      const used = usedBy(s.code, s.k);
      if (used === AX_ATOM) {
        lastSet[A_ATOM] = null;
        lastSet[X_ATOM] = null;
      } else if (used >= 0) lastSet[used] = null;
      const set = setBy(s.code, s.k);
      if (set < 0) return;
      const before = lastSet[set];
      if (before) {
        this.#changed();
        before.code = NOP;
      }
      lastSet[set] = s;
    };
    for (const s of node.statements) look(s);
    look({ code: node.code, k: node.k });
    for (let atom = 0; atom < ATOMS; atom++) {
      const s = lastSet[atom];
      if (!s || node.outUse & (1 << atom)) continue;
      s.code = NOP;
      node.values[atom] = UNKNOWN;
      this.#changed();
    }
  }

  /** opt_j: an edge leads past tests whose outcome is known once one has come this way. */
  #leadOn(edge: Edge): void {
    const first = edge.to;
    if (first.jt === null) return;
    if (first.jt.to === first.jf!.to && !conflicts(edge.from, first.jt.to)) {
      this.#changed();
      edge.to = first.jt.to;
    }
    for (let target = this.#furtherOn(edge); target !== null; target = this.#furtherOn(edge)) {
      this.done = false;
      edge.to = target;
      if (target.jt === null) return;
    }
  }

  /** Where the first of an edge's dominators that knows the test behind it leads; null: none does. */
  #furtherOn(edge: Edge): Node | null {
    const { dominators } = edge;
    for (let word = 0; word < dominators.length; word++)
      for (let rest = dominators[word]!; rest !== 0; rest &= rest - 1) {
        const known = this.edges[32 * word + 31 - Math.clz32(rest & -rest)]!;
        const target = outcome(edge.to, known);
        if (target !== null && !conflicts(edge.from, target)) return target;
      }
    return null;
  }

  /**
   * or_pullup, and_pullup: in a chain of tests that all lead to one place, one that looks at the register as it was at the
   * chain's beginning comes before those that load something else.
   * @param or the place is where they hold
   */
  #pullUp(node: Node, or: boolean): void {
    let edge = node.inEdges;
    if (edge === null) return;
    const value = edge.from.values[A_ATOM];
    for (let other = edge.next; other !== null; other = other.next) if (other.from.values[A_ATOM] !== value) return;
    const same = (of: Node): Node | null => (or ? of.jt : of.jf)?.to ?? null;
    const onward = (of: Node): Edge => (or ? of.jf! : of.jt!);
    const place = same(node);
    const inChain = (at: Node): boolean => same(at) === place && has(at.dominators, node.id);
    let different = edge.from.jt!.to === node ? edge.from.jt! : edge.from.jf!;
    let atTop = true;
    for (;;) {
      if (!inChain(different.to)) return;
      if (different.to.values[A_ATOM] !== value) break;
      if (different.to.jt === null) return;
      different = onward(different.to);
      atTop = false;
    }
    if (different.to.jt === null) return;
    let found = onward(different.to);
    for (;;) {
      if (!inChain(found.to)) return;
      if (found.to.values[A_ATOM] === value) break;
      if (found.to.jt === null) return;
      found = onward(found.to);
    }
    const pulled = found.to;
    if (pulled.jt === null) return;
    found.to = onward(pulled).to;
    onward(pulled).to = different.to;
    if (atTop)
      for (edge = node.inEdges; edge !== null; edge = edge.next) {
        if (edge.from.jt!.to === node) edge.from.jt!.to = pulled;
        else edge.from.jf!.to = pulled;
      }
    else different.to = pulled;
    this.done = false;
  }

  /** intern_blocks: of blocks that are the same one stays. */
  #intern(): void {
    for (let again = true; again; ) {
      again = false;
      this.#findLevels();
      const alive = this.nodes.filter(({ level }) => level >= 0);
      for (const node of this.nodes) node.twin = null;
      for (let i = alive.length - 2; i >= 0; i--) {
        const node = alive[i]!;
        const equal = alive.slice(i + 1).find((other) => sameBlock(node, other));
        if (equal) node.twin = equal.twin ?? equal;
      }
      for (const { jt, jf } of this.nodes)
        for (const edge of jt === null ? [] : [jt, jf!])
          if (edge.to.twin !== null) {
            again = true;
            edge.to = edge.to.twin;
          }
    }
  }

  /** opt_root: a test at the beginning that leads to one place only goes. */
  #trimRoot(): void {
    const { statements } = this.root;
    this.root.statements = [];
    let root = this.root;
    while ((root.code & 7) === BPF_JMP && root.jt!.to === root.jf!.to) root = root.jt!.to;
    root.statements = (root.code & 7) === BPF_RET ? [] : [...statements, ...root.statements];
    this.root = root;
  }

  #asBlocks(): Block {
    const blocks: Map<Node, Block> = new Map();
    const blockOf = (node: Node): Block => {
      const known = blocks.get(node);
      if (known) return known;
      const block = new Block(
        node.statements.filter(({ code }) => code !== NOP),
        node.code,
        node.k,
      );
      blocks.set(node, block);
      if (node.jt !== null) {
        block.jt = blockOf(node.jt.to);
        block.jf = blockOf(node.jf!.to);
      }
      return block;
    };
    return blockOf(this.root);
  }
}
