// Text of the match sctp (extensions/libxt_sctp.c); flags of chunks (DATA:Be) are refused.

import {
  SCTP_CHUNK_MATCH_ALL,
  SCTP_CHUNK_MATCH_ANY,
  SCTP_CHUNK_MATCH_ONLY,
  type SctpInfo,
  XT_SCTP_CHUNK_TYPES,
  XT_SCTP_DEST_PORTS,
  XT_SCTP_SRC_PORTS,
} from "../../../net/netfilter/matches/sctp.ts";
import type { OptionCall, UserExtension } from "../extension.ts";
import { parameterProblem, parsePort } from "../xtables.ts";
import { savePorts } from "./tcp.ts";

const CHUNKS: readonly (readonly [string, number])[] = [
  ["DATA", 0],
  ["INIT", 1],
  ["INIT_ACK", 2],
  ["SACK", 3],
  ["HEARTBEAT", 4],
  ["HEARTBEAT_ACK", 5],
  ["ABORT", 6],
  ["SHUTDOWN", 7],
  ["SHUTDOWN_ACK", 8],
  ["ERROR", 9],
  ["COOKIE_ECHO", 10],
  ["COOKIE_ACK", 11],
  ["ECN_ECNE", 12],
  ["ECN_CWR", 13],
  ["SHUTDOWN_COMPLETE", 14],
  ["I_DATA", 64],
  ["RE_CONFIG", 130],
  ["PAD", 132],
  ["ASCONF", 193],
  ["ASCONF_ACK", 128],
  ["FORWARD_TSN", 192],
  ["I_FORWARD_TSN", 194],
];

/** Every number that a chunk's type may have. */
const ALL_CHUNKS = 256;

const MATCH_TYPES: ReadonlyMap<string, number> = new Map([
  ["any", SCTP_CHUNK_MATCH_ANY],
  ["all", SCTP_CHUNK_MATCH_ALL],
  ["only", SCTP_CHUNK_MATCH_ONLY],
]);

function parsePorts(text: string): [number, number] {
  const colon = text.indexOf(":");
  if (colon < 0) {
    const port = parsePort(text, "sctp");
    return [port, port];
  }
  const [from, to] = [text.slice(0, colon), text.slice(colon + 1)];
  const low = from === "" ? 0 : parsePort(from, "sctp");
  const high = to === "" ? 0xffff : parsePort(to, "sctp");
  if (low > high) parameterProblem("invalid portrange (min > max)");
  return [low, high];
}

function parseSctp(call: OptionCall<SctpInfo>): void {
  const { info, arg, invert, option } = call;
  const flag =
    option === "source-port"
      ? XT_SCTP_SRC_PORTS
      : option === "destination-port"
        ? XT_SCTP_DEST_PORTS
        : XT_SCTP_CHUNK_TYPES;
  if (call.used.has(option))
    parameterProblem(option === "chunk-types" ? "Only one `--chunk-types' allowed" : `Only one \`--${option}' allowed`);
  info.flags |= flag;
  if (invert) info.invflags |= flag;
  if (option === "source-port") info.spts = parsePorts(arg);
  else if (option === "destination-port") info.dpts = parsePorts(arg);
  else {
    const chunks = call.nextArg();
    if (chunks === undefined) parameterProblem("--chunk-types requires two args");
    info.chunkMatchType =
      MATCH_TYPES.get(arg.toLowerCase()) ?? parameterProblem('Match type has to be one of "ALL", "ANY" or "ONLY"');
    info.chunks = parseChunks(chunks);
  }
}

function parseChunks(text: string): number[] {
  if (text.toUpperCase() === "ALL") return [...Array(ALL_CHUNKS).keys()];
  if (text.toUpperCase() === "NONE") return [];
  const types = text.split(",").map((word) => {
    if (word.includes(":")) parameterProblem(`chunk flags are not supported: \`${word}'`);
    const chunk = CHUNKS.find(([name]) => name === word.toUpperCase());
    return chunk ? chunk[1] : parameterProblem(`Unknown sctp chunk \`${word}'`);
  });
  return [...new Set(types)].sort((a, b) => a - b);
}

function chunkText(info: SctpInfo, numeric: boolean): string {
  const type = [...MATCH_TYPES].find(([, value]) => value === info.chunkMatchType)?.[0] ?? "any";
  if (info.chunks.length === ALL_CHUNKS) return ` ${type} ALL`;
  const nameOf = (chunk: number): string | undefined =>
    numeric ? undefined : CHUNKS.find(([, value]) => value === chunk)?.[0];
  const names = info.chunks.map((chunk) => nameOf(chunk) ?? `0x${chunk.toString(16).toUpperCase().padStart(4, "0")}`);
  return ` ${type} ${names.length > 0 ? names.join(",") : "NONE"}`;
}

export const sctp: UserExtension<SctpInfo> = {
  name: "sctp",
  raw: true,
  options: [
    { name: "source-port", aliases: ["sport"], type: "string" },
    { name: "destination-port", aliases: ["dport"], type: "string" },
    { name: "chunk-types", type: "string" },
  ],
  init: () => ({ spts: [0, 0xffff], dpts: [0, 0xffff], chunks: [], chunkMatchType: 0, flags: 0, invflags: 0 }),
  parse: parseSctp,
  print(info, { numeric }) {
    const ports = (name: string, flag: number, [min, max]: readonly [number, number]): string => {
      if (!(info.flags & flag)) return "";
      const not = info.invflags & flag ? "!" : "";
      return min === max ? ` ${name}:${not}${min}` : ` ${name}s:${not}${min}:${max}`;
    };
    let text = ` sctp${ports("spt", XT_SCTP_SRC_PORTS, info.spts)}${ports("dpt", XT_SCTP_DEST_PORTS, info.dpts)}`;
    if (info.flags & XT_SCTP_CHUNK_TYPES)
      text += `${info.invflags & XT_SCTP_CHUNK_TYPES ? " !" : ""}${chunkText(info, numeric)}`;
    return text;
  },
  save(info) {
    let text = "";
    if (info.flags & XT_SCTP_SRC_PORTS)
      text += savePorts("sport", info.spts, (info.invflags & XT_SCTP_SRC_PORTS) !== 0);
    if (info.flags & XT_SCTP_DEST_PORTS)
      text += savePorts("dport", info.dpts, (info.invflags & XT_SCTP_DEST_PORTS) !== 0);
    if (info.flags & XT_SCTP_CHUNK_TYPES)
      text += `${info.invflags & XT_SCTP_CHUNK_TYPES ? " !" : ""} --chunk-types${chunkText(info, false)}`;
    return text;
  },
};
