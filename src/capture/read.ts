// Reads a capture of either format, told apart by its first bytes.
import { type Capture, CaptureError } from "./capture.ts";
import { isPcap, readPcap } from "./pcap.ts";
import { isPcapng, readPcapng } from "./pcapng.ts";

/** Reads a pcap or pcapng file. Throws CaptureError with libpcap's words for anything else, or a file cut short. */
export function readCapture(bytes: Uint8Array): Capture {
  if (isPcapng(bytes)) return readPcapng(bytes);
  if (isPcap(bytes) || bytes.length < 4) return readPcap(bytes);
  throw new CaptureError("unknown file format");
}
