// An error of a transaction that says which part of the request it is about, as the kernel's netlink replies do
// (NLMSGERR_ATTR_OFFS).

import { NetError } from "../../../base/errno.ts";

export type NftErrorPart =
  | "table"
  | "chain"
  | "set"
  | "name"
  | "jump"
  | "handle"
  | "set statement"
  | "position"
  | "element";

export class NftError extends NetError {
  readonly at: NftErrorPart;

  constructor(errno: number, at: NftErrorPart) {
    super(errno);
    this.at = at;
  }
}
