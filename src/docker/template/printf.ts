// fmt.Sprintf for templates: %v %s %d %q %t %x %c %f %%, with width, precision, `-`, `0` and `+`. Answers to fmt/print.go.

import { type GoValue, goString } from "./value.ts";

/** Formats as Go does, `%!v(MISSING)` and `%!(EXTRA …)` included. */
export function sprintf(format: string, args: readonly GoValue[]): string {
  let next = 0;
  let out = format.replace(
    /%([-+# 0]*)(\d+|\*)?(?:\.(\d+|\*))?([a-zA-Z%])?/g,
    (_all, flags: string, width: string | undefined, precision: string | undefined, verb: string | undefined) => {
      if (verb === undefined) return "%!(NOVERB)";
      if (verb === "%") return "%";
      const wide = width === "*" ? Number(args[next++]) : width === undefined ? 0 : Number(width);
      const precise =
        precision === "*" ? Number(args[next++]) : precision === undefined ? undefined : Number(precision);
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const body = formatOne(verb, args[next++], flags, precise);
      if (flags.includes("-")) return body.padEnd(wide);
      if (flags.includes("0") && /^[+-]?\d/.test(body)) {
        const sign = /^[+-]/.test(body) ? body[0]! : "";
        return sign + body.slice(sign.length).padStart(wide - sign.length, "0");
      }
      return body.padStart(wide);
    },
  );
  if (next < args.length)
    out += `%!(EXTRA ${args
      .slice(next)
      .map((arg) => `${typeName(arg)}=${goString(arg)}`)
      .join(", ")})`;
  return out;
}

function formatOne(verb: string, arg: GoValue, flags: string, precision: number | undefined): string {
  const number = typeof arg === "number" || typeof arg === "bigint";
  switch (verb) {
    case "v":
      return goString(arg);
    case "s":
      if (number || typeof arg === "boolean") return `%!s(${typeName(arg)}=${goString(arg)})`;
      return precision === undefined ? goString(arg) : [...goString(arg)].slice(0, precision).join("");
    case "q":
      return typeof arg === "string"
        ? JSON.stringify(arg)
        : Array.isArray(arg)
          ? `[${arg.map((item) => JSON.stringify(goString(item as GoValue))).join(" ")}]`
          : `%!q(${typeName(arg)}=${goString(arg)})`;
    case "d":
      if (!number) return `%!d(${typeName(arg)}=${goString(arg)})`;
      return flags.includes("+") && Number(arg) >= 0 ? `+${arg}` : String(arg);
    case "t":
      return typeof arg === "boolean" ? String(arg) : `%!t(${typeName(arg)}=${goString(arg)})`;
    case "x":
    case "X": {
      const hex = number
        ? BigInt(arg).toString(16)
        : [...goString(arg)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
      return verb === "X" ? hex.toUpperCase() : hex;
    }
    case "c":
      return number ? String.fromCodePoint(Number(arg)) : `%!c(${typeName(arg)}=${goString(arg)})`;
    case "f":
      return number ? Number(arg).toFixed(precision ?? 6) : `%!f(${typeName(arg)}=${goString(arg)})`;
    case "T":
      return typeName(arg);
    default:
      return `%!${verb}(${typeName(arg)}=${goString(arg)})`;
  }
}

function typeName(arg: GoValue): string {
  if (typeof arg === "string") return "string";
  if (typeof arg === "boolean") return "bool";
  if (typeof arg === "number" || typeof arg === "bigint") return "int";
  if (arg === null || arg === undefined) return "<nil>";
  return Array.isArray(arg) ? "[]string" : "map[string]interface {}";
}
