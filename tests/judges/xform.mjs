// What an XForm that pyxform wrote says, as facts: `path what` with a text or a list, as `ours.mjs` tells them of our form.
import { parseXml } from "./browser.mjs";

/** A text as it is compared: pyxform makes straight quotes of all, and puts spaces around answers. */
export function plainText(text) {
  const straight = text.replace(/[\u2018\u2019]/g, "'").replace(/[\u201c\u201d]/g, '"');
  return straight.replace(/\s+/g, " ").trim();
}

/** A fact whose text is an expression, in whatever way it is written. */
export class Expression {
  constructor(text) {
    // What was saved last is found by its name; in an XForm by its path, which is the same.
    const saved = /(instance\('__last-saved'\))(?:\/[\w.-]+)*\/([\w.-]+)/g;
    this.text = text.trim().replace(saved, "$1/root/item/$2");
  }
}

const BINDS = {
  relevant: "relevant",
  required: "required",
  constraint: "constraint",
  readonly: "read_only",
  calculate: "calculation",
};
/** The number of a filled form, which every form has, and what makes an entity of it: with us it is a record. */
const IS_OF_OTHERS = /^\/data\/meta\/(instanceID$|entity\/)/;
const CONTROLS = new Set(["input", "select1", "select", "odk:rank", "upload", "range", "trigger"]);
const ATTRIBUTES = { start: "start", end: "end", step: "step" };

/** Under this name stand texts of no language where there must be translations. */
const NO_LANGUAGE = "default";

/** The facts of an XForm. */
export function factsOfXForm(xml) {
  return new XForm(parseXml(xml)).facts();
}

class XForm {
  constructor(dom) {
    this.all = (name) => [...dom.getElementsByTagName(name)];
    this.found = new Map();
    this.binds = new Map(this.all("bind").map((bind) => [bind.getAttribute("nodeset"), bind]));
    [this.data] = this.all("instance")[0].children;
    this.texts = this.all("translation").map((translation) => {
      const texts = [...translation.getElementsByTagName("text")];
      return [translation.getAttribute("lang"), new Map(texts.map((text) => [text.getAttribute("id"), text]))];
    });
  }

  facts() {
    this.settings();
    this.tree(this.data, "/data", []);
    for (const [path, bind] of this.binds) this.bind(path, bind);
    for (const name of CONTROLS) for (const control of this.all(name)) this.control(control);
    for (const group of this.all("group")) this.group(group);
    for (const repeat of this.all("repeat")) this.repeat(repeat);
    for (const set of this.all("setvalue")) this.setvalue(set);
    for (const instance of this.all("instance").slice(1)) this.list(instance);
    this.languages();
    return this.found;
  }

  tell(path, what, value) {
    if (value !== null && value !== "" && value?.text !== "") this.found.set(`${path} ${what}`, value);
  }

  settings() {
    this.tell("form", "id", this.data.getAttribute("id"));
    this.tell("form", "version", this.data.getAttribute("version"));
    this.tell("form", "title", this.all("h:title")[0].textContent);
  }

  /** Those that a text is in. */
  languages() {
    const keys = [...this.found.keys()];
    const isNamed = (language) => language !== "" && language !== NO_LANGUAGE;
    const isUsed = (language) => keys.some((key) => key.endsWith(` @${language}`));
    const used = this.texts.map(([language]) => language).filter((language) => isNamed(language) && isUsed(language));
    if (used.length === 0) return;
    this.tell("form", "languages", used);
    const all = this.all("translation");
    const first = (all.find((translation) => translation.hasAttribute("default")) ?? all[0]).getAttribute("lang");
    this.tell("form", "default_language", isNamed(first) ? first : "");
  }

  /** The nodes of the form, without what pyxform adds of its own: templates and numbers of repeats. */
  tree(node, path, order) {
    for (const child of node.children) {
      const at = `${path}/${child.localName}`;
      if (child.hasAttribute("jr:template") || at === "/data/meta" || this.isCount(at)) continue;
      order.push(at);
      if (child.children.length > 0) this.tree(child, at, order);
      else this.tell(at, "default", child.textContent);
    }
    if (path === "/data") this.tell("form", "elements", order);
  }

  /** Whether a node is the one that pyxform makes of the expression of a number. */
  isCount(path) {
    return this.all("repeat").some((repeat) => {
      const [count] = repeat.getAttribute("jr:count")?.trim().split("/").slice(-1) ?? [];
      return path === `${repeat.getAttribute("nodeset")}_count` && path.endsWith(`/${count}`);
    });
  }

  bind(path, bind) {
    if (IS_OF_OTHERS.test(path) || this.isCount(path)) return;
    const type = [bind.getAttribute("type"), bind.getAttribute("jr:preload"), bind.getAttribute("jr:preloadParams")];
    this.tell(path, "type", type.filter((part) => part !== null).join(" "));
    for (const [attribute, what] of Object.entries(BINDS)) {
      if (bind.hasAttribute(attribute)) this.tell(path, what, new Expression(bind.getAttribute(attribute)));
    }
    this.tell(path, "max_pixels", bind.getAttribute("orx:max-pixels"));
    this.message(path, "constraint_message", bind.getAttribute("jr:constraintMsg"));
    this.message(path, "required_message", bind.getAttribute("jr:requiredMsg"));
  }

  message(path, what, text) {
    const [, id] = text?.match(/^jr:itext\('(.*)'\)$/) ?? [];
    if (id !== undefined) this.translated(path, { long: what }, id);
    else if (text !== null) this.tell(path, `${what} @`, plainText(text).replace(/ ?(\$\{[^}]*\}) ?/g, "$1"));
  }

  control(control) {
    const path = control.getAttribute("ref");
    const media = control.getAttribute("mediatype");
    this.tell(path, "control", [control.tagName, media].filter((part) => part !== null).join(" "));
    for (const [attribute, what] of Object.entries(ATTRIBUTES)) {
      this.tell(path, what, control.tagName === "range" ? control.getAttribute(attribute) : null);
    }
    this.shown(path, control);
    const [itemset] = control.getElementsByTagName("itemset");
    if (itemset) this.itemset(path, itemset);
  }

  /** Nodes of choices; those of a repeat are the answers themselves, with us. */
  itemset(path, itemset) {
    const nodes = itemset.getAttribute("nodeset");
    const value = itemset.getElementsByTagName("value")[0].getAttribute("ref");
    const isRepeat = !/instance\(/.test(nodes.split("[")[0]) && !/^randomize\(\s*instance/.test(nodes);
    const filter = `[./${value} != '']`;
    const bare = nodes.endsWith(filter) ? nodes.slice(0, -filter.length) : nodes;
    this.tell(path, "choices", new Expression(isRepeat ? `${bare}/${value}[. != '']` : nodes));
    const label = itemset.getElementsByTagName("label")[0].getAttribute("ref");
    if (isRepeat) return;
    this.tell(path, "choice_value", value);
    // The texts of a list of the workbook are compared themselves.
    if (!/itextId/.test(label)) this.tell(path, "choice_label", label);
  }

  group(group) {
    const path = group.getAttribute("ref");
    this.tell(path, "control", "group");
    this.shown(path, group);
  }

  /** A repeat stands in a group of the same path. */
  repeat(repeat) {
    const path = repeat.getAttribute("nodeset");
    this.tell(path, "control", "repeat");
    this.tell(path, "appearance", repeat.getAttribute("appearance"));
    const count = repeat.getAttribute("jr:count")?.trim();
    if (count === undefined) return;
    const own = `${path}_count`;
    const calculated = this.isCount(own) ? this.binds.get(own)?.getAttribute("calculate") : count;
    this.tell(path, "repeat_count", new Expression(calculated));
  }

  /** What of a control or group is shown. */
  shown(path, control) {
    this.tell(path, "appearance", control.getAttribute("appearance"));
    for (const child of control.children) {
      if (child.tagName === "label" || child.tagName === "hint") this.text(path, child);
    }
  }

  text(path, element) {
    const what = element.tagName;
    const [, id] = element.getAttribute("ref")?.match(/^jr:itext\('(.*)'\)$/) ?? [];
    if (id === undefined) this.tell(path, `${what} @`, textOf(element));
    else this.translated(path, { long: what, guidance: "guidance" }, id);
  }

  /** The texts and files of an id in each language. */
  translated(path, names, id) {
    for (const [language, texts] of this.texts) {
      for (const value of texts.get(id)?.children ?? []) {
        const form = value.getAttribute("form") ?? "long";
        const what = names[form] ?? form;
        // A dash stands where a language has no text.
        const text = textOf(value).replace(/^jr:\/\/\w+\//, "").replace(/^-$/, "");
        this.tell(path, `${what} @${language === NO_LANGUAGE ? "" : language}`, text);
      }
    }
  }

  setvalue(set) {
    const path = set.getAttribute("ref");
    const value = new Expression(set.getAttribute("value") ?? "");
    if (IS_OF_OTHERS.test(path)) return;
    if (set.getAttribute("event") !== "xforms-value-changed") {
      this.tell(path, "default", value);
      return;
    }
    this.tell(path, "calculation after its trigger", value);
    const trigger = set.parentElement.getAttribute("ref").split("/").at(-1);
    this.tell(path, "trigger", [...(this.found.get(`${path} trigger`) ?? []), trigger].sort());
  }

  /** A list of choices, with their texts and columns. */
  list(instance) {
    const id = `list ${instance.getAttribute("id")}`;
    if (instance.hasAttribute("src")) return;
    const items = [...instance.getElementsByTagName("item")];
    const names = items.map((item) => item.getElementsByTagName("name")[0]?.textContent ?? "");
    this.tell(id, "names", names);
    items.forEach((item, at) => {
      for (const cell of item.children) {
        const { localName: what, textContent: text } = cell;
        if (what === "itextId") this.translated(`${id} ${names[at]}`, { long: "label" }, text);
        else if (what === "label") this.tell(`${id} ${names[at]}`, "label @", textOf(cell));
        else if (what !== "name") this.tell(`${id} ${names[at]}`, `column ${what}`, text);
      }
    });
  }
}

/** A text with the names of the answers in it. */
function textOf(element) {
  const parts = [...element.childNodes].map((node) => {
    return node.nodeName === "output" ? `\${${node.getAttribute("value").trim().split("/").at(-1)}}` : node.textContent;
  });
  return plainText(parts.join("")).replace(/ ?(\$\{[^}]*\}) ?/g, "$1").trim();
}
