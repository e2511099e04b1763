/** The statement on how a share copy was made (docs/format-derivative.md). */

import { expect } from "./errors.js";
import { isObject, parseCanonical } from "./json.js";
import { areTexts, isCount, isHex, isText } from "./shapes.js";

/** @typedef {{outcome: string, copy: any, home: string, item: string, seq: number, sha256: string, sha512: string}} Told */

export const MAX_COPY_STATEMENT = 4 * 1024 * 1024;
const MAX_DEPTH = 8;
const REPORT = [
  ...["also_in_content", "copy", "decoded", "embedded", "format", "kept", "outcome"],
  ...["reasons", "removed", "residual", "structures", "tools", "v"],
];

/** @param {unknown} condition @param {string} message */
function must(condition, message) {
  expect(condition, `a strip statement: ${message} (docs/format-derivative.md)`);
}

/** @param {Uint8Array} data @returns {Told} */
export function parseCopyStatement(data) {
  must(data.length <= MAX_COPY_STATEMENT, "more than 4 MiB");
  const value = parseCanonical(data, "a strip statement");
  must(isObject(value) && value.kind === "evidence-vault/strip-statement", "another kind");
  must(isObject(value, ...REPORT, "kind", "original"), "other members");
  checkReport(value, 0);
  const original = value.original;
  must(
    isObject(original, "commitments", "home", "item", "seq") &&
      isText(original.home) &&
      isText(original.item) &&
      isCount(original.seq),
    "original must have commitments, home, item and seq",
  );
  const digests = original.commitments;
  must(
    isObject(digests, "content_sha256", "content_sha512") &&
      isHex(digests.content_sha256, 64) &&
      isHex(digests.content_sha512, 64),
    "commitments must be two digests",
  );
  const { home, item, seq } = original;
  const { content_sha256: sha256, content_sha512: sha512 } = digests;
  return { outcome: value.outcome, copy: value.copy, home, item, seq, sha256, sha512 };
}

/** @param {any} value whose members are known @param {number} depth */
function checkReport(value, depth) {
  must(depth <= MAX_DEPTH, `files embedded more than ${MAX_DEPTH} deep`);
  must(value.v === 1, "another version");
  must(["clean", "not-clean", "not-checked"].includes(value.outcome), "an unknown outcome");
  for (const name of ["also_in_content", "reasons", "structures"]) {
    must(areTexts(value[name]), `${name} must be a list of texts`);
  }
  must(isText(value.format), "format must be text");
  must(isRows(value.kept, { name: isText, why: isText }), "kept must be a list of name and why");
  must(isRows(value.removed, { count: isCount, name: isText }), "removed must be a list");
  must(Array.isArray(value.tools) && value.tools.every(isTool), "tools must be a list");
  must(
    isRows(value.embedded, { name: isText, report: (each) => isObject(each, ...REPORT) }),
    "embedded must be a list of name and report",
  );
  for (const row of value.embedded) checkReport(row.report, depth + 1);
  const decoded = value.decoded;
  must(
    isObject(decoded, "identical", "method", "what") &&
      Object.values(decoded).every(isText) &&
      ["yes", "no", "not-comparable"].includes(decoded.identical),
    "decoded must say identical, method and what",
  );
  must(value.residual === null || isResidual(value.residual), "residual must have three looks");
  must(value.copy === null || isCopy(value.copy), "copy must have sha256, sha512 and size");
  if (value.outcome === "clean") checkClean(value);
}

/** What is called clean says nothing else anywhere. @param {any} value */
function checkClean({ copy, residual, decoded, reasons, embedded }) {
  must(copy !== null && residual !== null, "clean without a copy and three looks");
  must(decoded.identical === "yes", "clean without the same content");
  const looks = [residual.exiftool, residual.search, residual.second];
  must(
    looks.every((look) => look.found.length === 0),
    "clean, and yet a look found",
  );
  must(reasons.length === 0, "clean, and yet with reasons against it");
  must(
    embedded.every((/** @type {any} */ row) => row.report.outcome === "clean"),
    "clean around what is not",
  );
}

/**
 * @param {any} rows
 * @param {{[name: string]: (value: any) => boolean}} members
 */
function isRows(rows, members) {
  const tests = Object.entries(members);
  return (
    Array.isArray(rows) &&
    rows.every(
      (row) =>
        isObject(row, ...Object.keys(members)) && tests.every(([name, holds]) => holds(row[name])),
    )
  );
}

/** @param {any} value */
function isTool(value) {
  return (
    isObject(value, "name", "parameters", "version") &&
    isText(value.name) &&
    isText(value.version) &&
    areTexts(value.parameters)
  );
}

/** @param {any} value */
function isResidual(value) {
  if (!isObject(value, "exiftool", "search", "second")) return false;
  const { search } = value;
  return (
    [value.exiftool, value.second].every(
      (look) => isObject(look, "found", "tool") && areTexts(look.found) && isTool(look.tool),
    ) &&
    isObject(search, "bytes", "forms", "found", "patterns", "values") &&
    [search.bytes, search.patterns, search.values].every(isCount) &&
    areTexts(search.forms) &&
    areTexts(search.found)
  );
}

/** @param {any} value */
function isCopy(value) {
  return (
    isObject(value, "sha256", "sha512", "size") &&
    isHex(value.sha256, 64) &&
    isHex(value.sha512, 128) &&
    isCount(value.size)
  );
}
