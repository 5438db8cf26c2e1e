// `npm run bench -- goodput`, or `npx tsx bench/goodput.ts [--update]`: TCP's goodput over netem's loss and delay as a table, beside
// what the response functions say. Virtual time: the figures are the same on every machine. --update writes the golden file.

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { CONTROLS, DELAYS, expected, GOLDEN, goodput, LOSSES, row } from "./support/goodput.ts";

/** The table, line by line. */
export async function* goodputTable(): AsyncGenerator<string> {
  for (const control of CONTROLS)
    for (const delay of DELAYS)
      for (const loss of LOSSES) {
        const point = { control, loss, delay };
        yield row(point, await goodput(point), expected(point));
      }
}

/** Prints the table. @returns it */
export async function printGoodput(): Promise<string> {
  const head = "# control  delay ms  loss %  Mbit/s  response function  ratio";
  console.log(head);
  let text = `${head}\n`;
  for await (const line of goodputTable()) {
    console.log(line);
    text += `${line}\n`;
  }
  return text;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const text = await printGoodput();
  if (process.argv.includes("--update")) writeFileSync(GOLDEN, text);
}
