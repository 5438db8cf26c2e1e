// A journey as an indented story for people.

import type { Journey } from "./journey.ts";

/** @param quiet only what matched */
export function journeyText({ question, steps, end, arrives, decidedBy }: Journey, quiet = false): string {
  let text = `${question}\n`;
  let namespace = "";
  let hook = "";
  let place = "";
  for (const step of steps) {
    if ("namespace" in step && step.namespace !== namespace) {
      ({ namespace } = step);
      text += `${namespace}\n`;
      place = "";
    }
    switch (step.kind) {
      case "at":
        text += `  ${step.packet} ${step.what}\n`;
        break;
      case "hook":
        // shown with its first rule: most hooks of a bridge and of containers have none
        ({ hook } = step);
        place = "";
        break;
      case "route":
        text += `  route: ${step.what}\n`;
        break;
      case "rewrite":
        text += `    ${step.what}: ${step.before} becomes ${step.after}\n`;
        break;
      case "rule": {
        if (quiet && !step.matched) break;
        if (hook !== "") text += `  ${hook}\n`;
        hook = "";
        const here = `${step.table} ${step.chain}`;
        if (here !== place) text += `    ${here}\n`;
        place = here;
        const number = step.number === 0 ? "policy" : String(step.number);
        text += `      ${step.matched ? "*" : " "} ${number.padStart(3)}  ${step.text}`;
        text += step.matched && step.number > 0 ? `  ⇒ ${step.verdict || "taken"}\n` : "\n";
      }
    }
  }
  return `${text}${arrives ? "ARRIVES" : "DOES NOT ARRIVE"}: ${end}\n${arrives ? `let through by ${decidedBy}\n` : ""}`;
}
