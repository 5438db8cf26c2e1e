// What all of iptables uses: its errors, numbers in C's notation, addresses and ports as it reads and prints them.
// Answers to libxtables/xtables.c of iptables 1.8.9.

import { formatIpv4, maskToPrefix, prefixToMask } from "../../wire/addr.ts";
import { type NameService, protocolByName, serviceByName, serviceByPort } from "./names.ts";

/** Debian 12's iptables, and Debian forky's, which says "tcp" for 6 even with -n. */
export type IptablesVersion = "1.8.9" | "1.8.13";

// enum xtables_exittype: exit statuses
export const OTHER_PROBLEM = 1;
export const PARAMETER_PROBLEM = 2;
export const VERSION_PROBLEM = 3;
export const RESOURCE_PROBLEM = 4;

/** xtables_error: ends the program with `status` after "iptables v…: message". */
export class XtablesError extends Error {
  override readonly name: string = "XtablesError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Ends the program with `status`; what is to be said has been. */
export class XtablesExit extends Error {
  override readonly name: string = "XtablesExit";
  readonly status: number;

  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

/** A mistake of the user's (status 2, and the advice to ask for help). */
export function parameterProblem(message: string): never {
  throw new XtablesError(PARAMETER_PROBLEM, message);
}

/** Where the program writes. */
export class Output {
  out = "";
  err = "";
  readonly version: IptablesVersion;

  constructor(version: IptablesVersion = "1.8.9") {
    this.version = version;
  }

  /** as programs name it */
  get fullVersion(): string {
    return `${this.version} (nf_tables)`;
  }
}

/** A number at the beginning of `text` as strtoul(3) with base 0 reads it, and what follows; undefined: there is none. */
export function strtoul(text: string): { value: number; rest: string } | undefined {
  const match = /^\s*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (!match) return undefined;
  const digits = match[1]!;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return { value, rest: text.slice(match[0].length) };
}

/** The same within bounds (xtables_strtoul with an end pointer). */
export function strtouiPrefix(text: string, min: number, max: number): { value: number; rest: string } | undefined {
  const number = strtoul(text);
  return number && number.value >= min && number.value <= max ? number : undefined;
}

/** The whole text is a number within bounds (xtables_strtoui without an end pointer); else undefined. */
export function strtoui(text: string, min: number, max: number): number | undefined {
  const number = strtouiPrefix(text, min, max);
  return number && number.rest === "" ? number.value : undefined;
}

/** atoi(3) */
export function atoi(text: string): number {
  const match = /^\s*[+-]?\d+/.exec(text);
  return match ? Number(match[0]) : 0;
}

export function parsePort(text: string, proto: string | undefined): number {
  return (
    strtoui(text, 0, 0xffff) ??
    serviceByName(text, proto) ??
    parameterProblem(`invalid port/service \`${text}' specified`)
  );
}

/** A port by its name where there is one and names are wanted. */
export function printPort(port: number, proto: string, numeric: boolean): string {
  return (numeric ? undefined : serviceByPort(port, proto)) ?? String(port);
}

export function parseProtocol(text: string): number {
  return strtoui(text, 0, 255) ?? protocolByName(text) ?? parameterProblem(`unknown protocol "${text}" specified`);
}

/** Checks an interface name; a warning goes to stderr. */
export function parseInterface(text: string, output: Output): string {
  if (text.length + 1 > 16)
    parameterProblem(
      `interface name \`${text}' must be shorter than ${output.version === "1.8.9" ? "IFNAMSIZ (15)" : "16 characters"}`,
    );
  if (/[/ ]/.test(text))
    output.err += `Warning: weird character in interface \`${text}' ('/' and ' ' are not allowed by the kernel).\n`;
  return text;
}

/** Up to four numbers parted by dots; fewer are filled up on the right unless it is a mask. */
export function numericToIp(dotted: string, isMask: boolean): number | undefined {
  const parts = dotted.slice(0, 19).split(".");
  if (parts.length > 4 || (isMask && parts.length !== 4)) return undefined;
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const part = parts[i];
    const byte = part === undefined ? 0 : strtoui(part, 0, 255);
    if (byte === undefined) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

function parseIpMask(text: string | undefined): number {
  if (text === undefined) return 0xffffffff;
  const dotted = numericToIp(text, true);
  if (dotted !== undefined) return dotted;
  const bits = strtoui(text, 0, 32);
  return bits === undefined ? parameterProblem(`invalid mask \`${text}' specified`) : prefixToMask(bits);
}

function hostNetwork(text: string, names: NameService): number[] {
  const numeric = numericToIp(text, false) ?? names.networkAddress(text);
  if (numeric !== undefined) return [numeric];
  const addresses = names.addressesOf(text);
  return typeof addresses !== "string" ? addresses : parameterProblem(`host/network \`${text}' not found`);
}

export interface AddrMask {
  readonly addr: number;
  readonly mask: number;
}

/** "a,b/8,name": every address with its mask (xtables_ipparse_multiple). */
export function parseAddresses(text: string, names: NameService): AddrMask[] {
  return text.split(",").flatMap((item) => {
    let host = item.trimStart();
    const slash = host.lastIndexOf("/");
    const mask = parseIpMask(slash < 0 ? undefined : host.slice(slash + 1));
    if (slash >= 0) host = host.slice(0, slash);
    if (mask === 0) host = "0.0.0.0";
    return hostNetwork(host, names).map((addr) => ({ addr: (addr & mask) >>> 0, mask }));
  });
}

/** "/8", "" for a host, "/255.0.255.0" for what is no prefix (xtables_ipmask_to_numeric). */
export function maskSuffix(mask: number): string {
  const prefix = maskToPrefix(mask);
  if (prefix === undefined) return `/${formatIpv4(mask)}`;
  return prefix === 32 ? "" : `/${prefix}`;
}

export function addressName(addr: number, names: NameService): string {
  return names.hostOf(addr) ?? names.networkOf(addr) ?? formatIpv4(addr);
}

/** A word, in double quotes where a shell would need them (xtables_save_string), with a blank in front. */
export function saveString(value: string): string {
  if (/^[-_0-9a-zA-Z]+$/.test(value)) return ` ${value}`;
  return ` "${value.replace(/["\\']/g, "\\$&")}"`;
}

/** Packets and bytes in a column: exact in eight places, or at most five with K, M, G, T (xtables_print_num). */
export function printNumber(number: number, exact: boolean, table = true): string {
  const pad = (text: string, width: number): string => `${table ? text.padStart(width) : text} `;
  if (exact) return pad(String(number), 8);
  if (number <= 99999) return pad(String(number), 5);
  let value = number;
  for (const unit of ["K", "M", "G"]) {
    value = Math.floor((value + 500) / 1000);
    if (value <= 9999) return `${table ? String(value).padStart(4) : value}${unit} `;
  }
  value = Math.floor((value + 500) / 1000);
  return `${table ? String(value).padStart(4) : value}T `;
}

/** 0x… as printf("%x") writes it. */
export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

/** 0x.. with two digits. */
export function hex2(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`;
}

/** " 0x1" or " 0x1/0xff" (xtables_print_mark_mask). */
export function printMarkMask(mark: number, mask: number): string {
  return mask >>> 0 === 0xffffffff ? ` ${hex(mark)}` : ` ${hex(mark)}/${hex(mask)}`;
}
