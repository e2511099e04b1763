/** Disclosures and openings of set subjects (docs/format-entry.md). */

import { unb64, unhex } from "./bytes.js";
import { expect, Refused } from "./errors.js";
import { sha256hex } from "./hash.js";
import { canonical, isObject, member, parseCanonical } from "./json.js";
import { checkInclusion, leafHash } from "./merkle.js";
import { areTexts, isCount, isHex, isText } from "./shapes.js";

/** @typedef {{name: string, value: any, digest: string}} Disclosure */
/** @typedef {{salt: string, home: string, id: string, seq: number, prev: string | null, index: number, size: number, path: Uint8Array[]}} Opening */

const MAX_DISCLOSURE = 64 * 1024 * 1024;

/** @param {Uint8Array} raw @returns {Disclosure} */
export function parseDisclosure(raw) {
  expect(raw.length <= MAX_DISCLOSURE, "a disclosure is larger than 64 MiB");
  const value = parseCanonical(raw, "a disclosure");
  expect(
    Array.isArray(value) &&
      value.length === 3 &&
      isText(value[0]) &&
      Array.from(value[0]).length === 43 &&
      isText(value[1]),
    "a disclosure must be [salt, name, value] with a 43-character salt",
  );
  return { name: value[1], value: value[2], digest: sha256hex(raw) };
}

/**
 * Values by name, each compared with its commitment.
 * @param {{[name: string]: string | null}} commitments
 * @param {Disclosure[]} disclosures
 * @returns {Map<string, any>}
 */
export function checkDisclosures(commitments, disclosures) {
  /** @type {Map<string, any>} */
  const values = new Map();
  for (const { name, value, digest } of disclosures) {
    if (values.has(name)) {
      throw new Refused(`two values shown for the field ${JSON.stringify(name)}`, "R-FIELD-TWICE");
    }
    const commitment = member(commitments, name) ?? null;
    if (commitment === null) {
      throw new Refused(
        `the entry commits to no value for the field ${JSON.stringify(name)}`,
        "R-FIELD-UNKNOWN",
      );
    }
    if (commitment !== digest) {
      throw new Refused(
        `the value shown for ${JSON.stringify(name)} is not the one committed to: ` +
          `expected ${commitment}, found ${digest}`,
        "R-FIELD-CHANGED",
      );
    }
    values.set(name, value);
  }
  return values;
}

/** @param {Uint8Array} raw @returns {Opening} */
export function parseOpening(raw) {
  const value = parseCanonical(raw, "a set opening");
  expect(
    isObject(value, "index", "leaf", "path", "size"),
    "a set opening must have index, leaf, path and size",
  );
  const { index, leaf, path, size } = value;
  expect(
    Array.isArray(leaf) &&
      leaf.length === 5 &&
      areTexts(leaf.slice(0, 3)) &&
      Array.from(leaf[0]).length === 43 &&
      isCount(leaf[3]) &&
      (leaf[4] === null || isHex(leaf[4], 64)) &&
      (leaf[4] === null) === (leaf[3] === 0) &&
      areTexts(path) &&
      path.length <= 63 &&
      isCount(index) &&
      isCount(size),
    "a set opening is malformed",
  );
  const [salt, home, id, seq, prev] = leaf;
  const hashes = path.map((/** @type {string} */ each) => unb64(each, "a path element", 32));
  return { salt, home, id, seq, prev, index, size, path: hashes };
}

/**
 * Refuses unless the opening leads to the root that the subject states.
 * @param {Opening} o
 * @param {string} root hex
 */
export function checkOpening(o, root) {
  const leaf = leafHash(canonical([o.salt, o.home, o.id, o.seq, o.prev]));
  checkInclusion(leaf, o.index, o.size, unhex(root), o.path);
}
