// Programs that most scripts do not run. They are loaded together when one of them is asked for: a file for each of them would take
// a script that uses none longer than reading them all does, because what they share would be in files of its own.

export { arping } from "./arping.ts";
export { bridge } from "./bridge/bridge.ts";
export { busyboxArping } from "./busybox-arping.ts";
export { busyboxTraceroute } from "./busybox-traceroute.ts";
export { conntrack } from "./conntrack/conntrack.ts";
export { dig } from "./dig/dig.ts";
export { busyboxNslookup, host, nslookup } from "./dig/nslookup.ts";
export { ethtool } from "./ethtool/ethtool.ts";
export { iperf3 } from "./iperf3/iperf3.ts";
export { ipset } from "./ipset/ipset.ts";
export { busyboxNetstat } from "./netstat/busybox.ts";
export { netstat } from "./netstat/netstat.ts";
export { nft } from "./nft/nft.ts";
export { nstat } from "./nstat.ts";
export { ss, ss72 } from "./ss/ss.ts";
export { tc } from "./tc/tc.ts";
export { busyboxTelnet, telnet } from "./telnet.ts";
export { tracepath } from "./tracepath.ts";
export { traceroute } from "./traceroute/traceroute.ts";
