// The types of hash sets: what an element consists of, and how its bytes lie in the kernel, which decides where it is hashed
// to and how much memory a set reports. Answers to net/netfilter/ipset/ip_set_hash_*.c (IPv4).

/** A mistake that ipset has a sentence for: enum ipset_errno and errno. */
export class SetError extends Error {
  override readonly name: string = "SetError";
  readonly code: SetErrorCode;

  constructor(code: SetErrorCode) {
    super(code);
    this.code = code;
  }
}

export type SetErrorCode =
  | "EXIST"
  | "ENOENT"
  | "TYPE"
  | "SET_EXIST"
  | "BUSY"
  | "REFERENCED"
  | "RENAME_EXIST"
  | "TYPE_MISMATCH"
  | "HASH_FULL"
  | "INVALID_CIDR"
  | "NULL_ELEMENT"
  | "MISSING"
  | "TIMEOUT"
  | "COUNTER"
  | "COMMENT";

/** An element; what its type does not have is 0. Addresses unsigned. */
export interface SetElement {
  ip: number;
  ip2: number;
  proto: number;
  port: number;
  /** of the network in it; 32 in a type without */
  cidr: number;
}

export type Dimension = "ip" | "net" | "port";

export interface SetType {
  readonly name: string;
  readonly revision: number;
  readonly dimensions: readonly Dimension[];
  readonly hasNetmask: boolean;
  /** the dimension, counted from 0, that is a network; −1 none */
  readonly netAt: number;
  /** bytes of an empty set, of an element */
  readonly memory: number;
  readonly elementSize: number;
  /** the element's bytes as words, into `words`; returns how many */
  words(element: SetElement, words: Int32Array): number;
}

/** A word as it lies in memory in network byte order. */
function be32(value: number): number {
  return (value << 24) | ((value << 8) & 0xff0000) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

function be16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function portWord({ port, proto }: SetElement): number {
  return be16(port) | (proto << 16);
}

const TYPES: readonly SetType[] = [
  {
    name: "hash:ip",
    revision: 6,
    dimensions: ["ip"],
    hasNetmask: true,
    netAt: -1,
    memory: 216,
    elementSize: 4,
    words(element, words) {
      words[0] = be32(element.ip);
      return 1;
    },
  },
  {
    name: "hash:net",
    revision: 7,
    dimensions: ["net"],
    hasNetmask: false,
    netAt: 0,
    memory: 456,
    elementSize: 8,
    words(element, words) {
      words[0] = be32(element.ip);
      words[1] = element.cidr << 24;
      return 2;
    },
  },
  {
    name: "hash:ip,port",
    revision: 7,
    dimensions: ["ip", "port"],
    hasNetmask: true,
    netAt: -1,
    memory: 216,
    elementSize: 8,
    words(element, words) {
      words[0] = be32(element.ip);
      words[1] = portWord(element);
      return 2;
    },
  },
  {
    name: "hash:net,port",
    revision: 8,
    dimensions: ["net", "port"],
    hasNetmask: false,
    netAt: 0,
    memory: 456,
    elementSize: 8,
    words(element, words) {
      words[0] = be32(element.ip);
      words[1] = portWord(element) | ((element.cidr - 1) << 24);
      return 2;
    },
  },
  {
    name: "hash:ip,port,ip",
    revision: 6,
    dimensions: ["ip", "port", "ip"],
    hasNetmask: false,
    netAt: -1,
    memory: 208,
    elementSize: 12,
    words(element, words) {
      words[0] = be32(element.ip);
      words[1] = be32(element.ip2);
      words[2] = portWord(element);
      return 3;
    },
  },
  {
    name: "hash:ip,port,net",
    revision: 8,
    dimensions: ["ip", "port", "net"],
    hasNetmask: false,
    netAt: 2,
    memory: 464,
    elementSize: 12,
    words(element, words) {
      words[0] = be32(element.ip);
      words[1] = be32(element.ip2);
      words[2] = be16(element.port) | ((element.cidr - 1) << 16) | (element.proto << 24);
      return 3;
    },
  },
];

export const SET_TYPES: ReadonlyMap<string, SetType> = new Map(TYPES.map((type) => [type.name, type]));
