/**
 * Canonical JSON (RFC 8785) and the one way to read it: parse, encode again, compare. A second
 * member of one name, another spelling, a byte too many all fail in the comparison. Numbers are
 * whole and at most 2^53 - 1; anything else is refused.
 */

import { decodeUtf8, equal, isUnicode, utf8 } from "./bytes.js";
import { Limit, Refused } from "./errors.js";

const MAX_DEPTH = 150;

/** @typedef {null | boolean | number | string | Json[] | {[name: string]: Json}} Json */

/**
 * @param {any} value
 * @param {number} [depth]
 * @returns {string}
 */
function encode(value, depth = 0) {
  if (depth > MAX_DEPTH) {
    throw new Limit("V-TOO-DEEP", "a value is nested more deeply than this verifier can follow");
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") {
    // JSON.stringify would write half a surrogate pair as an escape, which no UTF-8 text holds.
    if (!isUnicode(value)) throw new Refused("text that is not Unicode");
    return JSON.stringify(value);
  }
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new Refused("a number that is not a whole one");
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map((each) => encode(each, depth + 1)).join(",")}]`;
  const names = Object.keys(value).sort(); // by UTF-16 units, as RFC 8785 3.2.3 demands
  const members = names.map((name) => `${encode(name)}:${encode(value[name], depth + 1)}`);
  return `{${members.join(",")}}`;
}

/** @param {Json} value @returns {Uint8Array} */
export function canonical(value) {
  return utf8(encode(value));
}

/** @param {Json} value @returns {string} the canonical text, to compare two values by */
export function canonicalText(value) {
  return encode(value);
}

/**
 * @param {Uint8Array} data
 * @param {string} what names it in the refusal
 * @returns {any}
 */
export function parseCanonical(data, what) {
  const text = decodeUtf8(data);
  if (text === null) throw new Refused(`${what} is not UTF-8`);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refused(`${what} is not JSON`);
  }
  let again;
  try {
    again = canonical(value);
  } catch (error) {
    if (error instanceof Refused) throw new Refused(`${what}: ${error.message}`);
    throw error;
  }
  if (!equal(again, data)) throw new Refused(`${what} is not in canonical form (RFC 8785)`);
  return value;
}

/**
 * True for an object, which has exactly these members when any are named.
 * @param {any} value
 * @param {...string} names
 * @returns {boolean}
 */
export function isObject(value, ...names) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  if (names.length === 0) return true;
  const found = Object.keys(value);
  return found.length === names.length && names.every((name) => Object.hasOwn(value, name));
}

/**
 * A member of an object that came from JSON, or undefined: never one that every object inherits.
 * @param {any} value
 * @param {string} name
 * @returns {any}
 */
export function member(value, name) {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
