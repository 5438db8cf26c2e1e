// UTF-8 both ways, and padding: the core compiles without the DOM's TextEncoder or Node's Buffer.

/** UTF-8 bytes of a string; lone surrogates become U+FFFD (as the WHATWG encoder does). */
export function encodeUtf8(text: string): Uint8Array {
  const { length } = text;
  const ascii = new Uint8Array(length);
  let at = 0;
  for (; at < length; at++) {
    const c = text.charCodeAt(at);
    if (c >= 0x80) return encodeAny(text);
    ascii[at] = c;
  }
  return ascii;
}

function encodeAny(text: string): Uint8Array {
  const out = new Uint8Array(text.length * 3);
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    let c = text.charCodeAt(i);
    if (c < 0x80) {
      out[n++] = c;
      continue;
    }
    if (c >= 0xd800 && c <= 0xdfff) {
      const low = c < 0xdc00 ? text.charCodeAt(i + 1) : Number.NaN;
      if (low >= 0xdc00 && low <= 0xdfff) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        i++;
      } else {
        c = 0xfffd;
      }
    }
    if (c < 0x800) {
      out[n++] = 0xc0 | (c >> 6);
    } else {
      if (c < 0x10000) {
        out[n++] = 0xe0 | (c >> 12);
      } else {
        out[n++] = 0xf0 | (c >> 18);
        out[n++] = 0x80 | ((c >> 12) & 63);
      }
      out[n++] = 0x80 | ((c >> 6) & 63);
    }
    out[n++] = 0x80 | (c & 63);
  }
  return out.slice(0, n);
}

/** Text of UTF-8 bytes; every byte that is not UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, from = 0, to: number = bytes.length): string {
  let out = "";
  let chunk: number[] = [];
  let i = from;
  while (i < to) {
    const b = bytes[i]!;
    let c = 0xfffd;
    let need = 0;
    let floor = 0;
    if (b < 0x80) c = b;
    else if (b >= 0xc2 && b < 0xe0) {
      need = 1;
      c = b & 31;
      floor = 0x80;
    } else if (b >= 0xe0 && b < 0xf0) {
      need = 2;
      c = b & 15;
      floor = 0x800;
    } else if (b >= 0xf0 && b < 0xf5) {
      need = 3;
      c = b & 7;
      floor = 0x10000;
    }
    i++;
    if (need > 0) {
      let k = 0;
      while (k < need && i + k < to && (bytes[i + k]! & 0xc0) === 0x80) {
        c = (c << 6) | (bytes[i + k]! & 63);
        k++;
      }
      if (k === need && c >= floor && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff)) i += need;
      else c = 0xfffd;
    }
    chunk.push(c);
    if (chunk.length >= 4096) {
      out += String.fromCodePoint(...chunk);
      chunk = [];
    }
  }
  return out + String.fromCodePoint(...chunk);
}

/** Bytes as one lower-case hex string with `separator` between them. */
export function hex(bytes: Uint8Array, separator = ""): string {
  let out = "";
  for (let i = 0; i < bytes.length; i++) out += (i > 0 ? separator : "") + bytes[i]!.toString(16).padStart(2, "0");
  return out;
}
