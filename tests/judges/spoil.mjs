// Spoils what we say, one value of each kind, to see that it is noticed: what judges has not gone blind.
import { behaviour } from "./behaviour.mjs";
import { facts, importing } from "./importing.mjs";

/** Values of a form that no XForm has, or that stand in another one, which is compared. */
const NOT_COMPARED = [
  // Where a record keeps it, and who may see it.
  /^elements\.path$/,
  /^elements\.ours\b/,
  /^record(_label)?\b/,
  // Rows are for people; the code of a language is part of its name.
  /\brow$/,
  /^languages\.code$/,
  // Expressions as they were written: compared with paths in the place of names.
  /^instance_name$/,
  /^elements\.logic\.(relevant|required|constraint|calculation|read_only)$/,
  /^elements\.logic\.initial\.expression$/,
  /^elements\.kind\.repeat\.count$/,
  /\.(filter|order|order\.seeded)$/,
  /\.source\.(list|repeat|file\.name)$/,
  /^files$/,
];

/** In how many forms a kind of value is tried. */
const TRIES = 5;

/** Each kind of value, and whether one of it that is spoiled is noticed. */
export async function* spoiled(all) {
  yield* inWorkbooks(all.filter(({ differs }) => !differs));
  yield* inCases(all.filter(({ workbook, verdict, differs }) => workbook.steps && verdict.xform && !differs));
}

function* inWorkbooks(all) {
  const notices = (workbook, { verdict, written }) => {
    try {
      return importing(workbook, verdict, facts(workbook, verdict), written).length > 0;
    } catch {
      return true;
    }
  };
  const accepted = all.filter(({ workbook, verdict }) => workbook.form && verdict.xform);
  // In one form or another it must be noticed: that a question offers "other" says nothing where its list has it.
  const noticed = new Map();
  for (const one of accepted) {
    for (const [kind, holder, key] of valuesOf(one.workbook)) {
      const { tries, isNoticed } = noticed.get(kind) ?? { tries: 0, isNoticed: false };
      if (isNoticed || tries === TRIES) continue;
      const isNow = whileSpoiled(holder, key, () => notices(one.workbook, one));
      noticed.set(kind, { tries: tries + 1, isNoticed: isNow });
    }
  }
  for (const [kind, { isNoticed }] of noticed) yield [kind, isNoticed];
  const [one] = accepted;
  yield ["workbook that we refuse", notices({ ...one.workbook, form: null, errors: ["spoiled"] }, one)];
  const refused = all.find(({ workbook, verdict }) => !workbook.form && !verdict.xform);
  const { form, expressions } = one.workbook;
  yield ["workbook that we accept", notices({ ...refused.workbook, form, expressions }, refused)];
}

/** The values of a form and its expressions that are compared, each with its kind. */
function* valuesOf({ form, expressions }) {
  for (const [kind, holder, key] of leaves(form, "")) {
    if (!NOT_COMPARED.some((pattern) => pattern.test(kind))) yield [`form: ${kind}`, holder, key];
  }
  for (const expression of expressions) yield [`expression: ${expression[1]}`, expression, 2];
}

/** The values in an object, each with the names on the way to it, the object that holds it, and its name there. */
function* leaves(holder, above) {
  for (const [key, value] of Object.entries(holder)) {
    const kind = Array.isArray(holder) ? above : [above, key].filter((part) => part !== "").join(".");
    if (typeof value === "object" && value !== null) yield* leaves(value, kind);
    else if (value !== "") yield [kind, holder, key];
  }
}

function whileSpoiled(holder, key, ask) {
  const value = holder[key];
  holder[key] = other(value);
  const answer = ask();
  holder[key] = value;
  return answer;
}

/** Another value of the same type. */
function other(value) {
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") return value + 1;
  return `${value ?? ""}0`;
}

/** What holds at a place, with how it is spoiled. */
const HELD = [
  ["relevant", (place) => place.relevant === true, (place) => (place.relevant = false)],
  ["irrelevant", (place) => place.relevant === false, (place) => (place.relevant = true)],
  ["required", (place) => place.required, (place) => (place.required = false)],
  ["optional", (place) => place.relevant && place.required === false, (place) => (place.required = true)],
  ["read_only", (place) => place.read_only && place.label !== "", (place) => (place.read_only = false)],
  ["open", (place) => place.read_only === false && place.label !== "", (place) => (place.read_only = true)],
  ["value", (place) => place.relevant && place.value !== "", (place) => (place.value += "0")],
  ["no value", (place) => place.relevant && place.label !== "", (place) => (place.value += "0")],
  ["fault", (place) => place.wrong?.[0] === "constraint", (place) => (place.wrong = null)],
  ["missing answer", (place) => place.wrong?.[0] === "required", (place) => (place.wrong = null)],
  ["no fault", (place) => place.relevant && place.wrong === null, (place) => (place.wrong = ["constraint", ""])],
  ["message", (place) => /^More than/.test(place.wrong?.[1]), (place) => (place.wrong[1] += "0")],
  ["label", (place) => place.relevant && place.label !== "", (place) => (place.label += "0")],
  ["hint", (place) => place.relevant && place.hint !== "", (place) => (place.hint += "0")],
  ["choice", (place) => place.relevant && place.choices?.length > 0, (place) => (place.choices[0][0] += "0")],
  ["label of a choice", (place) => place.relevant && place.choices?.length > 0, (place) => (place.choices[0][1] += "0")],
  ["number of choices", (place) => place.relevant && place.choices?.length > 1, (place) => place.choices.pop()],
  ["order of choices", (place) => place.relevant && place.choices?.length > 1, (place) => place.choices.reverse()],
  ["path", (place) => place.relevant, (place) => (place.path += "0")],
  ["instance", (place) => place.relevant && place.path.endsWith("[2]"), (place) => (place.path += "0")],
  ["name of a filled form", (place) => place.path.endsWith("instanceName"), (place) => (place.value += "0")],
];

async function* inCases(all) {
  for (const [kind, isSuch, spoil] of HELD) {
    for (const { workbook, verdict } of all) {
      const at = workbook.steps.findLastIndex(({ refused, state }) => !refused && state.some(isSuch));
      if (at < 0) continue;
      const copy = structuredClone(workbook);
      spoil(copy.steps[at].state.find(isSuch));
      yield [kind, (await behaviour(copy, verdict.xform)).some(({ rule }) => !rule)];
      break;
    }
  }
  const { workbook, verdict } = all.find(({ workbook }) => workbook.steps.some(({ add, refused }) => add && !refused));
  const steps = workbook.steps.filter(({ add }) => !add);
  yield ["instance that was added", (await behaviour({ ...workbook, steps }, verdict.xform)).length > 0];
  const isTaken = ({ answer, text, refused }) => answer && text.trim() !== "" && !refused;
  const one = all.find(({ workbook }) => isTaken(workbook.steps.at(-1)));
  const answers = structuredClone(one.workbook);
  answers.steps.push({ ...answers.steps.at(-1), refused: "spoiled" });
  yield ["answer that we refuse", (await behaviour(answers, one.verdict.xform)).length > 0];
}
