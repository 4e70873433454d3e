// Lets two others judge how we read workbooks and how we fill forms, and says where they differ from us.
// Usage: node tests/judges/check.mjs JUDGED PYTHON [--list]
// JUDGED is the built example `judged` of fieldmerge-model, PYTHON an interpreter that has pyxform. With --list the
// differences that are not known are printed as known.json writes them.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { behaviour } from "./behaviour.mjs";
import { expressionsOf, facts, importing } from "./importing.mjs";
import { Known } from "./known.mjs";
import { spoiled } from "./spoil.mjs";

const [judged, python, mode] = process.argv.slice(2);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Lines of JSON that a program prints, given lines of JSON. */
function lines(program, args, input = []) {
  const text = input.map((value) => `${JSON.stringify(value)}\n`).join("");
  const stdio = ["pipe", "pipe", "inherit"];
  const { status, stdout } = spawnSync(program, args, { input: text, maxBuffer: 2 ** 30, encoding: "utf8", stdio });
  if (status !== 0) {
    console.error(`failed: ${program} ${args.join(" ")}`);
    process.exit(1);
  }
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

/** The workbooks of a folder, if it is there. */
function workbooksIn(folder) {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true }).sort().map((name) => join(folder, name));
  return files.filter((file) => file.endsWith(".md") && /^\| survey \|/m.test(readFileSync(file, "utf8")));
}

const cases = lines(judged, ["cases", ...workbooksIn(here("../../protocol/model/pack"))]);
const workbooks = [...cases, ...lines(judged, ["workbooks"])];
const verdicts = lines(python, [here("pyxform_judge.py")], workbooks.map(({ markdown }) => ({ markdown })));
const said = workbooks.map((workbook, at) => facts(workbook, verdicts[at]));
const texts = [...new Set(said.flatMap(expressionsOf))];
const written = lines(judged, ["expressions"], texts);
const asWritten = new Map(texts.map((text, at) => [text, written[at]]));

const known = new Known(here("known.json"));
const all = [];
const unknown = [];
let passed = 0;
let failed = 0;

function count(holds) {
  if (holds) passed += 1;
  else failed += 1;
  return holds;
}

for (const [at, workbook] of workbooks.entries()) {
  const verdict = verdicts[at];
  const judges = [importing(workbook, verdict, said[at], asWritten)];
  if (workbook.steps && verdict.xform) judges.push(await behaviour(workbook, verdict.xform));
  for (const differences of judges) {
    const found = differences.filter((difference) => !known.has(difference));
    unknown.push(...found);
    count(found.length === 0);
  }
  all.push({ workbook, verdict, written: asWritten, differs: judges.flat().some(({ rule }) => !rule) });
}
for (const { judge, case: title, path, what, ours, theirs } of unknown) {
  const sides = `ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}`;
  if (mode === "--list") console.log(`${JSON.stringify({ judge, case: title, path, what, ours, theirs })},`);
  else console.log(`${judge}: ${title}: ${path} ${what}: ${sides}`);
}
for (const name of known.stale()) {
  count(false);
  console.log(`known.json lists what is not met: ${name}`);
}
for await (const [kind, isNoticed] of spoiled(all)) {
  if (!count(isNoticed)) console.log(`not noticed when spoiled: ${kind}`);
}
console.log(`judges: ${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
