// Graphviz places each line of a formatted label at a beginning that it works out from its own font's widths; shown in another font the
// lines stand askew. Here every line of a node is put around the node's middle, whatever the font.

/** An SVG of Graphviz with its nodes' lines in the middle. */
export function centerLabels(svg: string): string {
  return svg.replace(/<g id="[^"]*" class="node">[\s\S]*?<\/g>/g, (node) => {
    const middle = middleOf(node);
    return middle === undefined ? node : centered(node, middle);
  });
}

function middleOf(node: string): string | undefined {
  const shape = /<(?:path|polygon)[^>]* (?:d|points)="([^"]*)"/.exec(node)?.[1];
  if (shape === undefined) return undefined;
  const xs = [...shape.matchAll(/(-?[\d.]+),-?[\d.]+/g)].map((match) => Number(match[1]));
  return ((Math.min(...xs) + Math.max(...xs)) / 2).toFixed(2);
}

const TEXT = /<text([^>]*?) text-anchor="start" x="[^"]*" y="([^"]*)"([^>]*)>([^<]*)<\/text>\n?/g;

/** Pieces of one line, as bold and coloured words are, stay one behind the other. */
function centered(node: string, middle: string): string {
  const lines: Map<string, { space: string; pieces: string[] }> = new Map();
  for (const [, space, y, font, text] of node.matchAll(TEXT)) {
    const line = lines.get(y!) ?? { space: space!, pieces: [] };
    line.pieces.push(`<tspan${font}>${text}</tspan>`);
    lines.set(y!, line);
  }
  const texts = [...lines].map(
    ([y, { space, pieces }]) => `<text${space} text-anchor="middle" x="${middle}" y="${y}">${pieces.join("")}</text>\n`,
  );
  return node.replace(TEXT, "").replace(/<\/g>$/, `${texts.join("")}</g>`);
}
