// What ipset says when it cannot do something (ipset 7.17: lib/errcode.c, lib/parse.c).

import type { SetErrorCode } from "../../net/netfilter/ip-set-types.ts";

/** Ends a command: "ipset v7.17: message", and for a mistake in its words the advice to ask for help. */
export class IpsetError extends Error {
  override readonly name: string = "IpsetError";
  readonly status: 1 | 2;

  constructor(message: string, status: 1 | 2 = 1) {
    super(message);
    this.status = status;
  }
}

export function syntaxError(message: string): never {
  throw new IpsetError(`Syntax error: ${message}`);
}

export function usageError(message: string): never {
  throw new IpsetError(message, 2);
}

const TEXTS: Readonly<Record<SetErrorCode, string>> = {
  EXIST: "Element cannot be added to the set: it's already added",
  MISSING: "Element cannot be deleted from the set: it's not added",
  ENOENT: "The set with the given name does not exist",
  TYPE: "Kernel error received: set type not supported",
  SET_EXIST: "Set cannot be created: set with the same name already exists",
  BUSY: "Set cannot be destroyed: it is in use by a kernel component",
  REFERENCED: "Set cannot be renamed: it is in use by another system",
  RENAME_EXIST: "Set cannot be renamed: a set with the new name already exists",
  TYPE_MISMATCH: "The sets cannot be swapped: their type does not match",
  HASH_FULL: "Hash is full, cannot add more elements",
  INVALID_CIDR: "The value of the CIDR parameter of the IP address is invalid",
  NULL_ELEMENT: "Null-valued element, cannot be stored in a hash type of set",
  TIMEOUT: "Timeout cannot be used: set was created without timeout support",
  COUNTER: "Packet/byte counters cannot be used: set was created without counter support",
  COMMENT: "Comment cannot be used: set was created without comment support",
};

export function kernelError(code: SetErrorCode): string {
  return TEXTS[code];
}
