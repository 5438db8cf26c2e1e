// Steps of a transaction about sets, their elements and named objects. Answers to nf_tables_newset, nf_tables_newsetelem,
// nf_tables_newobj and their opposites in net/netfilter/nf_tables_api.c.

import { Errno } from "../../../base/errno.ts";
import type { TableChange } from "../nf-monitor.ts";
import type { Table } from "../nf-table.ts";
import { NftError } from "./error.ts";
import type { NftElement, NftObject, SetSpec } from "./expr.ts";
import { isVerdict, NftSet, sameData, sameKey } from "./set.ts";

export type SetOp =
  | { readonly type: "SET_ADD"; readonly table: string; readonly spec: SetSpec; readonly exclusive: boolean }
  | { readonly type: "SET_DEL"; readonly table: string; readonly set: string }
  | { readonly type: "SET_FLUSH"; readonly table: string; readonly set: string }
  | {
      readonly type: "ELEM_ADD" | "ELEM_DEL";
      readonly table: string;
      readonly set: string;
      readonly element: NftElement;
      readonly exclusive: boolean;
      /** virtual ns of now, from which a timeout counts */
      readonly now: number;
    };

export type ObjectOp =
  | { readonly type: "OBJ_ADD"; readonly table: string; readonly object: NftObject; readonly exclusive: boolean }
  | { readonly type: "OBJ_DEL" | "OBJ_RESET"; readonly table: string; readonly key: string };

/** Under what a table keeps an object. */
export function objectKey({ type, name }: Pick<NftObject, "type" | "name">): string {
  return `${type} ${name}`;
}

type Undo = (() => void)[];

/** Where changes are told to, while somebody listens. */
type Changes = TableChange[] | null;

export function applyToSets(table: Table, op: SetOp, undo: Undo, changes: Changes): void {
  if (op.type === "SET_ADD") {
    addSet(table, op.spec, op.exclusive, undo, changes);
    return;
  }
  const set = table.sets.get(op.set);
  if (!set) throw new NftError(Errno.ENOENT, "set");
  if (op.type === "SET_DEL") {
    if (set.users > 0) throw new NftError(Errno.EBUSY, "set");
    const before = [...table.sets];
    table.sets.delete(op.set);
    changes?.push({ isNew: false, table, kind: "set", set });
    undo.push(() => {
      table.sets.clear();
      for (const [name, each] of before) table.sets.set(name, each);
    });
    return;
  }
  const before = [...set.elements];
  undo.push(() => {
    set.elements.splice(0, set.elements.length, ...before);
    set.changed();
  });
  set.changed();
  if (op.type === "SET_FLUSH") {
    for (const element of before) changes?.push({ isNew: false, table, kind: "element", set, element });
    set.elements.length = 0;
    return;
  }
  changes?.push({ isNew: op.type === "ELEM_ADD", table, kind: "element", set, element: op.element });
  if (op.type === "ELEM_DEL") deleteElement(set, op.element);
  else addElement(table, set, op.element, op.exclusive, op.now);
}

function addSet(table: Table, spec: SetSpec, exclusive: boolean, undo: Undo, changes: Changes): void {
  const old = table.sets.get(spec.name);
  if (old) {
    const types = (s: SetSpec): string => `${s.keyTypes}:${s.dataTypes}`;
    if (exclusive || types(old.spec) !== types(spec)) throw new NftError(Errno.EEXIST, "set");
    return;
  }
  const set = new NftSet(spec, table.nextHandle());
  table.sets.set(spec.name, set);
  changes?.push({ isNew: true, table, kind: "set", set });
  undo.push(() => table.sets.delete(spec.name));
}

function deleteElement(set: NftSet, { key }: NftElement): void {
  const at = set.elements.findIndex((element) => sameKey(element.key, key));
  if (at < 0) throw new NftError(Errno.ENOENT, "element");
  set.elements.splice(at, 1);
}

function addElement(table: Table, set: NftSet, element: NftElement, exclusive: boolean, now: number): void {
  const at = set.elements.findIndex((other) => sameKey(other.key, element.key));
  const old = set.elements[at];
  if (old && old.expires > now) {
    if (exclusive || !sameData(old.data, element.data)) throw new NftError(Errno.EEXIST, "element");
    return;
  }
  if (old) set.elements.splice(at, 1);
  if (isVerdict(element.data) && element.data.chain !== "") {
    const to = table.chains.get(element.data.chain);
    if (!to) throw new NftError(Errno.ENOENT, "element");
    if (to.base !== null) throw new NftError(Errno.EOPNOTSUPP, "element");
  }
  if (set.size !== null && set.elements.length >= set.size) throw new NftError(Errno.ENFILE, "element");
  const timeoutNs = element.timeoutNs ?? set.spec.timeoutNs;
  element.expires = timeoutNs === null ? Number.POSITIVE_INFINITY : now + timeoutNs;
  if (set.spec.counter) element.counter ??= { packets: 0, bytes: 0 };
  set.elements.push(element);
}

export function applyToObjects(table: Table, op: ObjectOp, undo: Undo, changes: Changes): void {
  if (op.type === "OBJ_ADD") {
    const key = objectKey(op.object);
    if (table.objects.has(key)) {
      if (op.exclusive) throw new NftError(Errno.EEXIST, "name");
      return;
    }
    op.object.handle = table.nextHandle();
    table.objects.set(key, op.object);
    changes?.push({ isNew: true, table, kind: "object", object: op.object });
    undo.push(() => table.objects.delete(key));
    return;
  }
  const object = table.objects.get(op.key);
  if (!object) throw new NftError(Errno.ENOENT, "name");
  if (op.type === "OBJ_RESET") {
    if (object.type === "counter") {
      const { packets, bytes } = object;
      Object.assign(object, { packets: 0, bytes: 0 });
      undo.push(() => Object.assign(object, { packets, bytes }));
    } else if (object.type === "quota") {
      const { used } = object;
      object.used = 0;
      undo.push(() => {
        object.used = used;
      });
    }
    return;
  }
  for (const chain of table.chains.values())
    for (const rule of chain.rules) if (rule.objects().includes(op.key)) throw new NftError(Errno.EBUSY, "name");
  const before = [...table.objects];
  table.objects.delete(op.key);
  changes?.push({ isNew: false, table, kind: "object", object });
  undo.push(() => {
    table.objects.clear();
    for (const [key, each] of before) table.objects.set(key, each);
  });
}
