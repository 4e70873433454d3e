// Answers the shared vectors in a WebAssembly module and compares each answer with what is expected.
// Usage: node tests/wasm/check.mjs MODULE VECTORS
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";

const [modulePath, vectorsPath] = process.argv.slice(2);
const text = await readFile(vectorsPath);
const { instance } = await WebAssembly.instantiate(await readFile(modulePath));
const { memory, vectors_input, vectors_run, vectors_output } = instance.exports;

// Each call may grow the memory, which detaches every earlier view of it: take the view after the call.
const input = vectors_input(text.length);
new Uint8Array(memory.buffer, input, text.length).set(text);
const length = vectors_run();
const output = vectors_output();
const answers = JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, output, length)));

let passed = 0;
let failed = 0;
for (const [index, { name, expected }] of JSON.parse(text).entries()) {
  if (isDeepStrictEqual(answers[index], expected) && expected.error === undefined) {
    passed += 1;
  } else {
    failed += 1;
    console.error(`FAIL wasm: ${name}\n  expected ${JSON.stringify(expected)}\n  answered ${JSON.stringify(answers[index])}`);
  }
}
console.log(`wasm: ${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
