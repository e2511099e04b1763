/** Sentences of the catalogue, and the forms of numbers and values that people read. */
import catalogue from "#messages";
import { escapeForDisplay } from "./escape.js";

export { escapeForDisplay };
export const LANGUAGES = ["en", "my"];
export const VERSION = catalogue.version;

/** False when nobody has reviewed the translation. */
export function isReviewed(lang) {
  return catalogue.languages[lang].reviewed;
}

/** True when the catalogue has this code. */
export function isKnown(code) {
  return Object.hasOwn(catalogue.languages.en.sentences, code);
}

/**
 * A sentence as parts: strings of the catalogue, and {value} for what its fields hold, escaped.
 * A field that is not there stands as its name in braces: shown, never guessed.
 */
export function sentenceParts(lang, code, fields = {}) {
  const template = catalogue.languages[lang].sentences[code];
  if (template === undefined) throw new Error(`no message ${code}`);
  return template.split(/(\{[a-z0-9_]+\})/).map((part) => {
    const name = /^\{([a-z0-9_]+)\}$/.exec(part)?.[1];
    if (name === undefined || !Object.hasOwn(fields, name)) return part;
    return { value: escapeForDisplay(fields[name]) };
  });
}

/** A sentence as plain text, for attributes and titles. */
export function sentence(lang, code, fields = {}) {
  return sentenceParts(lang, code, fields)
    .map((part) => (typeof part === "string" ? part : part.value))
    .join("");
}

/** A length of time in at most two units: "3 d 4 h", "2 h 5 min", "40 s". */
export function span(seconds) {
  let left = Math.abs(Math.round(Number(seconds)));
  const parts = [];
  for (const [size, unit] of [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]]) {
    const count = Math.floor(left / size);
    left %= size;
    if (count > 0 || (unit === "s" && parts.length === 0)) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ");
}

/** A size for people: exact below 10 kB, three digits above. */
export function sizeText(bytes) {
  if (bytes < 10_000) return `${bytes} B`;
  let value = bytes;
  let unit = "B";
  for (unit of ["kB", "MB", "GB", "TB"]) {
    value /= 1000;
    if (value < 1000) break;
  }
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}

/** JSON with sorted members, as RFC 8785 spells values that hold no floats. */
export function canonicalText(value) {
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(value[name])}`);
  return `{${members.join(",")}}`;
}
