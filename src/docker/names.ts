// Names and ids that Docker draws: 64 hex digits that do not look like a decimal number when cut to 12, and
// adjective_surname for containers without a name. Answers to pkg/stringid and pkg/namesgenerator.

import type { Rng } from "../sim/rng.ts";

const LEFT = [
  ...["admiring", "bold", "brave", "busy", "clever", "cool", "dazzling", "eager", "elastic", "fervent"],
  ...["focused", "gallant", "gifted", "happy", "hopeful", "jolly", "keen", "kind", "lucid", "magical"],
  ...["modest", "naughty", "nifty", "objective", "peaceful", "quirky", "relaxed", "serene", "sharp", "silly"],
  ...["stoic", "sweet", "tender", "upbeat", "vibrant", "vigilant", "wizardly", "wonderful", "youthful", "zen"],
];

const RIGHT = [
  ...["archimedes", "babbage", "banach", "bell", "blackwell", "bohr", "bose", "boyd", "carson", "cerf"],
  ...["chandrasekhar", "curie", "darwin", "davinci", "dijkstra", "einstein", "euclid", "euler", "faraday", "fermat"],
  ...["feynman", "galileo", "gauss", "goldberg", "hamilton", "hawking", "hopper", "hypatia", "kepler", "knuth"],
  ...["lamarr", "lovelace", "meitner", "newton", "noether", "pascal", "ritchie", "shannon", "tesla", "turing"],
];

export const SHORT_ID_LENGTH = 12;

/** 64 hex digits (stringid.GenerateRandomID). */
export function randomId(rng: Rng): string {
  for (;;) {
    const id = rng.hex(64);
    if (!/^\d+$/.test(id.slice(0, SHORT_ID_LENGTH))) return id;
  }
}

export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, SHORT_ID_LENGTH);
}

/** A name that `taken` does not know. */
export function randomName(rng: Rng, taken: (name: string) => boolean): string {
  for (let retry = 0; ; retry++) {
    const name = `${LEFT[rng.below(LEFT.length)]}_${RIGHT[rng.below(RIGHT.length)]}${retry > 0 ? retry : ""}`;
    if (!taken(name) && name !== "boring_wozniak") return name;
  }
}
