// What `ethtool -k` lists for each kind of device on Linux 6.18 (ethtool 6.1), recorded from a real kernel. A feature that the
// engine models names its switch; the others are as they always are here.

import type { Features } from "../../net/core/net-device.ts";

/** One line of `ethtool -k`: "name: on", indented below its group, "[fixed]" when it cannot be changed. */
export interface FeatureLine {
  readonly name: string;
  readonly indented: boolean;
  readonly fixed: boolean;
  /** on or off for ever, or the switch that it follows */
  readonly state: boolean | keyof Features;
}

function lines(text: string): readonly FeatureLine[] {
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [, indent, name, state, fixed] = /^( ?)(\S+) (\S+?)(!?)$/.exec(line)!;
      return {
        name: name!,
        indented: indent === " ",
        fixed: fixed === "!",
        state: state === "on" ? true : state === "off" ? false : (state as keyof Features),
      };
    });
}

export const VETH_FEATURES: readonly FeatureLine[] = lines(`
rx-checksumming rxCsum
tx-checksumming txCsum
 tx-checksum-ipv4 off!
 tx-checksum-ip-generic txCsum
 tx-checksum-ipv6 off!
 tx-checksum-fcoe-crc off!
 tx-checksum-sctp txCsum
scatter-gather sg
 tx-scatter-gather sg
 tx-scatter-gather-fraglist sg
tcp-segmentation-offload tso
 tx-tcp-segmentation tso
 tx-tcp-ecn-segmentation tso
 tx-tcp-mangleid-segmentation tso
 tx-tcp6-segmentation tso
 tx-tcp-accecn-segmentation tso
generic-segmentation-offload gso
generic-receive-offload gro
large-receive-offload off!
rx-vlan-offload on
tx-vlan-offload on
ntuple-filters off!
receive-hashing off!
highdma on
rx-vlan-filter off!
vlan-challenged off!
tx-gso-robust off!
tx-fcoe-segmentation off!
tx-gre-segmentation on
tx-gre-csum-segmentation on
tx-ipxip4-segmentation on
tx-ipxip6-segmentation on
tx-udp_tnl-segmentation on
tx-udp_tnl-csum-segmentation on
tx-gso-partial off!
tx-tunnel-remcsum-segmentation off!
tx-sctp-segmentation on
tx-esp-segmentation off!
tx-udp-segmentation txCsum
tx-gso-list on
tx-nocache-copy off
loopback off!
rx-fcs off!
rx-all off!
tx-vlan-stag-hw-insert on
rx-vlan-stag-hw-parse on
rx-vlan-stag-filter off!
l2-fwd-offload off!
hw-tc-offload off!
esp-hw-offload off!
esp-tx-csum-hw-offload off!
rx-udp_tunnel-port-offload off!
tls-hw-tx-offload off!
tls-hw-rx-offload off!
rx-gro-hw off!
tls-hw-record off!
rx-gro-list off
macsec-hw-offload off!
rx-udp-gro-forwarding off
hsr-tag-ins-offload off!
hsr-tag-rm-offload off!
hsr-fwd-offload off!
hsr-dup-offload off!
`);

export const LOOPBACK_FEATURES: readonly FeatureLine[] = lines(`
rx-checksumming on!
tx-checksumming txCsum
 tx-checksum-ipv4 off!
 tx-checksum-ip-generic on!
 tx-checksum-ipv6 off!
 tx-checksum-fcoe-crc off!
 tx-checksum-sctp on!
scatter-gather sg
 tx-scatter-gather on!
 tx-scatter-gather-fraglist on!
tcp-segmentation-offload tso
 tx-tcp-segmentation tso
 tx-tcp-ecn-segmentation tso
 tx-tcp-mangleid-segmentation tso
 tx-tcp6-segmentation tso
 tx-tcp-accecn-segmentation tso
generic-segmentation-offload gso
generic-receive-offload gro
large-receive-offload off!
rx-vlan-offload off!
tx-vlan-offload off!
ntuple-filters off!
receive-hashing off!
highdma on!
rx-vlan-filter off!
vlan-challenged on!
tx-gso-robust off!
tx-fcoe-segmentation off!
tx-gre-segmentation off!
tx-gre-csum-segmentation off!
tx-ipxip4-segmentation off!
tx-ipxip6-segmentation off!
tx-udp_tnl-segmentation off!
tx-udp_tnl-csum-segmentation off!
tx-gso-partial off!
tx-tunnel-remcsum-segmentation off!
tx-sctp-segmentation on
tx-esp-segmentation off!
tx-udp-segmentation txCsum
tx-gso-list on
tx-nocache-copy off!
loopback on!
rx-fcs off!
rx-all off!
tx-vlan-stag-hw-insert off!
rx-vlan-stag-hw-parse off!
rx-vlan-stag-filter off!
l2-fwd-offload off!
hw-tc-offload off!
esp-hw-offload off!
esp-tx-csum-hw-offload off!
rx-udp_tunnel-port-offload off!
tls-hw-tx-offload off!
tls-hw-rx-offload off!
rx-gro-hw off!
tls-hw-record off!
rx-gro-list off
macsec-hw-offload off!
rx-udp-gro-forwarding off
hsr-tag-ins-offload off!
hsr-tag-rm-offload off!
hsr-fwd-offload off!
hsr-dup-offload off!
`);

export const BRIDGE_FEATURES: readonly FeatureLine[] = lines(`
rx-checksumming off!
tx-checksumming txCsum
 tx-checksum-ipv4 off!
 tx-checksum-ip-generic txCsum
 tx-checksum-ipv6 off!
 tx-checksum-fcoe-crc off!
 tx-checksum-sctp off!
scatter-gather sg
 tx-scatter-gather sg
 tx-scatter-gather-fraglist sg
tcp-segmentation-offload tso
 tx-tcp-segmentation tso
 tx-tcp-ecn-segmentation tso
 tx-tcp-mangleid-segmentation tso
 tx-tcp6-segmentation tso
 tx-tcp-accecn-segmentation tso
generic-segmentation-offload gso
generic-receive-offload gro
large-receive-offload off!
rx-vlan-offload off!
tx-vlan-offload on
ntuple-filters off!
receive-hashing off!
highdma on
rx-vlan-filter off!
vlan-challenged off!
tx-gso-robust on
tx-fcoe-segmentation on
tx-gre-segmentation on
tx-gre-csum-segmentation on
tx-ipxip4-segmentation on
tx-ipxip6-segmentation on
tx-udp_tnl-segmentation on
tx-udp_tnl-csum-segmentation on
tx-gso-partial on
tx-tunnel-remcsum-segmentation on
tx-sctp-segmentation on
tx-esp-segmentation on
tx-udp-segmentation txCsum
tx-gso-list on
tx-nocache-copy off
loopback off!
rx-fcs off!
rx-all off!
tx-vlan-stag-hw-insert on
rx-vlan-stag-hw-parse off!
rx-vlan-stag-filter off!
l2-fwd-offload off!
hw-tc-offload off!
esp-hw-offload off!
esp-tx-csum-hw-offload off!
rx-udp_tunnel-port-offload off!
tls-hw-tx-offload off!
tls-hw-rx-offload off!
rx-gro-hw off!
tls-hw-record off!
rx-gro-list off
macsec-hw-offload off!
rx-udp-gro-forwarding off
hsr-tag-ins-offload off!
hsr-tag-rm-offload off!
hsr-fwd-offload off!
hsr-dup-offload off!
`);

export const MACVLAN_FEATURES: readonly FeatureLine[] = lines(`
rx-checksumming rxCsum!
tx-checksumming txCsum
 tx-checksum-ipv4 off!
 tx-checksum-ip-generic txCsum!
 tx-checksum-ipv6 off!
 tx-checksum-fcoe-crc off!
 tx-checksum-sctp off!
scatter-gather sg
 tx-scatter-gather sg!
 tx-scatter-gather-fraglist sg!
tcp-segmentation-offload tso
 tx-tcp-segmentation tso!
 tx-tcp-ecn-segmentation tso!
 tx-tcp-mangleid-segmentation tso!
 tx-tcp6-segmentation tso!
 tx-tcp-accecn-segmentation tso!
generic-segmentation-offload gso
generic-receive-offload gro
large-receive-offload off
rx-vlan-offload off!
tx-vlan-offload off!
ntuple-filters off!
receive-hashing off!
highdma on!
rx-vlan-filter off!
vlan-challenged off!
tx-gso-robust on!
tx-fcoe-segmentation off!
tx-gre-segmentation on!
tx-gre-csum-segmentation on!
tx-ipxip4-segmentation on!
tx-ipxip6-segmentation on!
tx-udp_tnl-segmentation on!
tx-udp_tnl-csum-segmentation on!
tx-gso-partial off!
tx-tunnel-remcsum-segmentation off!
tx-sctp-segmentation on!
tx-esp-segmentation off!
tx-udp-segmentation txCsum!
tx-gso-list on!
tx-nocache-copy off
loopback off!
rx-fcs off!
rx-all off!
tx-vlan-stag-hw-insert off!
rx-vlan-stag-hw-parse off!
rx-vlan-stag-filter off!
l2-fwd-offload off!
hw-tc-offload off!
esp-hw-offload off!
esp-tx-csum-hw-offload off!
rx-udp_tunnel-port-offload off!
tls-hw-tx-offload off!
tls-hw-rx-offload off!
rx-gro-hw off!
tls-hw-record off!
rx-gro-list off
macsec-hw-offload off!
rx-udp-gro-forwarding off
hsr-tag-ins-offload off!
hsr-tag-rm-offload off!
hsr-fwd-offload off!
hsr-dup-offload off!
`);

export const VXLAN_FEATURES: readonly FeatureLine[] = lines(`
rx-checksumming rxCsum
tx-checksumming txCsum
 tx-checksum-ipv4 off!
 tx-checksum-ip-generic txCsum
 tx-checksum-ipv6 off!
 tx-checksum-fcoe-crc off!
 tx-checksum-sctp off!
scatter-gather sg
 tx-scatter-gather sg
 tx-scatter-gather-fraglist sg
tcp-segmentation-offload tso
 tx-tcp-segmentation tso
 tx-tcp-ecn-segmentation tso
 tx-tcp-mangleid-segmentation tso
 tx-tcp6-segmentation tso
 tx-tcp-accecn-segmentation tso
generic-segmentation-offload gso
generic-receive-offload on
large-receive-offload off!
rx-vlan-offload off!
tx-vlan-offload off!
ntuple-filters off!
receive-hashing off!
highdma off!
rx-vlan-filter off!
vlan-challenged off!
tx-gso-robust off!
tx-fcoe-segmentation off!
tx-gre-segmentation off!
tx-gre-csum-segmentation off!
tx-ipxip4-segmentation off!
tx-ipxip6-segmentation off!
tx-udp_tnl-segmentation off!
tx-udp_tnl-csum-segmentation off!
tx-gso-partial off!
tx-tunnel-remcsum-segmentation off!
tx-sctp-segmentation on
tx-esp-segmentation off!
tx-udp-segmentation txCsum
tx-gso-list on
tx-nocache-copy off
loopback off!
rx-fcs off!
rx-all off!
tx-vlan-stag-hw-insert off!
rx-vlan-stag-hw-parse off!
rx-vlan-stag-filter off!
l2-fwd-offload off!
hw-tc-offload off!
esp-hw-offload off!
esp-tx-csum-hw-offload off!
rx-udp_tunnel-port-offload off!
tls-hw-tx-offload off!
tls-hw-rx-offload off!
rx-gro-hw off!
tls-hw-record off!
rx-gro-list off
macsec-hw-offload off!
rx-udp-gro-forwarding off
hsr-tag-ins-offload off!
hsr-tag-rm-offload off!
hsr-fwd-offload off!
hsr-dup-offload off!
`);
