// Lists as `docker ps`, `docker images` and `docker network ls` print them: a table, a table of a template's columns, lines
// of a template, or JSON. Answers to docker/cli's formatter package and Go's text/tabwriter.

import { Template, TemplateError } from "./template/execute.ts";
import { GoMap, GoMethod, GoStruct, type GoValue, goJson } from "./template/value.ts";

/** One row: what a template may ask for. */
export type Row = ReadonlyMap<string, GoValue>;

export interface ListShape {
  /** headings by field: "Names" → "NAMES" */
  readonly headings: ReadonlyMap<string, string>;
  /** the template of the plain table */
  readonly table: string;
  /** fields that `json` holds, in order */
  readonly json: readonly string[];
  /** Go's type of a row, for messages */
  readonly typeName: string;
}

/** Columns padded to their widest cell (at least 10) and 3 blanks, the last one not (tabwriter 10, 1, 3). */
export function tabulate(lines: readonly string[], minWidth = 10, padding = 3): string {
  const rows = lines.map((line) => line.split("\t"));
  const widths: number[] = [];
  for (const row of rows)
    row.slice(0, -1).forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, [...cell].length + padding, minWidth);
    });
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i]!))).join("")}\n`)
    .join("");
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - [...cell].length));
}

/**
 * The text of a list. Throws TemplateError.
 * @param format "" for the table, "json", "table TEMPLATE" or a template
 */
export function formatList(rows: readonly Row[], format: string, shape: ListShape): string {
  if (format === "json") return rows.map((row) => `${goJson(jsonOf(row, shape))}\n`).join("");
  const asTable = format === "" || format === "table" || format.startsWith("table ") || format.startsWith("table\t");
  const body =
    format === "" || format === "table" ? shape.table : asTable ? format.slice("table".length).trim() : format;
  const template = new Template(body.replaceAll("\\t", "\t").replaceAll("\\n", "\n"));
  const line = (row: Row) => template.execute(rowValue(row, shape));
  if (!asTable) return rows.map((row) => `${line(row)}\n`).join("");
  const heading = template.execute(new GoMap([...shape.headings, ["Label", LABEL_HEADING]]));
  return tabulate([heading, ...rows.map(line)]);
}

/** The last part of a label's name (formatter.SubHeaderContext). */
const LABEL_HEADING = new GoMethod((name) => String(name).split(".").at(-1)!.replace(/[-_]/g, " "));

function rowValue(row: Row, shape: ListShape): GoValue {
  return new GoStruct([...row], true, shape.typeName);
}

function jsonOf(row: Row, shape: ListShape): GoStruct {
  return new GoStruct(shape.json.map((field) => [field, row.get(field)] as const));
}

export { TemplateError };
