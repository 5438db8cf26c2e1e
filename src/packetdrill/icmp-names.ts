// packetdrill's names for ICMP types and codes (RFC 792, RFC 1122, RFC 1812).

const TYPES: Readonly<Record<string, number>> = {
  echo_reply: 0,
  unreachable: 3,
  source_quench: 4,
  redirect: 5,
  echo_request: 8,
  time_exceeded: 11,
  parameter_problem: 12,
  timestamp_request: 13,
  timestamp_reply: 14,
  information_request: 15,
  information_reply: 16,
  address_mask_request: 17,
  address_mask_reply: 18,
};

const UNREACHABLE_CODES: Readonly<Record<string, number>> = {
  net_unreachable: 0,
  host_unreachable: 1,
  protocol_unreachable: 2,
  port_unreachable: 3,
  frag_needed: 4,
  source_route_failed: 5,
  net_unknown: 6,
  host_unknown: 7,
  source_host_isolated: 8,
  net_prohibited: 9,
  host_prohibited: 10,
  net_unreachable_for_tos: 11,
  host_unreachable_for_tos: 12,
  packet_filtered: 13,
  precedence_violation: 14,
  precedence_cutoff: 15,
};

/** Type and code by name, also "type_11" and "code_1"; a sentence when there is none. */
export function icmpTypeAndCode(typeName: string, codeName: string | null): { type: number; code: number } | string {
  const type = TYPES[typeName] ?? numbered("type_", typeName);
  if (type === undefined) return `'${typeName}' is no ICMP type`;
  if (codeName === null) return { type, code: 0 };
  const code = (type === 3 ? UNREACHABLE_CODES[codeName] : undefined) ?? numbered("code_", codeName);
  return code === undefined ? `'${codeName}' is no code of ICMP ${typeName}` : { type, code };
}

/** The name of a type and code, as a script would say it. */
export function icmpText(type: number, code: number): string {
  const typeName = Object.keys(TYPES).find((name) => TYPES[name] === type) ?? `type_${type}`;
  if (type !== 3) return code === 0 ? typeName : `${typeName} code_${code}`;
  const codeName = Object.keys(UNREACHABLE_CODES).find((name) => UNREACHABLE_CODES[name] === code);
  return `${typeName} ${codeName ?? `code_${code}`}`;
}

function numbered(prefix: string, name: string): number | undefined {
  if (!name.startsWith(prefix) || !/^\d{1,3}$/.test(name.slice(prefix.length))) return undefined;
  const value = Number(name.slice(prefix.length));
  return value <= 255 ? value : undefined;
}
