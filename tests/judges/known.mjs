// The differences that are known, with their reasons: `known.json`.
import { readFileSync } from "node:fs";

const FIELDS = ["judge", "case", "path", "what", "ours", "theirs"];

/** The same text for the same difference. */
const key = (difference) => JSON.stringify(FIELDS.map((field) => difference[field]));

/** What is known, and what of it was met. */
export class Known {
  constructor(file) {
    const { rules, differences } = JSON.parse(readFileSync(file));
    this.rules = new Map(Object.entries(rules));
    this.listed = new Map(differences.flatMap(({ why, all }) => all.map((difference) => [key(difference), why])));
    this.met = new Set();
  }

  /** Whether a difference is known: by its rule, or as it stands. */
  has(difference) {
    const name = difference.rule?.(this.rules) ?? key(difference);
    const isKnown = this.rules.has(name) || this.listed.has(name);
    if (isKnown) this.met.add(name);
    return isKnown;
  }

  /** What is listed and was not met. */
  stale() {
    return [...this.rules.keys(), ...this.listed.keys()].filter((name) => !this.met.has(name));
  }
}
