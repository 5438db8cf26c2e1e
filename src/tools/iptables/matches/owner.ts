// Text of the match owner (extensions/libxt_owner.c, revision 1).

import {
  type OwnerInfo,
  XT_OWNER_GID,
  XT_OWNER_SOCKET,
  XT_OWNER_SUPPL_GROUPS,
  XT_OWNER_UID,
} from "../../../net/netfilter/matches/owner.ts";
import type { UserExtension } from "../extension.ts";
import type { NameService } from "../names.ts";
import { parameterProblem, strtouiPrefix } from "../xtables.ts";

function parseRange(text: string, option: string): [number, number] {
  const bad = (): never => parameterProblem(`owner: Bad value for "${option}" option: "${text}"`);
  const from = strtouiPrefix(text, 0, 0xfffffffe) ?? bad();
  let to = from;
  if (/^[-:]/.test(from.rest)) to = strtouiPrefix(from.rest.slice(1), 0, 0xfffffffe) ?? bad();
  return to.rest === "" ? [from.value, to.value] : bad();
}

function item(
  info: OwnerInfo,
  label: string,
  flag: number,
  min: number,
  max: number,
  nameOf: ((id: number) => string | undefined) | null,
): string {
  if (!(info.match & flag)) return "";
  const text = `${info.invert & flag ? " !" : ""} ${label}`;
  if (flag !== XT_OWNER_UID && flag !== XT_OWNER_GID) return text;
  return `${text} ${min === max ? (nameOf?.(min) ?? min) : `${min}-${max}`}`;
}

function ownerText(info: OwnerInfo, labels: readonly string[], names: NameService | null): string {
  const user = names && ((id: number): string | undefined => names.nameOfId("user", id));
  const group = names && ((id: number): string | undefined => names.nameOfId("group", id));
  return (
    item(info, labels[0]!, XT_OWNER_SOCKET, 0, 0, null) +
    item(info, labels[1]!, XT_OWNER_UID, info.uidMin, info.uidMax, user) +
    item(info, labels[2]!, XT_OWNER_GID, info.gidMin, info.gidMax, group) +
    item(info, labels[3]!, XT_OWNER_SUPPL_GROUPS, 0, 0, null)
  );
}

export const owner: UserExtension<OwnerInfo> = {
  name: "owner",
  options: [
    { name: "uid-owner", type: "string", invert: true },
    { name: "gid-owner", type: "string", invert: true },
    { name: "socket-exists", type: "none", invert: true },
    { name: "suppl-groups", type: "none" },
  ],
  init: () => ({ uidMin: 0, uidMax: 0, gidMin: 0, gidMax: 0, match: 0, invert: 0 }),
  parse({ info, option, arg, invert, names }) {
    let flag = XT_OWNER_SOCKET;
    if (option === "uid-owner" || option === "gid-owner") {
      const isUser = option === "uid-owner";
      const id = names.idOf(isUser ? "user" : "group", arg);
      const [from, to] = id === undefined ? parseRange(arg, `--${option}`) : [id, id];
      if (isUser) Object.assign(info, { uidMin: from, uidMax: to });
      else Object.assign(info, { gidMin: from, gidMax: to });
      flag = isUser ? XT_OWNER_UID : XT_OWNER_GID;
    } else if (option === "suppl-groups") {
      if (!(info.match & XT_OWNER_GID))
        parameterProblem('owner: Bad value for "--suppl-groups" option: "you need to use --gid-owner first"');
      flag = XT_OWNER_SUPPL_GROUPS;
    }
    info.match |= flag;
    if (invert) info.invert |= flag;
  },
  check(_info, used) {
    if (used.size === 0)
      parameterProblem("owner: At least one of --uid-owner, --gid-owner or --socket-exists is required");
  },
  print: (info, { numeric, names }) =>
    ownerText(
      info,
      ["owner socket exists", "owner UID match", "owner GID match", "incl. suppl. groups"],
      numeric ? null : names,
    ),
  save: (info) => ownerText(info, ["--socket-exists", "--uid-owner", "--gid-owner", "--suppl-groups"], null),
};
