// Two routers in a row, for tests of what looks along a path: a – r1 – r2 – s, 10.0.1.0/24 to 10.0.3.0/24, as the recordings
// of traceroute were made.

import { Lab } from "../../src/scenario/lab.ts";

const SETUP = `
for n in a r1 r2 s; do ip netns add $n; ip -n $n link set lo up; done
ip link add eth0 netns a address 02:00:00:00:01:02 type veth peer name lan netns r1 address 02:00:00:00:01:01
ip link add wan netns r1 address 02:00:00:00:02:01 type veth peer name lan netns r2 address 02:00:00:00:02:02
ip link add wan netns r2 address 02:00:00:00:03:01 type veth peer name eth0 netns s address 02:00:00:00:03:02
ad() { ip -n $1 addr add $3 dev $2; ip -n $1 link set $2 up; }
ad a eth0 10.0.1.2/24; ad r1 lan 10.0.1.1/24; ad r1 wan 10.0.2.1/24
ad r2 lan 10.0.2.2/24; ad r2 wan 10.0.3.1/24; ad s eth0 10.0.3.2/24
for n in r1 r2; do ip netns exec $n sysctl -qw net.ipv4.ip_forward=1; done
ip -n a route add default via 10.0.1.1; ip -n r1 route add default via 10.0.2.2
ip -n r2 route add default via 10.0.2.1;  ip -n s route add default via 10.0.3.1
`;

/** Shell of the outer host; `t COMMAND` runs one in `a` and prints "$ COMMAND", both streams and "[status]". */
export async function routers(): Promise<{ lab: Lab; sh: (script: string) => Promise<string> }> {
  const lab = new Lab();
  const host = lab.addHost("host");
  const run = async (script: string): Promise<string> => {
    const { stdout, stderr } = await host.sh(
      `t() { echo "\\$ $*"; ip netns exec a "$@" 2>&1; echo "[$?]"; }\n${script}`,
    );
    return stdout + stderr;
  };
  const said = await run(SETUP);
  if (said !== "") throw new Error(said);
  return { lab, sh: run };
}

/** Measured times become T. */
export function still(text: string): string {
  return text.replace(/\d+\.\d{3} ms/g, "T");
}
