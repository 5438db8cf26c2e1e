// JSON as iperf3's library writes it (cJSON 1.7.15): tabs and key order as added, the same key twice when it was added twice,
// negative whole numbers as unsigned 64-bit ones.

export type Json = number | string | boolean | readonly Json[] | JsonObject;

export class JsonObject {
  readonly entries: [string, Json][] = [];

  constructor(from: Readonly<Record<string, Json>> = {}) {
    for (const [key, value] of Object.entries(from)) this.entries.push([key, value]);
  }

  add(key: string, value: Json): void {
    this.entries.push([key, value]);
  }

  get(key: string): Json | undefined {
    return this.entries.find(([name]) => name === key)?.[1];
  }
}

/** What JSON text says, with keys that come twice. Undefined: it is none. */
export function parseJson(text: string): Json | undefined {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let at = 0;
  const value = (): Json | undefined => {
    const token = tokens[at++];
    if (token === "{") {
      const object = new JsonObject();
      while (tokens[at] !== undefined && tokens[at] !== "}") {
        const key = JSON.parse(tokens[at]!) as string;
        at += 2;
        const member = value();
        if (member === undefined) return undefined;
        object.add(key, member);
        if (tokens[at] === ",") at++;
      }
      at++;
      return object;
    }
    if (token === "[") {
      const list: Json[] = [];
      while (tokens[at] !== undefined && tokens[at] !== "]") {
        const member = value();
        if (member === undefined) return undefined;
        list.push(member);
        if (tokens[at] === ",") at++;
      }
      at++;
      return list;
    }
    return token === undefined ? undefined : (JSON.parse(token) as Json);
  };
  try {
    return value();
  } catch {
    return undefined;
  }
}

/** cJSON_Print (with tabs) or cJSON_PrintUnformatted. */
export function jsonText(json: Json, formatted: boolean, depth = 0): string {
  if (typeof json === "number") return numberText(json);
  if (typeof json === "string" || typeof json === "boolean") return JSON.stringify(json);
  if (!(json instanceof JsonObject)) {
    return `[${json.map((one) => jsonText(one, formatted, depth + 1)).join(formatted ? ", " : ",")}]`;
  }
  const { entries } = json;
  if (!formatted) return `{${entries.map(([key, value]) => `"${key}":${jsonText(value, false)}`).join(",")}}`;
  const lines = entries.map(
    ([key, value]) => `${"\t".repeat(depth + 1)}"${key}":\t${jsonText(value, true, depth + 1)}`,
  );
  return lines.length === 0 ? `{\n${"\t".repeat(depth)}}` : `{\n${lines.join(",\n")}\n${"\t".repeat(depth)}}`;
}

/** print_number: fifteen digits when they are enough, else seventeen (%1.17g). */
function numberText(value: number): string {
  if (Number.isInteger(value)) return value < 0 ? String(2n ** 64n + BigInt(value)) : String(value);
  const short = general(value, 15);
  const enough = Math.abs(Number(short) - value) <= Math.abs(value) * Number.EPSILON;
  return enough ? short : general(value, 17);
}

/** printf's %.Ng */
function general(value: number, digits: number): string {
  const [mantissa = "", power = "0"] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  const trim = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent >= -4 && exponent < digits) return trim(value.toFixed(Math.max(digits - 1 - exponent, 0)));
  return `${trim(mantissa)}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
