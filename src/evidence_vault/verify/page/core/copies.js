/**
 * A share copy of a bundle against what its entry says of it, and its statement against both
 * (docs/format-bundle.md rule 5, docs/format-derivative.md).
 */

import { canonicalText, member } from "./json.js";
import { parseCopyStatement } from "./derivation.js";
import { refused } from "./errors.js";

/** @typedef {import("./contents.js").Content} Content */
/** @typedef {import("./checked.js").CheckedEvent} CheckedEvent */
/** @typedef {import("./report.js").ReportBuilder} ReportBuilder */
/** The entry by which an item came in; `isFirst`: it took the file in itself. @typedef {{home: string, item: string, seq: number | null, sha256: string | null, sha512: string | null, isFirst: boolean}} Arrival */
/** What a statement says, or what is wrong with it. @typedef {{problem: string, told: import("./derivation.js").Told | null}} ToldCopy */

/** @param {CheckedEvent | undefined} checked @returns {Arrival | null} */
export function arrivalOf(checked) {
  if (checked === undefined) return null;
  const { subject, sd, type } = checked.event;
  return {
    home: String(member(subject, "home")),
    item: String(member(subject, "id")),
    seq: checked.seq,
    sha256: member(sd, "content_sha256") ?? null,
    sha512: member(sd, "content_sha512") ?? null,
    isFirst: type === "ingested",
  };
}

/** @param {Uint8Array} data @returns {ToldCopy} */
export function readCopyStatement(data) {
  try {
    return { problem: "", told: parseCopyStatement(data) };
  } catch (error) {
    return { problem: refused(error).message, told: null };
  }
}

/**
 * File whatever is wrong with a copy whose bytes are those of `content`, and whose statement at
 * `path` is the logged one.
 * @param {ReportBuilder} report
 * @param {string} step
 * @param {string} path
 * @param {string} clause
 * @param {Content} content
 * @param {Arrival | null} arrival
 * @param {ToldCopy} statement
 */
export function checkCopy(report, step, path, clause, content, arrival, statement) {
  const hidden = ["kind", "parent", "statement"].filter((name) => !content.about.has(name));
  for (const field of hidden) report.unchecked(step, "R-FILE-WITHHELD", path, clause, { field });
  if (arrival === null) report.unchecked(step, "R-FILE-NO-INGEST", path, clause);
  if (arrival === null || hidden.length > 0) return;
  const { problem, told } = statement;
  if (told === null) {
    report.differ(step, "B-COPY-STATEMENT-FORM", path, clause, { reason: problem });
    return;
  }
  for (const [field, wanted, actual] of claims(content, arrival, told)) {
    const [expected, found] = [canonicalText(wanted), canonicalText(actual)];
    if (expected !== found) {
      report.differ(step, "B-COPY-CLAIM", path, clause, { field, expected, found });
    }
  }
  if (!arrival.isFirst) report.inform(step, "B-COPY-ELSEWHERE", path);
}

/**
 * (what, expected, found) of each thing that entry and statement must say.
 * @param {Content} content
 * @param {Arrival} arrival
 * @param {import("./derivation.js").Told} told
 * @returns {[string, any, any][]}
 */
function claims(content, arrival, told) {
  const { about, values } = content;
  const { home, item, seq, sha256, sha512 } = arrival;
  const stated = {
    sha256: values.get("content_sha256"),
    sha512: values.get("content_sha512"),
    size: values.get("content_size"),
  };
  const copy = told.copy === null ? null : { ...told.copy, size: String(told.copy.size) };
  const statement = about.get("statement");
  const logged = typeof statement === "object" && statement !== null ? statement : {};
  /** @type {[string, any, any][]} */
  const found = [
    ["kind", "share-copy", about.get("kind")],
    ["parent", { commitment: sha256, field: "content_sha256", seq }, about.get("parent")],
    ["outcome", "clean", member(logged, "outcome") ?? null],
    ["outcome of the statement", "clean", told.outcome],
    ["copy of the statement", stated, copy],
    ["original of the statement", [home, item], [told.home, told.item]],
  ];
  if (arrival.isFirst) {
    const stands = [told.seq, told.sha256, told.sha512];
    found.push(["commitments of the statement", [seq, sha256, sha512], stands]);
  }
  return found;
}
