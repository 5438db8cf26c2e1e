// TCP options between a script's words and the bytes of a header, padding included as the script wrote it. The stack's own
// options (wire/tcp-options.ts) have one order; here every order can be said and is compared.

import { get16, get32, set32 } from "../wire/layout.ts";
import {
  FASTOPEN_MAGIC,
  OPT_EOL,
  OPT_EXPERIMENTAL,
  OPT_FASTOPEN,
  OPT_MD5SIG,
  OPT_MSS,
  OPT_NOP,
  OPT_SACK,
  OPT_SACK_PERM,
  OPT_TIMESTAMP,
  OPT_WINDOW,
} from "../wire/tcp-options.ts";
import type { TcpOption } from "./script.ts";

const word32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/** The bytes of the options, as written; their number may not be a multiple of 4. */
export function optionBytes(options: readonly TcpOption[]): number[] {
  return options.flatMap(bytesOf);
}

function bytesOf(option: TcpOption): number[] {
  switch (option.kind) {
    case "nop":
      return [OPT_NOP];
    case "eol":
      return [OPT_EOL];
    case "sackOK":
      return [OPT_SACK_PERM, 2];
    case "mss":
      return [OPT_MSS, 4, option.mss >> 8, option.mss & 255];
    case "wscale":
      return [OPT_WINDOW, 3, option.shift];
    case "sack":
      return [OPT_SACK, 2 + 8 * option.blocks.length, ...option.blocks.flatMap((block) => block.flatMap(word32))];
    case "TS":
      return [OPT_TIMESTAMP, 10, ...word32(option.val), ...word32(option.ecr)];
    case "md5":
      return [OPT_MD5SIG, 2 + option.digest.length, ...option.digest];
    case "FO":
      return [OPT_FASTOPEN, 2 + option.cookie.length, ...option.cookie];
    case "FOEXP":
      return [OPT_EXPERIMENTAL, 4 + option.cookie.length, FASTOPEN_MAGIC >> 8, FASTOPEN_MAGIC & 255, ...option.cookie];
  }
}

/** One option found in a header. */
export interface FoundOption {
  readonly kind: number;
  /** offset of its kind byte */
  readonly at: number;
  /** bytes, kind and length included */
  readonly length: number;
}

/** The options between two offsets, padding too; stops at what makes no sense. */
export function findOptions(b: Uint8Array, from: number, to: number): FoundOption[] {
  const found: FoundOption[] = [];
  for (let at = from; at < to; ) {
    const kind = b[at]!;
    const length = kind === OPT_EOL || kind === OPT_NOP ? 1 : (b[at + 1] ?? 0);
    if (length < 1 || (kind > OPT_NOP && length < 2) || at + length > to) break;
    found.push({ kind, at, length });
    at += length;
  }
  return found;
}

/** Adds to the sequence numbers of a SACK option. */
export function shiftSackBlocks(b: Uint8Array, from: number, to: number, add: number): void {
  for (const { kind, at, length } of findOptions(b, from, to))
    if (kind === OPT_SACK) for (let i = at + 2; i < at + length; i += 4) set32(b, i, (get32(b, i) + add) >>> 0);
}

/** The offset of the timestamp's value, or −1. */
export function timestampAt(b: Uint8Array, from: number, to: number): number {
  const found = findOptions(b, from, to).find(({ kind, length }) => kind === OPT_TIMESTAMP && length === 10);
  return found ? found.at + 2 : -1;
}

/** As a script says it: `nop,nop,TS val 1 ecr 2`. */
export function optionText(b: Uint8Array, { kind, at, length }: FoundOption): string {
  const bytes = [...b.subarray(at + 2, at + length)];
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  switch (kind) {
    case OPT_EOL:
      return "eol";
    case OPT_NOP:
      return "nop";
    case OPT_MSS:
      return `mss ${get16(b, at + 2)}`;
    case OPT_WINDOW:
      return `wscale ${b[at + 2]}`;
    case OPT_SACK_PERM:
      return "sackOK";
    case OPT_SACK: {
      const blocks: string[] = [];
      for (let i = at + 2; i + 8 <= at + length; i += 8) blocks.push(`${get32(b, i)}:${get32(b, i + 4)}`);
      return `sack ${blocks.join(" ")}`;
    }
    case OPT_TIMESTAMP:
      return `TS val ${get32(b, at + 2)} ecr ${get32(b, at + 6)}`;
    case OPT_MD5SIG:
      return `md5 ${hex}`;
    case OPT_FASTOPEN:
      return `FO${hex && ` ${hex}`}`;
    case OPT_EXPERIMENTAL:
      return hex.startsWith(FASTOPEN_MAGIC.toString(16)) ? `FOEXP${hex.slice(4) && ` ${hex.slice(4)}`}` : `exp ${hex}`;
    default:
      return `kind ${kind} ${hex}`;
  }
}
