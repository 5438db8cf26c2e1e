// The ports that a container publishes, in the order in which dockerd maps them: larger host ports first, then larger
// container ports, TCP before UDP. Answers to moby daemon/container_operations.go (buildSandboxOptions) and
// go-connections nat/sort.go.

import type { Container, PortBinding } from "./container.ts";
import type { PortRequest } from "./endpoint.ts";
import type { ExposedPort } from "./generations/generation.ts";

/** "80/tcp" → its parts. */
export function parsePort(text: string): ExposedPort {
  const [port, protocol] = text.split("/");
  return { port: Number(port), protocol: protocol ?? "tcp" };
}

interface Entry {
  readonly text: string;
  readonly binding: PortBinding | undefined;
}

/** nat.SortPortMap: exposed ports with the bindings of each. */
export function sortedPorts(
  exposed: readonly string[],
  bindings: ReadonlyMap<string, readonly PortBinding[]>,
): [port: string, bindings: PortBinding[]][] {
  const entries: Entry[] = exposed.flatMap((text): Entry[] => {
    const bound = bindings.get(text) ?? [];
    return bound.length > 0 ? bound.map((binding) => ({ text, binding })) : [{ text, binding: undefined }];
  });
  insertionSort(entries, comesBefore);
  const out = new Map<string, PortBinding[]>();
  for (const { text, binding } of entries) {
    const list = out.get(text) ?? [];
    if (binding) list.push(binding);
    out.set(text, list);
  }
  return [...out];
}

function comesBefore(a: Entry, b: Entry): boolean {
  const [pa, pb] = [parsePort(a.text), parsePort(b.text)];
  const [ha, hb] = [hostPortNumber(a.binding), hostPortNumber(b.binding)];
  return ha > hb || pa.port > pb.port || (pa.port === pb.port && pa.protocol === "tcp");
}

/** A range or nothing counts as 0. */
function hostPortNumber(binding: PortBinding | undefined): number {
  return binding && /^\d+$/.test(binding.hostPort) ? Number(binding.hostPort) : 0;
}

/** As Go's sort does for fewer than twelve; the order above is not a strict one, so the method counts. */
function insertionSort<T>(list: T[], before: (a: T, b: T) => boolean): void {
  for (let i = 1; i < list.length; i++)
    for (let j = i; j > 0 && before(list[j]!, list[j - 1]!); j--) [list[j], list[j - 1]] = [list[j - 1]!, list[j]!];
}

/**
 * V8's compiled code makes doubles of digits where it made small integers before, and when one is stored all objects of its kind become
 * others: a port went as far as the sockets and the flows, and 150 functions were compiled anew in the middle of a sweep (4 to 6 % of
 * 12,000 runs of scenario 02 with two workers).
 */
const wholeNumber = (digits: string): number => Number(digits) | 0;

/** What the bridge driver is to map for a container. */
export function portRequests(container: Container): PortRequest[] {
  const { request } = container;
  const out: PortRequest[] = [];
  for (const [text, bindings] of sortedPorts(container.exposedPorts, request.portBindings)) {
    const { port, protocol } = parsePort(text);
    for (const { hostIp, hostPort } of bindings) {
      const [start, end] = hostPort === "" ? [0, 0] : hostPort.split("-").map(wholeNumber);
      out.push({ port, protocol, hostIp, hostPort: start!, hostPortEnd: end ?? start! });
    }
    if (bindings.length === 0 && request.publishAll)
      out.push({ port, protocol, hostIp: "", hostPort: 0, hostPortEnd: 0 });
  }
  return out;
}

export function exposedPorts(container: Container): ExposedPort[] {
  return sortedPorts(container.exposedPorts, container.request.portBindings).map(([text]) => parsePort(text));
}
