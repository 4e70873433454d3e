// What differs between a form that we filled and the same form filled by the engine.
import { Filled } from "./engine.mjs";
import { plainText as words } from "./xform.mjs";

/** A path without the numbers of instances. */
const schemaPath = (path) => path.replace(/\[\d+\]/g, "");

/** Fills the form of a case, and gives what differs, each thing once however long it stays. */
export async function behaviour(told, xform) {
  const found = new Map();
  const differs = (path, what, ours, theirs, rule) => {
    const difference = { judge: "engine", case: told.title, path, what, ours, theirs };
    if (rule) difference.rule = () => rule;
    found.set(JSON.stringify(difference), difference);
  };
  try {
    const filled = await Filled.begin(xform, told.files);
    const own = ownMessages(told.form);
    let before = new Map();
    for (const step of told.steps) {
      if (step.refused) continue;
      const place = step.answer ?? step.add ?? step.remove;
      // A person sees no instance beyond the number of a repeat; with us it stays, with the engine there is none.
      const isGone = before.get(place)?.relevant === false && !filled.has(place);
      if (place !== undefined && !isGone) attempt(() => filled.act(step), place, differs);
      compare(step.state, filled.state(), own, differs);
      before = new Map(step.state.map((held) => [held.path, held]));
    }
    for (const step of told.steps) refusal(step, filled, differs);
  } catch (error) {
    differs("/data", "form", "opened", error.message.split("\n")[0]);
  }
  return [...found.values()];
}

function attempt(act, place, differs) {
  try {
    act();
  } catch (error) {
    differs(place, "act", "done", error.message.split("\n")[0]);
  }
}

/** What each question of a form says itself where it is wrong, by path: which faults. */
function ownMessages({ elements }) {
  const paths = [];
  return new Map(
    elements.map(({ name, parent, logic }, at) => {
      paths[at] = `${parent === undefined ? "/data" : paths[parent]}/${name}`;
      return [paths[at], { required: logic.required_message, constraint: logic.constraint_message }];
    }),
  );
}

function compare(ours, theirs, own, differs) {
  const paths = new Set(ours.map(({ path }) => path));
  const known = new Set([...paths].map(schemaPath));
  for (const path of theirs.keys()) {
    if (!paths.has(path) && known.has(schemaPath(path))) differs(path, "there", false, true);
  }
  for (const place of ours) {
    const node = theirs.get(place.path);
    if (node === undefined) {
      if (place.relevant !== false) differs(place.path, "there", true, false);
      continue;
    }
    for (const [what, one, other] of facts(place, node, own.get(schemaPath(place.path)))) {
      if (!isSame(one, other)) differs(place.path, what, one, other, ruleOf(what, other, place));
    }
  }
}

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** What is not offered or beyond the scale stays with us and is said to be wrong; the engine takes it out. */
function ruleOf(what, theirs, { wrong, value, choices }) {
  const [code] = wrong ?? [];
  if (code !== "not-offered" && code !== "out-of-range") return undefined;
  const names = choices.map(([name]) => name);
  const left = value.split(" ").filter((member) => names.includes(member)).sort().join(" ");
  const sorted = (text) => text.split(" ").sort().join(" ");
  if (what === "wrong") return theirs === null || theirs === "required" ? code : undefined;
  return what === "value" && sorted(theirs) === left ? code : undefined;
}

/** What both say of a place; of what does not apply only that. */
function* facts(place, node, own) {
  // The name of a filled form has a value and nothing else.
  const isName = place.relevant === undefined;
  if (!isName) yield ["relevant", place.relevant, node.relevant];
  if (place.relevant === false && !node.relevant) return;
  yield ["value", plain(place.value, node), plain(node.value, node)];
  if (isName) return;
  yield ["required", place.required, node.required];
  // What nobody is asked cannot be answered in any case, and is not shown.
  if (node.kind !== "model-value") yield ["read_only", place.read_only, node.read_only];
  const [code, message] = place.wrong ?? [];
  const [fault, said] = node.wrong ?? [];
  yield ["wrong", code ?? null, fault ?? null];
  if (code && code === fault) yield ["message", own?.[code] ? words(message) : "", words(said)];
  if (node.kind !== "model-value") yield ["label", words(place.label), words(node.label)];
  yield ["hint", words(place.hint), words(node.hint)];
  const choices = (all) => all.map(([name, label]) => [name, words(label)]);
  yield ["choices", choices(place.choices), choices(node.choices)];
}

/** Numbers as they are written here: the engine writes 3.0. */
function plain(value, { type }) {
  const hasNumbers = ["decimal", "geopoint", "geotrace", "geoshape"].includes(type);
  return hasNumbers ? value.replace(/(\d)\.0(?=$|[ ;])/g, "$1") : value;
}

/** What we refuse the engine does not take either. Tried at the end, as it changes the form. */
function refusal(step, filled, differs) {
  if (!step.refused || step.answer === undefined || !filled.has(step.answer)) return;
  let held = "";
  try {
    held = filled.answer(step.answer, step.text);
  } catch {
    return;
  }
  if (held !== "") differs(step.answer, `answer ${step.text}`, step.refused, held);
}
