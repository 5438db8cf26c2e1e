// The table of published ports for people.

import { type PortAnswer, portName } from "./ports.ts";

export function portsText(answers: readonly PortAnswer[]): string {
  if (answers.length === 0) return "no container publishes a port\n";
  let text = "";
  for (const answer of answers) {
    text += `${portName(answer)}\n`;
    const width = Math.max(...answer.reach.map(({ who }) => who.length));
    for (const { who, arrives, decidedBy, end } of answer.reach)
      text += `  ${who.padEnd(width)}  ${arrives ? `yes  ${decidedBy}` : `no   ${end}`}\n`;
    if (answer.reach.some(({ aroundInput }) => aroundInput))
      text +=
        "  note: DNAT in PREROUTING turns packets for this port to FORWARD, so rules of INPUT (ufw's, say) are not asked;\n" +
        "        what shall hold for it belongs in DOCKER-USER (by --ctorigdstport, as the port is rewritten by then)\n";
  }
  return text;
}
