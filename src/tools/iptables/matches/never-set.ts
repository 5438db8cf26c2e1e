// Texts of the matches realm and cgroup (extensions/libipt_realm.c, libxt_cgroup.c); realms by name and cgroups by path are
// refused.

import type { CgroupInfo, RealmInfo } from "../../../net/netfilter/matches/never-set.ts";
import type { UserExtension } from "../extension.ts";
import { hex, parameterProblem, strtouiPrefix } from "../xtables.ts";

/** Realm 0 in Debian's rt_realms, which names no other. */
const REALM_NAME = "cosmos";

function realmText({ id, mask }: RealmInfo, numeric: boolean): string {
  if (!numeric && id === 0 && mask >>> 0 === 0xffffffff) return REALM_NAME;
  return mask >>> 0 === 0xffffffff ? hex(id) : `${hex(id)}/${hex(mask)}`;
}

export const realm: UserExtension<RealmInfo> = {
  name: "realm",
  options: [{ name: "realm", type: "string", mandatory: true, invert: true }],
  init: () => ({ id: 0, mask: 0xffffffff, invert: false }),
  parse({ info, arg, invert }) {
    const bad = (): never => parameterProblem(`Realm "${arg}" not found`); // of /etc/iproute2/rt_realms
    const id = arg === REALM_NAME ? { value: 0, rest: "" } : (strtouiPrefix(arg, 0, 0xffffffff) ?? bad());
    info.id = id.value;
    if (id.rest.startsWith("/")) info.mask = strtouiPrefix(id.rest.slice(1), 0, 0xffffffff)?.value ?? bad();
    if (invert) info.invert = true;
  },
  print: (info, { numeric }) => `${info.invert ? " !" : ""} realm ${realmText(info, numeric)}`,
  save: (info) => `${info.invert ? " !" : ""} --realm ${realmText(info, false)}`,
};

export const cgroup: UserExtension<CgroupInfo> = {
  name: "cgroup",
  options: [{ name: "cgroup", type: "u32", invert: true }],
  init: () => ({ classid: undefined, invert: false }),
  parse({ info, num, invert }) {
    info.classid = num;
    if (invert) info.invert = true;
  },
  print: ({ classid, invert }) => ` cgroup${invert ? " !" : ""} ${classid}`,
  save: ({ classid, invert }) => `${invert ? " !" : ""} --cgroup ${classid}`,
};
