// What 28's daemon refuses before it asks anybody: address pools and the settings of an endpoint, all complaints at once.
// Answers to moby api/types/network/{ipam,endpoint}.go and daemon/container_operations.go at v28.5.2.

import {
  cidrsOverlap,
  formatCidr,
  type Ipv4Cidr,
  inNetwork,
  networkOf,
  parseCidr,
  parseIpv4,
} from "../../wire/addr.ts";
import type { IpamConfig } from "../network.ts";
import type { EndpointWish } from "./generation.ts";

/** One complaint stands alone, several are a list (internal/multierror). */
function joined(complaints: readonly string[]): string {
  return complaints.length === 1 ? complaints[0]! : complaints.map((complaint) => `* ${complaint}`).join("\n");
}

/** The complaint about the pools of a network (ValidateIPAM), undefined when they are fine. */
export function ipamProblem(configs: readonly IpamConfig[]): string | undefined {
  const complaints = configs.flatMap(poolComplaints);
  return complaints.length === 0 ? undefined : `invalid network config:\n${joined(complaints)}`;
}

function poolComplaints(config: IpamConfig): string[] {
  const subnet = strictCidr(config.subnet);
  if (!subnet) return [`invalid subnet ${config.subnet}: invalid CIDR block notation`];
  const out: string[] = [];
  const whole = formatCidr(subnet.address, subnet.prefix);
  if (!isMasked(subnet)) out.push(`invalid subnet ${whole}: it should be ${masked(subnet)}`);
  out.push(...rangeComplaints(config.ipRange, subnet, whole));
  const about = (address: string): string | undefined => {
    if (address === "") return undefined;
    const parsed = parseIpv4(address);
    if (parsed === undefined) return "invalid address";
    return inNetwork(parsed, subnet.address, subnet.prefix)
      ? undefined
      : `parent subnet ${whole} doesn't contain this address`;
  };
  const gateway = about(config.gateway);
  if (gateway !== undefined) out.push(`invalid gateway ${config.gateway}: ${gateway}`);
  for (const [name, address] of config.auxAddresses) {
    const complaint = about(address);
    if (complaint !== undefined) out.push(`invalid auxiliary address ${name}: ${complaint}`);
  }
  return out;
}

function rangeComplaints(text: string, subnet: Ipv4Cidr, whole: string): string[] {
  if (text === "") return [];
  const range = strictCidr(text);
  if (!range) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  const out: string[] = [];
  if (range.prefix < subnet.prefix)
    out.push(`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${whole}`);
  if (!isMasked(range)) out.push(`invalid ip-range ${text}: it should be ${masked(range)}`);
  if (!cidrsOverlap(range, subnet))
    out.push(`invalid ip-range ${text}: parent subnet ${whole} doesn't contain ip-range`);
  return out;
}

/** As netip.ParsePrefix has it: the length is not left out. */
function strictCidr(text: string): Ipv4Cidr | undefined {
  return /\/\d{1,2}$/.test(text) ? parseCidr(text) : undefined;
}

const isMasked = ({ address, prefix }: Ipv4Cidr): boolean => networkOf(address, prefix) === address;
const masked = ({ address, prefix }: Ipv4Cidr): string => formatCidr(networkOf(address, prefix), prefix);

/** The complaint about an endpoint's settings (validateEndpointSettings), undefined when they are fine. */
export function endpointSettings(wish: EndpointWish): string | undefined {
  const complaints: string[] = [];
  if (!wish.userDefined) {
    if (wish.ip !== "") complaints.push("user specified IP address is supported on user defined networks only");
    if (wish.aliases.length > 0) complaints.push("network-scoped aliases are only supported for user-defined networks");
  }
  if (wish.ip !== "") {
    if (parseIpv4(wish.ip) === undefined) complaints.push(`invalid IPv4 address: ${wish.ip}`);
    if (!wish.staticSubnet || !wish.userDefined)
      complaints.push(
        "user specified IP address is supported only when connecting to networks with user configured subnets",
      );
    else if (!wish.contains) complaints.push(`no configured subnet or ip-range contain the IP address ${wish.ip}`);
  }
  return complaints.length === 0 ? undefined : `invalid endpoint settings:\n${joined(complaints)}`;
}
