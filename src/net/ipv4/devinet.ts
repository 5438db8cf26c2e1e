// (signatures first; body follows)
import type { NetDevice } from "../core/net-device.ts";
import type { Ipv4 } from "./ipv4.ts";
export interface Ipv4Devconf { forwarding: number }
export interface InIfaddr { local: number; address: number; prefix: number; broadcast: number; scope: number; label: string; flags: number; dev: NetDevice }
/** inet_select_addr: an address of `dev` (null: of any) good for `dst` (0 any) of at most `scope`; 0 none. MASQUERADE uses it. */
export declare function inetSelectAddr(ip4: Ipv4, dev: NetDevice | null, dst: number, scope: number): number;
export declare function ipDevFind(ip4: Ipv4, addr: number): NetDevice | null;
