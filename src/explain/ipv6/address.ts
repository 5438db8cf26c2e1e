// IPv6 addresses as numbers of 128 bits, for comparing prefixes.

import { formatIpv6, parseIpv6 } from "../../wire/addr.ts";

export type Addr6 = bigint;

export interface Prefix6 {
  readonly network: Addr6;
  readonly length: number;
}

const BITS = 128n;

/** Undefined: not an IPv6 address. */
export function addr6(text: string): Addr6 | undefined {
  const bytes = parseIpv6(text);
  return bytes?.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

export function addr6Text(address: Addr6): string {
  const bytes = new Uint8Array(16);
  for (let i = 15, rest = address; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return formatIpv6(bytes, 0);
}

/** "2001:db8::/32", or an address alone. */
export function prefix6(text: string): Prefix6 | undefined {
  const [address, length = "128"] = text.split("/");
  const network = addr6(address!);
  const bits = Number(length);
  return network === undefined || !Number.isInteger(bits) || bits < 0 || bits > 128
    ? undefined
    : { network, length: bits };
}

export function within6(address: Addr6, { network, length }: Prefix6): boolean {
  return (address ^ network) >> (BITS - BigInt(length)) === 0n;
}

export const isMulticast6 = (address: Addr6): boolean => address >> 120n === 0xffn;
