// Fills forms with the engine of ODK Web Forms.
import { beginWorld } from "./browser.mjs";

const { loadForm } = await import("@getodk/xforms-engine");

const CONFIG = {
  preloadProperties: { deviceID: "deviceid-1", username: "username-1" },
};
const LEAVES = new Set(["input", "select", "range", "rank", "trigger", "note", "upload", "model-value"]);

/** A form that is being filled. */
export class Filled {
  /** Begins one; `files` holds the texts of the files that come with the form, by name. */
  static async begin(xform, files) {
    beginWorld();
    const fetchFormAttachment = async (url) => {
      const text = files[String(url).split("/").at(-1)];
      const found = { status: text === undefined ? 404 : 200, headers: { "content-type": "text/csv" } };
      return new Response(text ?? "", found);
    };
    const form = await loadForm(xform, { fetchFormAttachment });
    if (form.status === "failure") throw form.error;
    return new Filled(form.createInstance(CONFIG).root);
  }

  constructor(root) {
    this.root = root;
    this.begun = new Set();
    this.settle();
  }

  /** Each repeat begins with one instance, as in the first instance of the repeat around it. */
  settle(node = this.root) {
    if (node.nodeType === "repeat-range:uncontrolled" && !this.begun.has(node.nodeId)) {
      this.begun.add(node.nodeId);
      if (node.currentState.children.length === 0) node.addInstances();
    }
    for (const child of node.currentState.children ?? []) this.settle(child);
  }

  /** Does what a step says. */
  act(step) {
    if (step.answer !== undefined) this.answer(step.answer, step.text);
    else if (step.add !== undefined) this.range(step.add, step.repeat).addInstances();
    else this.remove(step.remove);
    this.settle();
  }

  /** Each node but the ranges that instances stand in, with its path. */
  *nodes(node = this.root) {
    if (node !== this.root && !node.nodeType.startsWith("repeat-range")) {
      yield [node.currentState.reference, node];
    }
    for (const child of node.currentState.children ?? []) yield* this.nodes(child);
  }

  find(path) {
    for (const [reference, node] of this.nodes()) if (reference === path) return node;
    return path === "/data" ? this.root : undefined;
  }

  has(path) {
    return this.find(path) !== undefined;
  }

  at(path) {
    const found = this.find(path);
    if (found === undefined) throw new Error(`the engine has no ${path}`);
    return found;
  }

  /** What the engine makes of a text as the answer at a path: what it then holds. */
  answer(path, text) {
    const node = this.at(path);
    const words = text.split(/\s+/).filter((word) => word !== "");
    switch (node.nodeType) {
      case "select":
        if (node.selectType === "select") node.selectValues(words);
        else node.selectValue(text.trim() === "" ? null : text.trim());
        break;
      case "rank":
        node.setValues(words);
        break;
      case "trigger":
        node.setValue(text.trim() !== "");
        break;
      case "input":
      case "range":
        node.setValue(text.trim() === "" && node.valueType !== "string" ? null : text);
        break;
      default:
        throw new Error(`nothing is answered at a ${node.nodeType}`);
    }
    return node.currentState.instanceValue;
  }

  /** The instances of a repeat, which stands at the path of its parent. */
  range(parent, name) {
    const found = this.at(parent).currentState.children.find((child) => child.currentState.reference === `${parent}/${name}`);
    if (!found?.nodeType.startsWith("repeat-range")) throw new Error(`no repeat ${name} in ${parent}`);
    return found;
  }

  remove(path) {
    const [, parent, name, at] = path.match(/^(.*)\/([^/[]+)\[(\d+)\]$/);
    this.range(parent, name).removeInstances(Number(at) - 1);
  }

  /** What holds at each path. */
  state() {
    const all = new Map();
    for (const [path, node] of this.nodes()) {
      const { relevant, required, readonly, label, hint, valueOptions, instanceValue } = node.currentState;
      const isLeaf = LEAVES.has(node.nodeType);
      const violation = isLeaf ? node.validationState.violation : null;
      all.set(path, {
        kind: node.nodeType,
        type: node.valueType,
        relevant,
        required,
        read_only: readonly,
        value: isLeaf ? instanceValue : "",
        wrong: violation === null ? null : [violation.condition, violation.message?.asString ?? ""],
        label: label?.asString ?? "",
        hint: hint?.asString ?? "",
        choices: (Array.isArray(valueOptions) ? valueOptions : []).map(({ value, label }) => [value, label.asString]),
      });
    }
    return all;
  }
}
