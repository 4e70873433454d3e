// What differs between the form that we make of a workbook and the XForm that pyxform makes of it.
import { factsOfForm } from "./ours.mjs";
import { Expression, factsOfXForm } from "./xform.mjs";

/** The facts of both; none where a workbook was refused. */
export function facts({ form, expressions }, { xform }) {
  return {
    ours: form ? factsOfForm(form, expressions) : undefined,
    theirs: xform ? factsOfXForm(xform) : undefined,
  };
}

/** The texts of the expressions among facts. */
export function expressionsOf(facts) {
  const all = [...(facts.ours?.values() ?? []), ...(facts.theirs?.values() ?? [])];
  return all.filter((value) => value instanceof Expression).map((expression) => expression.text);
}

/** What differs; `written` gives each expression as our crate writes it. */
export function importing(workbook, verdict, { ours, theirs }, written) {
  const difference = (path, what, ours, theirs) => {
    return { judge: "pyxform", case: workbook.title, path, what, ours, theirs };
  };
  if (!ours && !theirs) return [];
  if (!theirs) return [difference("workbook", "accepted", "accepted", verdict.refused)];
  if (!ours) {
    const codes = [...new Set(workbook.errors)].sort();
    // One mistake that we alone refuse is enough, whatever else is wrong.
    const rule = (rules) => codes.map((code) => `refused: ${code}`).find((name) => rules.has(name));
    return [{ ...difference("workbook", "accepted", codes.join(" "), "accepted"), rule }];
  }
  const plain = (value) => {
    return value instanceof Expression ? relative(written.get(value.text) ?? value.text) : (value ?? null);
  };
  const found = [];
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    const [one, other] = [plain(ours.get(key)), plain(theirs.get(key))];
    const [, path, what] = key.match(/^(\S+|list .*?) (\S+( @.*)?|column .*|calculation after its trigger)$/);
    if (JSON.stringify(one) !== JSON.stringify(other)) found.push(difference(path, what, one, other));
  }
  return found;
}

/** An expression whose paths begin at its node without saying so: `../a` for `current()/../a`, outside of brackets. */
function relative(text) {
  let depth = 0;
  return text.replace(/\[|\]|current\(\)\//g, (found) => {
    if (found === "[") depth += 1;
    if (found === "]") depth -= 1;
    return depth === 0 && found.startsWith("current") ? "" : found;
  });
}
