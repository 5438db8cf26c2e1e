// What an Ethernet frame carries (linux/if_ether.h).
// Imports no values, so that esbuild puts the constants into the code (see net/netfilter/conntrack-row.ts).

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_RARP = 0x8035;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_PAUSE = 0x8808;
export const ETH_P_SLOW = 0x8809;
export const ETH_P_8021AD = 0x88a8;
export const ETH_P_LLDP = 0x88cc;
export const ETH_P_LOOPBACK = 0x9000;
/** A type below this is an 802.3 length. */
export const ETH_P_802_3_MIN = 0x0600;
/** Linux's own numbers, never on the wire: any protocol; an 802.3 frame; an 802.2 LLC frame. */
export const ETH_P_ALL = 0x0003;
export const ETH_P_802_3 = 0x0001;
export const ETH_P_802_2 = 0x0004;
