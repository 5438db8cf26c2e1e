// Reads a capture of either format, told apart by its first bytes.
import { concatBytes } from "../base/bytes.ts";
import { type Capture, CaptureError } from "./capture.ts";
import { countPcap, isPcap, readPcap } from "./pcap.ts";
import { isPcapng, readPcapng } from "./pcapng.ts";

/** Reads a pcap or pcapng file. Throws CaptureError with libpcap's words for anything else, or a file cut short. */
export function readCapture(bytes: Uint8Array): Capture {
  if (isPcapng(bytes)) return readPcapng(bytes);
  if (isPcap(bytes) || bytes.length < 4) return readPcap(bytes);
  throw new CaptureError("unknown file format");
}

/**
 * Frames in the pieces of a pcap or pcapng file, null for anything else or a file cut short. A large pcap file is not put into one piece for it,
 * and makes no object of each frame.
 */
export function countFrames(pieces: readonly Uint8Array[]): number | null {
  const [first] = pieces;
  if (first !== undefined && isPcap(first)) return countPcap(pieces);
  try {
    return readCapture(concatBytes(pieces)).frames.length;
  } catch (error) {
    if (error instanceof CaptureError) return null;
    throw error;
  }
}
