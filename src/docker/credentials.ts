// Who a container's processes are and what they may do: --user after the container's own passwd and group files, the
// capabilities that Docker leaves, --cap-add, --cap-drop, --privileged. Answers to runc libcontainer/user/user.go and moby
// oci/caps/utils.go.

import { decodeUtf8 } from "../base/text.ts";
import { LayeredChildren } from "../posix/layered.ts";
import type { Credentials } from "../posix/process.ts";
import type { Container } from "./container.ts";

/** What a container has that asks for nothing (oci/caps/defaults.go). */
const DEFAULT_CAPABILITIES = [
  ...["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP"],
  ...["NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"],
];

/** Capabilities that a container may have or lack (capabilities(7)). */
export const CAPABILITIES: ReadonlySet<string> = new Set(
  `AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER
  FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE
  NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT
  SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM`.split(/\s+/),
);

/** "cap_net_admin" → "NET_ADMIN" */
export function capabilityName(word: string): string {
  return word.toUpperCase().replace(/^CAP_/, "");
}

/** one for all containers that ask for nothing else */
const DEFAULT_SET: ReadonlySet<string> = new Set(DEFAULT_CAPABILITIES);

/** caps.TweakCapabilities */
function capabilitiesOf(container: Container, privileged: boolean): ReadonlySet<string> {
  if (privileged) return CAPABILITIES;
  const { capAdd, capDrop } = container.request;
  if (capAdd.length === 0 && capDrop.length === 0) return DEFAULT_SET;
  const added = capAdd.map(capabilityName);
  const dropped = new Set(capDrop.map(capabilityName));
  const base = added.includes("ALL") ? CAPABILITIES : dropped.has("ALL") ? [] : DEFAULT_CAPABILITIES;
  const kept = [...base].filter((name) => !dropped.has(name));
  return new Set([...kept, ...added.filter((name) => name !== "ALL")]);
}

export interface User {
  readonly cred: Credentials;
  /** $HOME, unless the container's environment has one */
  readonly home: string;
}

/**
 * The user "NAME|UID[:GROUP|GID]" of a container, or the complaint about it.
 * @param privileged of the container, or of an exec
 */
export function userOf(container: Container, text: string, privileged: boolean): User | string {
  const [name = "", group = ""] = text.split(":") as [string, string | undefined];
  const accounts = fields(container, "passwd");
  const account = accounts.find(([login, , uid]) => (name === "" ? uid === "0" : login === name || uid === name));
  const uid = account ? Number(account[2]) : numericId(name);
  if (typeof uid !== "number") return uid ?? `unable to find user ${name}: no matching entries in passwd file`;
  let gid: number | string | undefined = account ? Number(account[3]) : 0;
  if (group !== "") {
    const entry = fields(container, "group").find(([title, , number]) => title === group || number === group);
    gid = entry ? Number(entry[2]) : numericId(group);
    if (typeof gid !== "number") return gid ?? `unable to find group ${group}: no matching entries in group file`;
  }
  const readOnlySysctl = !container.request.privileged;
  // without ambient capabilities they are lost to all but root (capabilities(7))
  const capabilities = uid === 0 ? capabilitiesOf(container, privileged) : new Set<string>();
  return { cred: { uid, gid, capabilities, readOnlySysctl }, home: account?.[5] || (uid === 0 ? "/root" : "/") };
}

const MAX_ID = 2147483647;

/** A number; a complaint about one that is too great; undefined for what is no number. */
function numericId(text: string): number | string | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = Number(text);
  return id < 0 || id > MAX_ID ? `uids and gids must be in range 0-${MAX_ID}` : id;
}

/** The lines of /etc/passwd or /etc/group, by field. */
function fields(container: Container, file: string): string[][] {
  const etc = container.rootfs.root.children.get("etc");
  const { children } = etc?.kind === "dir" ? etc : { children: null };
  const node = children instanceof LayeredChildren ? children.peek(file) : children?.get(file);
  if (node?.kind !== "file") return [];
  return decodeUtf8(node.data, 0, node.size)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(":"));
}
