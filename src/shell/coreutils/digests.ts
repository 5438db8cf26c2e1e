// Digests and dumps: md5sum, sha1sum, sha256sum, base64, od, xxd, hexdump. The digests follow RFC 1321, FIPS 180-4.

import { concatBytes, latin1 } from "../../base/bytes.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { bytesOf, complain, eachInput, errorText, getopt, openInput, parseSize, readText } from "./util.ts";

/** The message padded to 64-byte blocks (both digests' rule), its length at the end. */
function padded(message: Uint8Array, bigEndian: boolean): DataView {
  const size = Math.ceil((message.length + 9) / 64) * 64;
  const bytes = new Uint8Array(size);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  const high = Math.floor((message.length * 8) / 2 ** 32);
  const low = (message.length * 8) >>> 0;
  view.setUint32(size - (bigEndian ? 8 : 4), high, !bigEndian);
  view.setUint32(size - (bigEndian ? 4 : 8), low, !bigEndian);
  return view;
}

function rotate(x: number, n: number): number {
  return (x << n) | (x >>> (32 - n));
}

function hexWords(words: readonly number[], bigEndian: boolean): string {
  return words
    .map((word) => {
      const value = word >>> 0;
      const text = value.toString(16).padStart(8, "0");
      return bigEndian ? text : text.match(/../g)!.reverse().join("");
    })
    .join("");
}

/** MD5 as hex (RFC 1321). */
export function md5(message: Uint8Array): string {
  const view = padded(message, false);
  const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
  const table = Array.from({ length: 64 }, (_x, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);
  const state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let block = 0; block < view.byteLength; block += 64) {
    let [a, b, c, d] = state as [number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const round = i >> 4;
      let f: number;
      let g: number;
      if (round === 0) [f, g] = [(b & c) | (~b & d), i];
      else if (round === 1) [f, g] = [(d & b) | (~d & c), (5 * i + 1) & 15];
      else if (round === 2) [f, g] = [b ^ c ^ d, (3 * i + 5) & 15];
      else [f, g] = [c ^ (b | ~d), (7 * i) & 15];
      const sum = (a + f + table[i]! + view.getInt32(block + g * 4, true)) | 0;
      [a, d, c, b] = [d, c, b, (b + rotate(sum, shifts[round * 4 + (i & 3)]!)) | 0];
    }
    [a, b, c, d].forEach((value, i) => {
      state[i] = (state[i]! + value) | 0;
    });
  }
  return hexWords(state, false);
}

/** SHA-1 as hex (FIPS 180-4). */
export function sha1(message: Uint8Array): string {
  const view = padded(message, true);
  const state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0];
  const w = new Int32Array(80);
  for (let block = 0; block < view.byteLength; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(block + i * 4);
    for (let i = 16; i < 80; i++) w[i] = rotate(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1);
    let [a, b, c, d, e] = state as [number, number, number, number, number];
    for (let i = 0; i < 80; i++) {
      const [f, k] =
        i < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : i < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : i < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const next = (rotate(a, 5) + f! + e + k! + w[i]!) | 0;
      [e, d, c, b, a] = [d, c, rotate(b, 30), a, next];
    }
    [a, b, c, d, e].forEach((value, i) => {
      state[i] = (state[i]! + value) | 0;
    });
  }
  return hexWords(state, true);
}

/** The first 32 bits of the fractional parts of roots of the first primes: SHA-256's constants by their definition. */
function primeRoots(count: number, root: 2 | 3): number[] {
  const out: number[] = [];
  for (let n = 2; out.length < count; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    // exact to 32 bits: integer root of n · 2^(32·root)
    const target = BigInt(n) << BigInt(32 * root);
    let low = 0n;
    let high = 1n << 40n;
    while (low < high) {
      const mid = (low + high + 1n) >> 1n;
      if (mid ** BigInt(root) <= target) low = mid;
      else high = mid - 1n;
    }
    out.push(Number(low & 0xffffffffn) | 0);
  }
  return out;
}

/** SHA-256 as hex (FIPS 180-4). */
export function sha256(message: Uint8Array): string {
  const view = padded(message, true);
  const k = primeRoots(64, 3);
  const state = primeRoots(8, 2);
  const w = new Int32Array(64);
  for (let block = 0; block < view.byteLength; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(block + i * 4);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!;
      const y = w[i - 2]!;
      const s0 = rotate(x, 25) ^ rotate(x, 14) ^ (x >>> 3);
      const s1 = rotate(y, 15) ^ rotate(y, 13) ^ (y >>> 10);
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
    }
    const v = [...state];
    for (let i = 0; i < 64; i++) {
      const e = v[4]!;
      const a = v[0]!;
      const s1 = rotate(e, 26) ^ rotate(e, 21) ^ rotate(e, 7);
      const choice = (e & v[5]!) ^ (~e & v[6]!);
      const one = (v[7]! + s1 + choice + k[i]! + w[i]!) | 0;
      const s0 = rotate(a, 30) ^ rotate(a, 19) ^ rotate(a, 10);
      const majority = (a & v[1]!) ^ (a & v[2]!) ^ (v[1]! & v[2]!);
      v.pop();
      v.unshift((one + s0 + majority) | 0);
      v[4] = (v[4]! + one) | 0;
    }
    v.forEach((value, i) => {
      state[i] = (state[i]! + value) | 0;
    });
  }
  return hexWords(state, true);
}

function summing(digest: (message: Uint8Array) => string): Program {
  return function* (proc: Process): Task<number> {
    const { options, operands } = yield* getopt(proc, {
      short: "bctw",
      long: { binary: "b", check: "c", text: "t", quiet: "%quiet", status: "%status", warn: "w" },
    });
    if (options.has("c")) return yield* check(proc, operands, digest, options);
    return yield* eachInput(proc, operands, function* (file, path) {
      const text = yield* readText(file);
      yield* proc.print(`${digest(bytesOf(text))} ${options.has("b") ? "*" : " "}${path}\n`);
    });
  };
}

function* check(
  proc: Process,
  lists: readonly string[],
  digest: (message: Uint8Array) => string,
  options: ReadonlyMap<string, string>,
): Task<number> {
  let failed = 0;
  let missing = 0;
  const status = yield* eachInput(proc, lists, function* (list) {
    for (const line of (yield* readText(list)).split("\n")) {
      const match = /^([0-9a-fA-F]+) [ *](.+)$/.exec(line);
      if (!match) continue;
      const path = match[2]!;
      let verdict: string;
      try {
        const file = openInput(proc, path);
        const good = digest(bytesOf(yield* readText(file))) === match[1]!.toLowerCase();
        file.release();
        if (!good) failed++;
        verdict = good ? "OK" : "FAILED";
      } catch (error) {
        yield* complain(proc, `${path}: ${errorText(error)}`);
        missing++;
        verdict = "FAILED open or read";
      }
      if (!options.has("%status") && !(options.has("%quiet") && verdict === "OK"))
        yield* proc.print(`${path}: ${verdict}\n`);
    }
  });
  const plural = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
  if (missing > 0)
    yield* complain(proc, `WARNING: ${plural(missing, "listed file", "listed files")} could not be read`);
  if (failed > 0)
    yield* complain(proc, `WARNING: ${plural(failed, "computed checksum", "computed checksums")} did NOT match`);
  return failed + missing > 0 ? 1 : status;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function* base64(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "diw:",
    long: { decode: "d", "ignore-garbage": "i", wrap: "w" },
  });
  const wrap = Number(options.get("w") ?? 76);
  if (!Number.isInteger(wrap)) return yield* complain(proc, `invalid wrap size: ‘${options.get("w")}’`);
  let bad = false;
  const status = yield* eachInput(proc, operands, function* (file) {
    const bytes = bytesOf(yield* readText(file));
    if (options.has("d")) {
      const [out, valid] = decodeBase64(bytes, options.has("i"));
      yield* proc.printBytes(out);
      if (!valid) {
        bad = true;
        yield* proc.printError("base64: invalid input\n");
      }
      return;
    }
    let text = "";
    for (let i = 0; i < bytes.length; i += 3) {
      const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
      text += BASE64[word >> 18]! + BASE64[(word >> 12) & 63]!;
      text += i + 1 < bytes.length ? BASE64[(word >> 6) & 63]! : "=";
      text += i + 2 < bytes.length ? BASE64[word & 63]! : "=";
    }
    if (wrap > 0) text = text.replace(new RegExp(`.{1,${wrap}}`, "g"), "$&\n");
    yield* proc.print(text);
  });
  return bad ? 1 : status;
}

function decodeBase64(bytes: Uint8Array, lenient: boolean): [Uint8Array, boolean] {
  const out: number[] = [];
  let bits = 0;
  let word = 0;
  let count = 0;
  for (const byte of bytes) {
    const c = String.fromCharCode(byte);
    if (c === "\n") continue;
    if (c === "=") {
      count++;
      continue;
    }
    const value = BASE64.indexOf(c);
    if (value < 0) {
      if (lenient) continue;
      return [Uint8Array.from(out), false];
    }
    word = (word << 6) | value;
    bits += 6;
    count++;
    if (bits >= 8) {
      bits -= 8;
      out.push((word >> bits) & 255);
    }
  }
  return [Uint8Array.from(out), count % 4 === 0];
}

/** The bytes of all inputs, `limit` at most. */
function* allInput(
  proc: Process,
  operands: readonly string[],
  limit: number,
): Task<{ bytes: Uint8Array; status: number }> {
  const parts: Uint8Array[] = [];
  let left = limit;
  const status = yield* eachInput(proc, operands, function* (file) {
    while (left > 0) {
      const part = yield* file.read(Math.min(left, 65536));
      if (part === null) break;
      parts.push(part);
      left -= part.length;
    }
  });
  return { bytes: concatBytes(parts), status };
}

function* od(proc: Process): Task<number> {
  const { options, list, operands } = yield* getopt(proc, {
    short: "A:abcdj:N:ost:vxw::",
    long: {
      "address-radix": "A",
      "skip-bytes": "j",
      "read-bytes": "N",
      format: "t",
      "output-duplicates": "v",
      width: "w",
    },
  });
  const formats: string[] = [];
  for (const [letter, value] of list) {
    if (letter === "t") formats.push(...(value.match(/[acdfoux](?:[CSIL]|\d*)z?/g) ?? [value]));
    else if ("abcdosx".includes(letter))
      formats.push({ a: "a", b: "o1", c: "c", d: "u2", o: "o2", s: "d2", x: "x2" }[letter]!);
  }
  if (formats.length === 0) formats.push("o2");
  const columns: { size: number; width: number; show: (at: number) => string }[] = [];
  const skip = parseSize(options.get("j") ?? "0") ?? 0;
  const most = options.has("N") ? (parseSize(options.get("N")!) ?? 0) : Number.POSITIVE_INFINITY;
  let { bytes, status } = yield* allInput(proc, operands, skip + most);
  bytes = bytes.subarray(skip);
  for (const format of formats) {
    const match = /^([acdoux])([CSIL]|\d*)$/.exec(format);
    if (!match) return yield* complain(proc, `invalid type string ‘${format}’`);
    columns.push(odColumn(match[1]!, match[2]!, bytes));
  }
  const step = Number(options.get("w") || (options.has("w") ? 32 : 16));
  const radix = options.get("A") ?? "o";
  const address = (n: number): string =>
    radix === "n"
      ? ""
      : radix === "x"
        ? n.toString(16).padStart(6, "0")
        : radix === "d"
          ? String(n).padStart(7, "0")
          : n.toString(8).padStart(7, "0");
  // every format uses as many columns for a byte as the widest one needs
  const perByte = Math.max(...columns.map((column) => (column.width + 1) / column.size));
  let previous = "";
  let starred = false;
  for (let at = 0; at < bytes.length; at += step) {
    const block = bytes.subarray(at, at + step);
    const same = block.length === step && block.join() === previous && !options.has("v");
    previous = block.join();
    if (same) {
      if (!starred) yield* proc.print("*\n");
      starred = true;
      continue;
    }
    starred = false;
    for (const [i, column] of columns.entries()) {
      let row = i === 0 ? address(skip + at) : " ".repeat(address(0).length);
      for (let k = 0; k < block.length; k += column.size)
        row += column.show(at + k).padStart(Math.round(perByte * column.size));
      yield* proc.print(`${row}\n`);
    }
  }
  if (radix !== "n") yield* proc.print(`${address(skip + bytes.length)}\n`);
  return status;
}

const ASCII_NAMES =
  "nul soh stx etx eot enq ack bel bs ht nl vt ff cr so si dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc fs gs rs us sp".split(
    " ",
  );

function odColumn(
  kind: string,
  sizeText: string,
  bytes: Uint8Array,
): { size: number; width: number; show: (at: number) => string } {
  if (kind === "a")
    return {
      size: 1,
      width: 3,
      show: (at) => {
        const code = bytes[at]! & 127;
        return code === 127 ? "del" : (ASCII_NAMES[code] ?? String.fromCharCode(code));
      },
    };
  if (kind === "c")
    return {
      size: 1,
      width: 3,
      show: (at) => {
        const code = bytes[at]!;
        const named = "\0\x07\b\f\n\r\t\v".indexOf(String.fromCharCode(code));
        if (named >= 0) return `\\${"0abfnrtv"[named]}`;
        return code >= 32 && code < 127 ? String.fromCharCode(code) : code.toString(8).padStart(3, "0");
      },
    };
  const size = { C: 1, S: 2, I: 4, L: 8 }[sizeText] ?? Number(sizeText || 4);
  const value = (at: number): bigint => {
    let out = 0n;
    for (let i = size - 1; i >= 0; i--) out = (out << 8n) | BigInt(bytes[at + i] ?? 0);
    return out;
  };
  const widths = { o: [3, 6, 11, 22], x: [2, 4, 8, 16], u: [3, 5, 10, 20], d: [4, 6, 11, 20] }[
    kind as "o" | "x" | "u" | "d"
  ];
  const width = widths[Math.log2(size)] ?? 22;
  return {
    size,
    width,
    show: (at) => {
      const v = value(at);
      if (kind === "d") return String(BigInt.asIntN(size * 8, v));
      if (kind === "u") return String(v);
      return v.toString(kind === "o" ? 8 : 16).padStart(width, "0");
    },
  };
}

function printable(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".";
  return out;
}

function* xxd(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "c:g:l:prs:u", terse: true });
  const skip = Number(options.get("s") ?? 0);
  let { bytes, status } = yield* allInput(
    proc,
    operands.slice(0, 1),
    skip + Number(options.get("l") ?? Number.POSITIVE_INFINITY),
  );
  if (options.has("r")) {
    const text = latin1(bytes);
    const digits = options.has("p")
      ? text.replace(/[^0-9a-fA-F]/g, "")
      : text.replace(/^[0-9a-fA-F]+: ?((?:[0-9a-fA-F]{2} ?)*).*$/gm, "$1").replace(/\s/g, "");
    yield* proc.printBytes(Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));
    return status;
  }
  bytes = bytes.subarray(skip);
  const plain = options.has("p");
  const across = Number(options.get("c") ?? (plain ? 30 : 16));
  const group = Number(options.get("g") ?? 2);
  for (let at = 0; at < bytes.length; at += across) {
    const block = bytes.subarray(at, at + across);
    const pairs = [...block].map((byte) => byte.toString(16).padStart(2, "0"));
    if (options.has("u"))
      pairs.forEach((pair, i) => {
        pairs[i] = pair.toUpperCase();
      });
    if (plain) {
      yield* proc.print(`${pairs.join("")}\n`);
      continue;
    }
    let row = "";
    for (let i = 0; i < across; i++) row += (pairs[i] ?? "  ") + (group > 0 && i % group === group - 1 ? " " : "");
    yield* proc.print(
      `${(skip + at).toString(16).padStart(8, "0")}: ${row.trimEnd().padEnd(row.trimEnd().length)}${" ".repeat(Math.max(0, row.length - row.trimEnd().length))} ${printable(block)}\n`,
    );
  }
  return status;
}

function* hexdump(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "Cn:s:v", terse: true });
  const skip = Number(options.get("s") ?? 0);
  let { bytes, status } = yield* allInput(proc, operands, skip + Number(options.get("n") ?? Number.POSITIVE_INFINITY));
  bytes = bytes.subarray(skip);
  const canonical = options.has("C");
  const digits = canonical ? 8 : 7;
  let previous = "";
  let starred = false;
  for (let at = 0; at < bytes.length; at += 16) {
    const block = bytes.subarray(at, at + 16);
    const same = block.length === 16 && block.join() === previous && !options.has("v");
    previous = block.join();
    if (same) {
      if (!starred) yield* proc.print("*\n");
      starred = true;
      continue;
    }
    starred = false;
    let row = (skip + at).toString(16).padStart(digits, "0");
    if (canonical) {
      for (let i = 0; i < 16; i++)
        row += (i % 8 === 0 ? "  " : " ") + (i < block.length ? block[i]!.toString(16).padStart(2, "0") : "  ");
      row += `  |${printable(block)}|`;
    } else
      for (let i = 0; i < 16; i += 2)
        row +=
          i < block.length ? ` ${(block[i]! | ((block[i + 1] ?? 0) << 8)).toString(16).padStart(4, "0")}` : "     ";
    yield* proc.print(`${row}\n`);
  }
  if (bytes.length > 0) yield* proc.print(`${(skip + bytes.length).toString(16).padStart(digits, "0")}\n`);
  return status;
}

export const digestPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["md5sum", summing(md5)],
  ["sha1sum", summing(sha1)],
  ["sha256sum", summing(sha256)],
  ["base64", base64],
  ["od", od],
  ["xxd", xxd],
  ["hexdump", hexdump],
]);
