/** Renewed time stamps: lists of digests that were stamped later (docs/format-time.md, *Renewal*). */

import { decodeUtf8, hex } from "./bytes.js";
import { sha512 } from "./hash.js";
import { DIFFERS, MATCHES, UNCHECKED } from "./report.js";
import { checkToken } from "./timestamps.js";

/** @typedef {import("./receipt.js").Token} Token */
/** @typedef {import("./receipt.js").Renewal} Renewal */
/** @typedef {import("./timestamps.js").TokenCheck} TokenCheck */
/** @typedef {{authority: string, check: TokenCheck}} Stamp */
/** @typedef {{number: number, outcome: string, code: string, reason: string, time: number | null}} RenewalCheck */

const LINE = /^([0-9a-f]{128})  ([a-z0-9-]{1,60}(?:[./][a-z0-9-]{1,60}){0,3})$/;
const CHECKPOINT = "checkpoint";

/** @param {number} number */
function listName(number) {
  return `renewal-${String(number).padStart(4, "0")}.sha512`;
}

/** @param {string} authority @param {number} [renewal] */
function tokenName(authority, renewal) {
  const prefix = renewal === undefined ? "" : `renewal-${String(renewal).padStart(4, "0")}.`;
  return `${prefix}${authority}.tsr`;
}

/** Digest by name; null for another spelling. @param {Uint8Array} manifest @returns {Map<string, string> | null} */
function parseList(manifest) {
  const text = decodeUtf8(manifest);
  if (text === null || !text.endsWith("\n")) return null;
  /** @type {Map<string, string>} */
  const found = new Map();
  let before = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const parts = LINE.exec(line);
    if (parts === null || parts[2] <= before) return null;
    before = parts[2];
    found.set(parts[2], parts[1]);
  }
  return found;
}

/**
 * The time stamps over a checkpoint, and the renewals that follow, in their order.
 * @param {Uint8Array} checkpoint the note as it was stamped
 * @param {Token[]} tokens
 * @param {Renewal[]} renewals
 * @param {string[]} roots
 * @returns {{stamps: Stamp[], renewals: RenewalCheck[]}}
 */
export function checkRenewals(checkpoint, tokens, renewals, roots) {
  /** @param {Uint8Array} data @param {Token[]} list @returns {Stamp[]} */
  const checked = (data, list) =>
    list.map(({ authority, reply }) => ({ authority, check: checkToken(reply, data, roots) }));
  const files = new Map([[CHECKPOINT, checkpoint]]);
  for (const { authority, reply } of tokens) files.set(tokenName(authority), reply);
  const stamps = checked(checkpoint, tokens);
  let before = stamps.map(({ authority, check }) => ({ name: tokenName(authority), check }));
  let needed = [CHECKPOINT];
  /** @type {RenewalCheck[]} */
  const found = [];
  renewals.forEach((renewal, i) => {
    const number = i + 1;
    const own = checked(renewal.manifest, renewal.tokens);
    const problem = listProblem(number, renewal.manifest, files, needed, before);
    const verdict = problem ?? stampProblem(own, renewal.manifest, before);
    const good = own.filter((each) => each.check.outcome === MATCHES);
    const times = good.map((each) => /** @type {number} */ (each.check.time));
    found.push({ number, ...verdict, time: times.length ? Math.min(...times) : null });
    // What the next one must cover: this list, and a stamp of it.
    needed = [CHECKPOINT, listName(number)];
    before = own.map(({ authority, check }) => ({ name: tokenName(authority, number), check }));
    files.set(listName(number), renewal.manifest);
    for (const { authority, reply } of renewal.tokens) {
      files.set(tokenName(authority, number), reply);
    }
  });
  return { stamps, renewals: found };
}

/** @typedef {{name: string, check: TokenCheck}} Named */
/** @typedef {{outcome: string, code: string, reason: string}} Verdict */

/** @param {string} code @param {string} reason @param {string} [outcome] @returns {Verdict} */
function verdict(code, reason, outcome = DIFFERS) {
  return { outcome, code, reason };
}

/**
 * What is wrong with the list itself; null when nothing is.
 * @param {number} number
 * @param {Uint8Array} manifest
 * @param {Map<string, Uint8Array>} files
 * @param {string[]} needed
 * @param {Named[]} before
 * @returns {Verdict | null}
 */
function listProblem(number, manifest, files, needed, before) {
  const listed = parseList(manifest);
  if (listed === null) return verdict("T-LIST-FORM", "the list is not in its one spelling");
  for (const [name, digest] of listed) {
    const file = files.get(name);
    if (file !== undefined && hex(sha512(file)) !== digest) {
      return verdict("T-LIST-FILE", `${name} is not the file that it lists`);
    }
  }
  const lacking = needed.find((name) => !listed.has(name));
  if (lacking !== undefined) return verdict("T-LIST-LACKS", `it does not list ${lacking}`);
  const later = [...listed.keys()].find((name) => renewalOf(name) >= number);
  if (later !== undefined) {
    return verdict("T-LIST-LEFT-OUT", `it lists ${later}, which does not stand before it`);
  }
  if (!before.some((each) => listed.has(each.name))) {
    return verdict("T-LIST-LACKS", "it lists no time stamp of what it renews");
  }
  return null;
}

/** Of which renewal a file is; 0 for the others. @param {string} name */
function renewalOf(name) {
  const parts = /^renewal-([0-9]{4})\./.exec(name);
  return parts === null ? 0 : Number(parts[1]);
}

/**
 * Whether the list was stamped, after what it renews and while that still held.
 * @param {Stamp[]} own
 * @param {Uint8Array} manifest
 * @param {Named[]} before
 * @returns {Verdict}
 */
function stampProblem(own, manifest, before) {
  const listed = /** @type {Map<string, string>} */ (parseList(manifest));
  const bad = own.find((each) => each.check.outcome === DIFFERS);
  if (bad) return verdict("T-LIST-STAMP", bad.check.reason);
  const good = own.filter((each) => each.check.outcome === MATCHES);
  if (good.length === 0) {
    const reason = own.length ? own[0].check.reason : "it has no time stamp";
    return verdict("T-LIST-STAMP", reason, UNCHECKED);
  }
  const proven = before.filter(
    (each) => listed.has(each.name) && each.check.outcome === MATCHES,
  );
  if (proven.length === 0) {
    return verdict("T-LIST-BEFORE", "no time stamp that it renews could be checked", UNCHECKED);
  }
  const times = good.map((each) => each.check.time ?? 0);
  const earlier = proven.filter((each) => (each.check.time ?? 0) <= Math.max(...times));
  if (earlier.length === 0) return verdict("T-LIST-ORDER", "it was stamped before what it renews");
  if (earlier.some((each) => Math.min(...times) <= (each.check.ends ?? 0))) {
    return verdict("T-LIST-OK", "the renewal matches", MATCHES);
  }
  const late = "it was stamped after the certificates of what it renews had ended";
  return verdict("T-LIST-LATE", late, UNCHECKED);
}
