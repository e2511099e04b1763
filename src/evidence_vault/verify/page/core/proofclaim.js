/** What an export says of its own proofs (docs/format-bundle.md), and anchors (format-entry.md). */

import { expect } from "./errors.js";
import { isObject } from "./json.js";
import { isCount, isHex, isOrigin, isText } from "./shapes.js";

/** @typedef {{size: number, cosigners: string[], tokens: string[]}} StateClaim */

const KINDS = ["cosignatures", "inclusion", "timestamps"];
const STATES = ["present", "pending", "not configured"];

/** @param {unknown} condition @param {string} message */
function must(condition, message) {
  expect(condition, `proofs: ${message} (docs/format-bundle.md)`);
}

/** @param {any} value @returns {StateClaim[]} the checkpoints that must be there */
export function parseClaim(value) {
  must(isObject(value, ...KINDS, "states"), "other members");
  must(
    KINDS.every((kind) => STATES.includes(value[kind])) && value.inclusion === "present",
    "each kind is present, pending or not configured, and inclusion is present",
  );
  must(Array.isArray(value.states), "states must be a list");
  /** @type {StateClaim[]} */
  const states = value.states;
  states.forEach((each, i) => {
    must(isObject(each, "cosigners", "size", "tokens"), "a state has cosigners, size and tokens");
    const { size, cosigners, tokens } = each;
    must(isCount(size), "the size of a state is a whole number");
    must(i === 0 || states[i - 1].size < size, "states must stand in order of size, each once");
    must(
      Array.isArray(cosigners) && cosigners.every((id) => isHex(id, 8)),
      "cosigners are key IDs of 8 hex digits",
    );
    must(
      Array.isArray(tokens) && tokens.every((digest) => isHex(digest, 64)),
      "tokens are SHA-256 digests",
    );
  });
  return states;
}

/** The anchors of an event's clear part. @param {any} clear @returns {any[]} */
export function parseAnchors(clear) {
  expect(
    isObject(clear, "anchors") &&
      Array.isArray(clear.anchors) &&
      clear.anchors.length >= 1 &&
      clear.anchors.length <= 64,
    "anchored: one list of 1 to 64 anchors (docs/format-entry.md)",
  );
  expect(
    clear.anchors.every(isAnchor),
    "anchored: an anchor of unknown form (docs/format-entry.md)",
  );
  return clear.anchors;
}

/** @param {any} a */
function isAnchor(a) {
  if (!isObject(a)) return false;
  if (a.kind === "beacon") {
    return (
      isObject(a, "kind", "name", "round", "value") &&
      isText(a.name) &&
      /^[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,79}$/.test(a.name) &&
      isText(a.round) &&
      /^[0-9]{1,20}$/.test(a.round) &&
      isText(a.value) &&
      /^([0-9a-f]{2}){16,128}$/.test(a.value)
    );
  }
  const common = ["kind", "origin", "sha256", "size"];
  const good =
    (a.kind === "token" && isObject(a, ...common)) ||
    (a.kind === "peer" && isObject(a, ...common, "root") && isHex(a.root, 64));
  return good && isOrigin(a.origin) && isCount(a.size) && isHex(a.sha256, 64);
}
