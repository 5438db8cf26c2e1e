// What a capture file holds, whatever its format, and the errors of reading one in libpcap's words (sf-pcap.c,
// sf-pcapng.c). Frames are offsets into the file's bytes, so that a large capture is not copied.

/** LINKTYPE_ numbers (https://www.tcpdump.org/linktypes.html) that this project writes. */
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LINUX_SLL2 = 276;
/** tcpdump's default snapshot length, and the largest frame that libpcap believes. */
export const MAXIMUM_SNAPLEN = 262144;

/** One frame: `bytes[from..to)` of its capture, taken at a time since 1970. */
export interface CapturedFrame {
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Length on the wire, which the snapshot length may have cut. */
  readonly wireLength: number;
  /** Index into the capture's interfaces. */
  readonly interfaceId: number;
  /** several ones stand on a line each */
  readonly comment?: string;
  /** the same for every sight of one packet */
  readonly packetId?: number;
  readonly direction?: "in" | "out";
}

export interface CaptureInterface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly name?: string;
  readonly comment?: string;
  readonly description?: string;
  readonly mac?: Uint8Array;
  readonly addresses?: readonly { readonly address: number; readonly mask: number }[];
}

export interface Capture {
  readonly bytes: Uint8Array;
  readonly frames: readonly CapturedFrame[];
  /** One for a pcap file; as many as described for pcapng. */
  readonly interfaces: readonly CaptureInterface[];
  /** The file's own resolution: 6 or 9 digits of a second. */
  readonly digits: 6 | 9;
  readonly comment?: string;
}

/** A file that is no capture, or is cut short; the message is libpcap's. */
export class CaptureError extends Error {
  override readonly name: string = "CaptureError";
}
