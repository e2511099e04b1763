/** A file against the entries that state digests: docs/format-receipt.md rule 7. */

/** @typedef {import("./hash.js").Digests} Digests */
/** @typedef {import("./checked.js").CheckedEvent} CheckedEvent */
/** @typedef {import("./report.js").ReportBuilder} ReportBuilder */

/** @type {[string, "sha256" | "sha512" | "size"][]} */
const FIELDS = [
  ["content_sha256", "sha256"],
  ["content_sha512", "sha512"],
  ["content_size", "size"],
];

/** What an entry reveals of the bytes it names; of a derivative also how it was made. */
export class Content {
  /** @param {CheckedEvent} event */
  constructor(event) {
    this.index = event.index;
    this.isCopy = event.event.type === "derived";
    /** @type {Map<string, any>} */
    this.values = new Map();
    for (const [name] of FIELDS) {
      if (event.values.has(name)) this.values.set(name, String(event.values.get(name)));
    }
    /** @type {Map<string, any>} */
    this.about = new Map();
    for (const name of ["kind", "parent", "statement"]) {
      if (this.isCopy && event.values.has(name)) this.about.set(name, event.values.get(name));
    }
  }

  /** SHA-256 (hex) of the statement on how it was made; null when that is not revealed. */
  get statement() {
    const told = this.about.get("statement");
    const isObject = typeof told === "object" && told !== null && !Array.isArray(told);
    return isObject && Object.hasOwn(told, "sha256") ? told.sha256 : null;
  }

  /** True when both digests and the size are revealed and equal. @param {Digests} found */
  isOf(found) {
    return FIELDS.every(([name, part]) => this.values.get(name) === String(found[part]));
  }
}

/** Which of them the file is; the arrival stands first. @param {Content[]} contents @param {Digests} found */
export function matched(contents, found) {
  return contents.find((content) => content.isOf(found)) ?? null;
}

/**
 * Which derivative the file is: the one whose statement has this SHA-256, else the newest. A share
 * copy of a file that held nothing to take out has the bytes of its original.
 * @param {Content[]} contents
 * @param {Digests} found
 * @param {string | null} statement
 */
export function matchedCopy(contents, found, statement) {
  const copies = contents.filter((content) => content.isCopy && content.isOf(found)).reverse();
  return copies.find((copy) => copy.statement === statement) ?? copies[0] ?? null;
}

/**
 * Why a file is none of them: compared field by field with the arrival.
 * @param {ReportBuilder} report
 * @param {string} step
 * @param {string} subject
 * @param {string} clause
 * @param {Content[]} contents
 * @param {Digests} found
 */
export function reportMismatch(report, step, subject, clause, contents, found) {
  if (contents.length === 0) {
    report.unchecked(step, "R-FILE-NO-INGEST", subject);
    return;
  }
  const { values } = contents[0];
  for (const [name, part] of FIELDS) {
    const actual = String(found[part]);
    if (!values.has(name)) {
      report.unchecked(step, "R-FILE-WITHHELD", subject, clause, { field: name });
    } else if (values.get(name) !== actual) {
      const details = { field: name, expected: values.get(name), found: actual };
      report.differ(step, "R-FILE-CHANGED", subject, clause, details);
    }
  }
}
