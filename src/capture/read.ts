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
 * @param pieces a piece need be good only until the next is asked for
 */
export function countFrames(pieces: Iterable<Uint8Array>): number | null {
  const all = pieces[Symbol.iterator]();
  const { value: first } = all.next();
  if (first !== undefined && isPcap(first)) return countPcap(first, all);
  try {
    const copies = first === undefined ? [] : [first.slice()];
    for (let next = all.next(); !next.done; next = all.next()) copies.push(next.value.slice());
    return readCapture(concatBytes(copies)).frames.length;
  } catch (error) {
    if (error instanceof CaptureError) return null;
    throw error;
  }
}
