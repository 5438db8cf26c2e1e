// The arithmetic of capture filters (`tcp[13] & 2 != 0`): every value is computed into one of BPF's sixteen memory words
// (gen_load, gen_arth and gen_relation of libpcap's gencode.c).
import {
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_DIV,
  BPF_H,
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
  BPF_RSH,
  BPF_ST,
  BPF_SUB,
  BPF_TAX,
  BPF_W,
  BPF_X,
  BPF_XOR,
  MEM_WORDS,
} from "./bpf.ts";
import { Block, both, negated, type Statement } from "./filter-blocks.ts";
import { type Arithmetic, type Expression, FilterError, type Proto } from "./filter-parse.ts";

/** What the arithmetic needs to know of the headers. */
export interface LoadContext {
  readonly payloadAt: number;
  readonly registers: Registers;
  abbreviation(proto: Proto): Block;
  field(offset: number, size: number, k: number): Block;
  ipHeaderLength(): Statement;
  noLaterFragment(): Block;
}

/** A value in a memory word: how it gets there, and what must hold before its bytes mean anything. */
interface Value {
  readonly statements: Statement[];
  readonly check: Block | null;
  readonly register: number;
}

const RELATIONS: ReadonlyMap<string, { jump: number; reversed: boolean }> = new Map([
  [">", { jump: BPF_JGT, reversed: false }],
  [">=", { jump: BPF_JGE, reversed: false }],
  ["=", { jump: BPF_JEQ, reversed: false }],
  ["<=", { jump: BPF_JGT, reversed: true }],
  ["<", { jump: BPF_JGE, reversed: true }],
  ["!=", { jump: BPF_JEQ, reversed: true }],
]);
const OPERATIONS: ReadonlyMap<string, number> = new Map([
  ["+", BPF_ADD],
  ["-", BPF_SUB],
  ["*", BPF_MUL],
  ["/", BPF_DIV],
  ["%", BPF_MOD],
  ["&", BPF_AND],
  ["|", BPF_OR],
  ["^", BPF_XOR],
  ["<<", BPF_LSH],
  [">>", BPF_RSH],
]);

export function compileComparison(expression: Extract<Expression, { node: "compare" }>, context: LoadContext): Block {
  const { registers } = context;
  const left = compileValue(expression.left, context, registers);
  const right = compileValue(expression.right, context, registers);
  registers.free(left.register);
  registers.free(right.register);
  const { jump, reversed } = RELATIONS.get(expression.operator)!;
  const statements = [...left.statements, ...right.statements, toX(right), toA(left)];
  if (jump === BPF_JEQ) statements.push({ code: BPF_ALU | BPF_SUB | BPF_X, k: 0 });
  const compared = new Block(statements, BPF_JMP | jump | (jump === BPF_JEQ ? 0 : BPF_X), 0);
  if (reversed) negated(compared);
  const check = bothChecks(left.check, right.check);
  return check === null ? compared : both(check, compared);
}

/** A program's memory words in use; the last one taken is looked at first (alloc_reg). */
export class Registers {
  private readonly used: boolean[] = new Array<boolean>(MEM_WORDS).fill(false);
  private current = 0;

  take(): number {
    for (let i = 0; i < MEM_WORDS; i++) {
      if (!this.used[this.current]) {
        this.used[this.current] = true;
        return this.current;
      }
      this.current = (this.current + 1) % MEM_WORDS;
    }
    throw new FilterError("out of registers needed to evaluate expression");
  }

  free(register: number): void {
    this.used[register] = false;
  }
}

function compileValue(node: Arithmetic, context: LoadContext, registers: Registers): Value {
  switch (node.node) {
    case "number": {
      const register = registers.take();
      return { statements: [{ code: BPF_LD, k: node.value }, store(register)], check: null, register };
    }
    case "length": {
      const register = registers.take();
      return { statements: [{ code: BPF_LD | BPF_LEN, k: 0 }, store(register)], check: null, register };
    }
    case "negate": {
      const operand = compileValue(node.operand, context, registers);
      operand.statements.push(toA(operand), { code: BPF_ALU | BPF_NEG, k: 0 }, store(operand.register));
      return operand;
    }
    case "binary": {
      const left = compileValue(node.left, context, registers);
      const right = compileValue(node.right, context, registers);
      const operation = OPERATIONS.get(node.operator)!;
      checkConstant(operation, right.statements[0]!);
      const statements = [...left.statements, ...right.statements, toX(right), toA(left)];
      registers.free(left.register);
      registers.free(right.register);
      const register = registers.take();
      statements.push({ code: BPF_ALU | operation | BPF_X, k: 0 }, store(register));
      return { statements, check: left.check, register }; // libpcap, too, keeps only the left side's protocol checks
    }
    case "load":
      return compileLoad(node, context, registers);
  }
}

function checkConstant(operation: number, { code, k }: Statement): void {
  if (code !== BPF_LD) return;
  if (operation === BPF_DIV && k === 0) throw new FilterError("division by zero");
  if (operation === BPF_MOD && k === 0) throw new FilterError("modulus by zero");
  if ((operation === BPF_LSH || operation === BPF_RSH) && k > 31) {
    throw new FilterError("shift by more than 31 bits");
  }
}

function compileLoad(
  { proto, index, size }: Extract<Arithmetic, { node: "load" }>,
  context: LoadContext,
  registers: Registers,
): Value {
  const at = compileValue(index, context, registers);
  const register = registers.take();
  registers.free(at.register);
  const code = BPF_LD | BPF_IND | (size === 1 ? BPF_B : size === 2 ? BPF_H : BPF_W);
  const { statements } = at;
  let { check } = at;
  switch (proto) {
    case "link":
      statements.push(toX(at), { code, k: 0 });
      break;
    case "ip":
    case "ip6":
    case "arp":
    case "rarp":
      statements.push(toX(at), { code, k: context.payloadAt });
      check = bothChecks(check, context.abbreviation(proto));
      break;
    case "icmp6":
      statements.push(toX(at), { code, k: context.payloadAt + 40 });
      check = bothChecks(bothChecks(check, context.abbreviation("ip6")), context.field(6, BPF_B, 58));
      break;
    case "tcp":
    case "udp":
    case "sctp":
    case "icmp":
    case "igmp":
    case "igrp":
    case "pim":
    case "vrrp":
    case "carp":
      statements.push(context.ipHeaderLength(), toA(at), { code: BPF_ALU | BPF_ADD | BPF_X, k: 0 });
      statements.push({ code: BPF_TAX, k: 0 }, { code, k: context.payloadAt });
      check = bothChecks(check, both(context.abbreviation(proto), context.noLaterFragment()));
      check = both(context.abbreviation("ip"), check);
      break;
    default:
      throw new FilterError("unsupported index operation");
  }
  statements.push(store(register));
  return { statements, check, register };
}

function bothChecks(left: Block | null, right: Block): Block;
function bothChecks(left: Block | null, right: Block | null): Block | null;
function bothChecks(left: Block | null, right: Block | null): Block | null {
  if (left === null) return right;
  return right === null ? left : both(left, right);
}

function store(register: number): Statement {
  return { code: BPF_ST, k: register };
}

function toX({ register }: Value): Statement {
  return { code: BPF_LDX | BPF_MEM, k: register };
}

function toA({ register }: Value): Statement {
  return { code: BPF_LD | BPF_MEM, k: register };
}
