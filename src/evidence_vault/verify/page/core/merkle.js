/**
 * Merkle tree proofs, RFC 6962 §2.1 and RFC 9162 §2.1.3.2 and §2.1.4.2. Positions and sizes are
 * whole numbers up to 2^53 - 1; larger ones never come here.
 */

import { equal, hex } from "./bytes.js";
import { Refused } from "./errors.js";
import { sha256 } from "./hash.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
export const EMPTY_ROOT = sha256(new Uint8Array(0));

/** @param {Uint8Array} entry */
export function leafHash(entry) {
  return sha256(LEAF, entry);
}

/** @param {Uint8Array} left @param {Uint8Array} right */
function nodeHash(left, right) {
  return sha256(NODE, left, right);
}

/** @param {string} message */
function wrong(message) {
  return new Refused(message, "E-PROOF");
}

/** @param {Uint8Array[]} hashes */
function checkLengths(hashes) {
  if (hashes.some((each) => each.length !== 32)) throw wrong("a hash has 32 bytes");
}

/**
 * Go up from a node: halve its place and that of the last node while it is a left-most edge.
 * @param {number} node
 * @param {number} last
 */
function climb(node, last) {
  while (node !== 0 && node % 2 === 0) {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return [node, last];
}

/**
 * Refuses unless the leaf stands at `index` in the tree of `size` leaves with `root`.
 * @param {Uint8Array} leaf
 * @param {number} index
 * @param {number} size
 * @param {Uint8Array} root
 * @param {Uint8Array[]} proof sibling of the leaf first
 */
export function checkInclusion(leaf, index, size, root, proof) {
  if (!(0 <= index && index < size)) {
    throw wrong(`index ${index} is outside a tree of ${size} entries`);
  }
  if (proof.length > 63) throw wrong("a proof has at most 63 hashes");
  checkLengths([leaf, root, ...proof]);
  let [node, last, result] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) throw wrong(`inclusion proof of entry ${index} in ${size} is too long`);
    if (node % 2 === 1 || node === last) {
      result = nodeHash(sibling, result);
      [node, last] = climb(node, last);
    } else {
      result = nodeHash(result, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw wrong(`inclusion proof of entry ${index} in ${size} is too short`);
  if (!equal(result, root)) {
    throw wrong(
      `inclusion proof of entry ${index} in ${size} entries leads to root ${hex(result)}, ` +
        `not ${hex(root)}`,
    );
  }
}

/**
 * Refuses unless the tree of `oldSize` leaves is the beginning of that of `newSize`.
 * @param {number} oldSize
 * @param {Uint8Array} oldRoot
 * @param {number} newSize
 * @param {Uint8Array} newRoot
 * @param {Uint8Array[]} proof
 */
export function checkConsistency(oldSize, oldRoot, newSize, newRoot, proof) {
  if (!(0 <= oldSize && oldSize <= newSize)) {
    throw wrong(`${oldSize} entries cannot be the beginning of ${newSize} entries`);
  }
  if (proof.length > 63) throw wrong("a proof has at most 63 hashes");
  checkLengths([oldRoot, newRoot, ...proof]);
  for (const [size, root] of /** @type {[number, Uint8Array][]} */ ([
    [oldSize, oldRoot],
    [newSize, newRoot],
  ])) {
    if (size === 0 && !equal(root, EMPTY_ROOT)) throw wrong("the root of an empty tree is another");
  }
  if (oldSize === 0 || oldSize === newSize) {
    if (proof.length) throw wrong(`a consistency proof ${oldSize} to ${newSize} must be empty`);
    if (oldSize === newSize && !equal(oldRoot, newRoot)) {
      throw wrong(`two roots for ${oldSize} entries: ${hex(oldRoot)} and ${hex(newRoot)}`);
    }
    return;
  }
  checkGrown(oldSize, oldRoot, newSize, newRoot, proof);
}

/** True for a power of two. @param {number} size */
function isPower(size) {
  while (size % 2 === 0) size /= 2;
  return size === 1;
}

/**
 * The general case: 0 < oldSize < newSize.
 * @param {number} oldSize
 * @param {Uint8Array} oldRoot
 * @param {number} newSize
 * @param {Uint8Array} newRoot
 * @param {Uint8Array[]} proof
 */
function checkGrown(oldSize, oldRoot, newSize, newRoot, proof) {
  const name = `consistency proof ${oldSize} to ${newSize}`;
  if (proof.length === 0) throw wrong(`${name} is empty`);
  // A complete old tree is a node of the new one: the way starts at its root.
  const path = isPower(oldSize) ? [oldRoot, ...proof] : proof;
  let [node, last] = [oldSize - 1, newSize - 1];
  while (node % 2 === 1) {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  let [older, newer] = [path[0], path[0]];
  for (const sibling of path.slice(1)) {
    if (last === 0) throw wrong(`${name} is too long`);
    if (node % 2 === 1 || node === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      [node, last] = climb(node, last);
    } else {
      newer = nodeHash(newer, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw wrong(`${name} is too short`);
  if (!equal(older, oldRoot)) throw wrong(`${name} leads to the old root ${hex(older)}`);
  if (!equal(newer, newRoot)) throw wrong(`${name} leads to the new root ${hex(newer)}`);
}
