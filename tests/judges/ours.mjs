// What a form of ours says, as facts: `path what` with a text or a list, as `xform.mjs` tells them of an XForm.
import { Expression, plainText } from "./xform.mjs";

/** The type of a bind and the control of each type of question. */
const KINDS = {
  text: ["string", "input"],
  integer: ["int", "input"],
  decimal: ["decimal", "input"],
  select_one: ["string", "select1"],
  select_multiple: ["string", "select"],
  rank: ["odk:rank", "odk:rank"],
  date: ["date", "input"],
  time: ["time", "input"],
  date_time: ["dateTime", "input"],
  geopoint: ["geopoint", "input"],
  geotrace: ["geotrace", "input"],
  geoshape: ["geoshape", "input"],
  barcode: ["barcode", "input"],
  image: ["binary", "upload image/*"],
  audio: ["binary", "upload audio/*"],
  video: ["binary", "upload video/*"],
  file: ["binary", "upload application/*"],
  note: ["string", "input"],
  acknowledge: ["string", "trigger"],
  hidden: ["string", ""],
  calculate: ["string", ""],
};
const METADATA = {
  start: "dateTime timestamp start",
  end: "dateTime timestamp end",
  today: "date date today",
  device_id: "string property deviceid",
  username: "string property username",
  phone_number: "string property phonenumber",
  email: "string property email",
  subscriber_id: "string property subscriberid",
  sim_serial: "string property simserial",
  start_geopoint: "geopoint",
};

/** Types of questions that nobody sees: an XForm has no text of them. */
const UNSEEN = new Set(["hidden", "calculate", "metadata"]);

/** The name of the type of a question, which may have details. */
const nameOf = (question) => (typeof question === "string" ? question : Object.keys(question)[0]);

/** The facts of a form with its expressions. */
export function factsOfForm(form, expressions) {
  return new Ours(form).facts(expressions);
}

class Ours {
  constructor(form) {
    this.form = form;
    this.found = new Map();
    this.paths = [];
    for (const { name, parent } of form.elements) {
      this.paths.push(`${parent === undefined ? "/data" : this.paths[parent]}/${name}`);
    }
  }

  facts(expressions) {
    this.settings();
    this.form.elements.forEach((element, at) => this.element(this.paths[at], element));
    for (const [at, purpose, text] of expressions) {
      // A number is seen from the node that the repeat stands in, and in an XForm from a node beside the repeat.
      const seen = purpose === "repeat_count" ? text.replaceAll("current()/", "current()/../") : text;
      this.tell(this.paths[at], purpose, new Expression(seen));
    }
    for (const list of this.form.lists) this.list(list);
    this.languages();
    return this.found;
  }

  tell(path, what, value) {
    if (value !== undefined && value !== "") this.found.set(`${path} ${what}`, value);
  }

  settings() {
    const { id, version, title, languages, default_language, instance_name } = this.form;
    for (const [what, value] of Object.entries({ id, version, title })) this.tell("form", what, value);
    this.first = languages[default_language].name;
    this.tell("form", "elements", this.paths);
    if (instance_name === undefined) return;
    const path = (_, name) => this.paths.find((path) => path.endsWith(`/${name}`));
    const text = instance_name.replace(/\$\{([^}]*)\}/g, path);
    this.tell("/data/meta/instanceName", "calculation", new Expression(text));
    this.tell("/data/meta/instanceName", "type", "string");
  }

  /** Those that a text is in; the others no program can show. */
  languages() {
    const keys = [...this.found.keys()];
    const names = this.form.languages.map(({ name }) => name).filter((name) => name !== "");
    const used = names.filter((name) => keys.some((key) => key.endsWith(` @${name}`)));
    this.tell("form", "languages", used.length === 0 ? undefined : used);
    if (used.length > 0) this.tell("form", "default_language", this.first);
  }

  element(path, { kind, label, hint, guidance, media, appearance, logic }) {
    if (!UNSEEN.has(nameOf(kind.question ?? {}))) this.texts(path, { label, hint, guidance, ...media });
    const { required_message, constraint_message } = logic;
    this.texts(path, { required_message, constraint_message });
    this.tell(path, "appearance", appearance?.join(" "));
    this.tell(path, "default", logic.initial?.value);
    this.tell(path, "trigger", logic.trigger && [...logic.trigger].sort());
    if (kind.question) this.question(path, kind.question);
    else this.tell(path, "control", typeof kind === "string" ? kind : "repeat");
  }

  question(path, question) {
    const name = nameOf(question);
    const detail = question[name];
    if (name === "metadata") {
      this.tell(path, "type", METADATA[detail]);
      return;
    }
    if (name === "range") {
      const isWhole = [detail.start, detail.end, detail.step].every(Number.isInteger);
      this.tell(path, "type", isWhole ? "int" : "decimal");
      this.tell(path, "control", "range");
      for (const [what, number] of Object.entries(detail)) this.tell(path, what, String(number));
      return;
    }
    const [type, control] = KINDS[name];
    this.tell(path, "type", type);
    this.tell(path, "control", control);
    // A note can only be read, whatever its expression says.
    if (name === "note") this.tell(path, "read_only", new Expression("true()"));
    const source = detail?.source;
    if (source?.list) this.tell(path, "choice_value", "name");
    if (source?.file) this.tell(path, "choice_value", source.file.value);
    if (source?.file) this.tell(path, "choice_label", source.file.label);
    if (source?.list && !this.isTranslated(source.list)) this.tell(path, "choice_label", "label");
    this.tell(path, "max_pixels", detail?.max_pixels && String(detail.max_pixels));
  }

  /** Whether an XForm has the labels of a list apart from it: in languages, with files or with answers in them. */
  isTranslated(list) {
    const { choices } = this.form.lists.find(({ name }) => name === list);
    const isApart = ({ label, media }) => label.length > 1 || media || label.some((text) => /\$\{/.test(text));
    return this.form.languages[0].name !== "" || choices.some(isApart);
  }

  hasOther(list) {
    const details = this.form.elements.map(({ kind }) => Object.values(Object(kind.question))[0]);
    return details.some((detail) => detail?.or_other && detail.source?.list === list);
  }

  /** Texts in each language that has one. */
  texts(path, texts) {
    for (const [what, text] of Object.entries(texts)) {
      text?.forEach((words, at) => {
        const plain = plainText(words).replace(/ ?(\$\{[^}]*\}) ?/g, "$1");
        this.tell(path, `${what.replace("_image", "-image")} @${this.form.languages[at].name}`, plain.trim());
      });
    }
  }

  list({ name, choices, columns }) {
    const id = `list ${name}`;
    const names = choices.map((choice) => choice.name);
    // With us "other" is no choice of the list, but one of the questions that ask for it.
    if (this.hasOther(name) && !names.includes("other")) {
      names.push("other");
      for (const { name } of this.form.languages) this.tell(`${id} other`, `label @${name}`, "Other");
    }
    this.tell(id, "names", names);
    for (const choice of choices) {
      this.texts(`${id} ${choice.name}`, { label: choice.label, ...choice.media });
      columns?.forEach((column, at) => this.tell(`${id} ${choice.name}`, `column ${column}`, choice.values?.[at]));
    }
  }
}
