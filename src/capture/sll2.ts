// Linux's cooked capture header, version 2 (LINKTYPE_LINUX_SLL2; libpcap's pcap-linux.c and sll.h): what a frame of
// `tcpdump -i any` has in place of its Ethernet header. Leaves out version 1.
import { get16, type HeaderLayout, header, set16, set32 } from "../wire/layout.ts";

type Field = "protocol" | "reserved" | "ifindex" | "arphrd" | "packetType" | "addressLength" | "address" | "padding";

export const layout: HeaderLayout<Field> = header([
  ["protocol", 16],
  ["reserved", 16],
  ["ifindex", 32],
  ["arphrd", 16],
  ["packetType", 8],
  ["addressLength", 8],
  ["address", 48],
  ["padding", 16],
]);

export const HEADER_LENGTH: number = layout.spanBytes;
export const ETHERNET_LENGTH = 14;
const IFINDEX = layout.offsetOf("ifindex");
const ARPHRD = layout.offsetOf("arphrd");
const PACKET_TYPE = layout.offsetOf("packetType");
const ADDRESS_LENGTH = layout.offsetOf("addressLength");
const ADDRESS = layout.offsetOf("address");
const PADDING = layout.offsetOf("padding");

// linux/if_packet.h
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;
// linux/if_arp.h
export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;
/** An 802.2 LLC frame's protocol number (linux/if_ether.h). */
const ETH_P_802_2 = 4;

/** Writes the header for the Ethernet frame at `frameAt`; returns the offset after it. */
export function emit(
  frame: Uint8Array,
  frameAt: number,
  ifindex: number,
  arphrd: number,
  packetType: number,
  b: Uint8Array,
  at: number,
): number {
  const type = get16(frame, frameAt + 12);
  set16(b, at, type < 0x0600 ? ETH_P_802_2 : type);
  set16(b, at + 2, 0);
  set32(b, at + IFINDEX, ifindex);
  set16(b, at + ARPHRD, arphrd);
  b[at + PACKET_TYPE] = packetType;
  b[at + ADDRESS_LENGTH] = 6;
  for (let i = 0; i < 6; i++) b[at + ADDRESS + i] = frame[frameAt + 6 + i]!;
  set16(b, at + PADDING, 0);
  return at + HEADER_LENGTH;
}
