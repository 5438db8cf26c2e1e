// The tree of an awk program: expressions, statements, rules. A variable's slot is its place among a function's parameters,
// −1 for a global.

export type Expr =
  | { readonly type: "number"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "regex"; readonly expression: RegExp }
  | { readonly type: "variable"; readonly name: string; readonly slot: number }
  | { readonly type: "field"; readonly index: Expr }
  | { readonly type: "element"; readonly name: string; readonly slot: number; readonly keys: readonly Expr[] }
  | { readonly type: "in"; readonly keys: readonly Expr[]; readonly name: string; readonly slot: number }
  | { readonly type: "assign"; readonly operator: string; readonly target: Expr; readonly value: Expr }
  | { readonly type: "conditional"; readonly test: Expr; readonly yes: Expr; readonly no: Expr }
  | { readonly type: "binary"; readonly operator: string; readonly left: Expr; readonly right: Expr }
  | { readonly type: "match"; readonly negated: boolean; readonly left: Expr; readonly right: Expr }
  | { readonly type: "unary"; readonly operator: string; readonly operand: Expr }
  | { readonly type: "step"; readonly operator: "++" | "--"; readonly prefix: boolean; readonly target: Expr }
  | { readonly type: "call"; readonly name: string; readonly args: readonly Expr[] }
  | { readonly type: "builtin"; readonly name: string; readonly args: readonly Expr[] }
  | {
      readonly type: "getline";
      readonly from: "main" | "file" | "command";
      readonly source: Expr | undefined;
      readonly target: Expr | undefined;
    }
  | { readonly type: "group"; readonly items: readonly Expr[] };

export interface Redirection {
  readonly operator: ">" | ">>" | "|";
  readonly to: Expr;
}

export type Stmt =
  | { readonly type: "expr"; readonly expr: Expr }
  | { readonly type: "print"; readonly args: readonly Expr[]; readonly to: Redirection | undefined }
  | { readonly type: "printf"; readonly args: readonly Expr[]; readonly to: Redirection | undefined }
  | { readonly type: "if"; readonly test: Expr; readonly yes: Stmt; readonly no: Stmt | undefined }
  | { readonly type: "while"; readonly test: Expr; readonly body: Stmt }
  | { readonly type: "do"; readonly body: Stmt; readonly test: Expr }
  | {
      readonly type: "for";
      readonly init: Stmt | undefined;
      readonly test: Expr | undefined;
      readonly step: Stmt | undefined;
      readonly body: Stmt;
    }
  | {
      readonly type: "forIn";
      readonly variable: Expr;
      readonly name: string;
      readonly slot: number;
      readonly body: Stmt;
    }
  | { readonly type: "block"; readonly body: readonly Stmt[] }
  | {
      readonly type: "delete";
      readonly name: string;
      readonly slot: number;
      readonly keys: readonly Expr[] | undefined;
    }
  | { readonly type: "exit" | "return"; readonly value: Expr | undefined }
  | { readonly type: "next" | "nextfile" | "break" | "continue" };

export interface Rule {
  readonly kind: "BEGIN" | "END" | "pattern" | "range";
  readonly pattern: Expr | undefined;
  readonly end: Expr | undefined;
  /** undefined: print the record */
  readonly action: Stmt | undefined;
  /** a range is open */
  active: boolean;
}

export interface AwkFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  body: Stmt;
}

export interface AwkProgram {
  readonly rules: readonly Rule[];
  readonly functions: ReadonlyMap<string, AwkFunction>;
}
