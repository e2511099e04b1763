/** Rule 8 of docs/format-receipt.md: fingerprint, keys and log state as the trust file has them. */

import { equal, hex } from "./bytes.js";
import { entryName } from "./checked.js";
import { covers, roleFor } from "./entry0.js";
import { fingerprintWords } from "./keys.js";
import { DIFFERS } from "./report.js";

/** @typedef {import("./receipt.js").Receipt} Receipt */
/** @typedef {import("./checked.js").Checked} Checked */
/** @typedef {import("./trust.js").TrustFile} TrustFile */
/** @typedef {import("./trust.js").TrustOrigin} TrustOrigin */

/**
 * True when the event names another root for the same size of the same log.
 * @param {import("./entry.js").Event} event
 * @param {string} origin
 * @param {number} size
 * @param {Uint8Array} root
 */
export function contradicts(event, origin, size, root) {
  return event.seen.some((s) => s.origin === origin && s.size === size && s.root !== hex(root));
}

/** @param {Receipt} receipt @param {Checked} result @param {TrustFile} trust */
export function checkWho(receipt, result, trust) {
  const { zero } = result;
  if (zero === null) return;
  result.ran.add(8);
  const known = trust.origin(receipt.origin);
  if (known === undefined) {
    const names = trust.origins.map((each) => each.origin).join(", ");
    result.differ(8, "W-ORIGIN-UNKNOWN", receipt.origin, { known: names });
    return;
  }
  if (!equal(zero.fingerprint, known.fingerprint)) {
    result.differ(8, "W-FINGERPRINT", receipt.origin, {
      expected: hex(known.fingerprint),
      found: hex(zero.fingerprint),
      expected_words: fingerprintWords(known.fingerprint),
      found_words: fingerprintWords(zero.fingerprint),
    });
    return;
  }
  if (zero.logKeys.map((key) => key.text).join() !== known.logKeys.join()) {
    result.differ(8, "W-LOG-KEYS", receipt.origin);
  }
  checkState(result, known);
  for (const each of result.events) {
    const role = roleFor(each.event.type, each.index);
    const problem = signerProblem(known, role, each.event.signer, each.index);
    const details = { keyid: each.event.signer };
    if (problem === "W-BEYOND-TRUST") {
      result.unchecked(8, problem, entryName(each.index), { size: known.size });
    } else if (problem !== "") {
      result.differ(8, problem, entryName(each.index), details);
    }
  }
}

/**
 * Whether the trust file has that key for that role and log position: "" or what is wrong.
 * @param {TrustOrigin} known
 * @param {string} role
 * @param {string} signer keyid
 * @param {number} index
 */
export function signerProblem(known, role, signer, index) {
  const keys = known.keys.filter((key) => key.role === role && key.keyid === signer);
  if (keys.length > 0 && !keys.some((key) => covers(key, index))) return "W-KEY-INTERVAL";
  if (index >= known.size) return "W-BEYOND-TRUST";
  return keys.length === 0 ? "W-SIGNER-UNKNOWN" : "";
}

/** Equal sizes of receipt and trust file must have equal roots. @param {Checked} result @param {TrustOrigin} known */
function checkState(result, known) {
  for (const each of result.events) {
    const signed = each.opened.problem === null;
    if (signed && contradicts(each.event, known.origin, known.size, known.root)) {
      result.differ(8, "W-LOG-FORK", entryName(each.index), { size: known.size });
    }
  }
  const point = result.checkpoint;
  if (point === null || !result.ran.has(4)) return;
  if (point.size !== known.size) {
    result.inform(8, "W-NOT-COMPARED", known.origin, { size: point.size, known: known.size });
  } else if (!equal(point.root, known.root)) {
    const unsigned = result.findings.some((f) => f.rule === 4 && f.found.outcome === DIFFERS);
    // Two signed roots for one size: the log showed two histories.
    if (!unsigned) result.differ(8, "W-LOG-FORK", known.origin, { size: known.size });
  }
}
