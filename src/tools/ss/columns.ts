// ss's table: cells in columns as wide as their longest cell, addresses right-aligned up to their colon so that colons stand
// under each other. Answers to render() of iproute2's misc/ss.c for output that is no terminal.

interface Column {
  readonly header: string;
  readonly right: boolean;
  /** printed between this column and the one before */
  readonly delimiter: string;
}

const COLUMNS: readonly Column[] = [
  { header: "Netid", right: false, delimiter: "" },
  { header: "State", right: false, delimiter: " " },
  { header: "Recv-Q", right: false, delimiter: " " },
  { header: "Send-Q", right: false, delimiter: " " },
  { header: "Local Address:", right: true, delimiter: " " },
  { header: "Port", right: false, delimiter: "" },
  { header: "Peer Address:", right: true, delimiter: " " },
  { header: "Port", right: false, delimiter: "" },
  { header: "Process", right: false, delimiter: "" },
  // what else is told of a socket; 6.1 has it under "Process"
  { header: "", right: false, delimiter: "" },
];
export const NETID = 0;
export const STATE = 1;
export const QUEUES: readonly number[] = [2, 3];
export const PROCESS = 8;
export const MORE = 9;

/**
 * @param hidden indices of columns that are left out. The one before MORE, where that is shown, is not filled up.
 * @param rows one cell for each column
 */
export function renderTable(
  rows: readonly (readonly string[])[],
  hidden: ReadonlySet<number>,
  header: boolean,
): string {
  const shown = COLUMNS.map((_, i) => i).filter((i) => !hidden.has(i));
  const all = header ? [COLUMNS.map((column) => column.header), ...rows] : rows;
  const last = shown.at(-1)!;
  // the very last cell of the table is not measured, so that it may be longer than its column
  const widths = COLUMNS.map((_, i) =>
    Math.max(0, ...(i === last ? all.slice(0, -1) : all).map((row) => row[i]!.length)),
  );
  const open = last === MORE ? shown.at(-2) : undefined;
  let text = "";
  for (const row of all) {
    let line = "";
    for (const [k, i] of shown.entries()) {
      const { right, delimiter } = COLUMNS[i]!;
      const cell = row[i]!;
      line += k === 0 ? "" : delimiter;
      if (i === open) line += cell;
      else line += right ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!);
    }
    text += `${line}\n`;
  }
  return text;
}
