// What the engine expects of a browser, and a world in which nothing happens by itself: the one of
// protocol/model/tests/form/world.rs.
import { JSDOM } from "jsdom";

const NOW = 1772339400000;
process.env.TZ = "Indian/Antananarivo";

const { window } = new JSDOM();
for (const name of Object.getOwnPropertyNames(window)) {
  if (/^[A-Z]/.test(name) && !(name in globalThis)) globalThis[name] = window[name];
}
globalThis.document = window.document;
// The engine's parser takes Node for CommonJS and asks for the folder that it stands in; it reads nothing there.
globalThis.__dirname = "";

let drawn = 0;
Math.random = () => (++drawn % 97) / 97;

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [NOW] : given));
  }
  static now() {
    return NOW;
  }
};

/** Begins the world anew: chance gives the same numbers again. */
export function beginWorld() {
  drawn = 0;
}

/** Reads XML. */
export const parseXml = (text) => new window.DOMParser().parseFromString(text, "text/xml");
