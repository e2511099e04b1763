/** The items of a bundle: their receipts, payloads and counts (docs/format-bundle.md rules 5, 6). */

import { byCodePoint, hex } from "./bytes.js";
import { Content, matched, matchedCopy, reportMismatch } from "./contents.js";
import { arrivalOf, checkCopy, readCopyStatement } from "./copies.js";
import { MAX_COPY_STATEMENT } from "./derivation.js";
import { Limit, Refused } from "./errors.js";
import { indexProblem } from "./indexcsv.js";
import { canonicalText } from "./json.js";
import { COPIES, isPayload, MANIFESTS } from "./names.js";
import { MAX_RECEIPT, parseReceipt } from "./receipt.js";
import { INFORMATION } from "./report.js";
import { describeLog, STEPS } from "./receiptreport.js";

/** @typedef {import("./checked.js").Checked} Checked */
/** @typedef {import("./checked.js").CheckedEvent} CheckedEvent */
/** @typedef {import("./copies.js").Arrival} Arrival */
/** @typedef {import("./copies.js").ToldCopy} ToldCopy */
/** @typedef {import("./custody.js").CustodyChecker} CustodyChecker */
/** @typedef {import("./entry0.js").KeyState} KeyState */
/** @typedef {import("./entry0.js").Zero} Zero */
/** @typedef {import("./hash.js").Digests} Digests */
/** @typedef {import("./receipt.js").Receipt} Receipt */
/** @typedef {import("./report.js").Finding} Finding */
/** @typedef {import("./report.js").ReportBuilder} ReportBuilder */
/** @typedef {import("./statement.js").ItemRow} ItemRow */
/** @typedef {import("./statement.js").Statement} Statement */
/** What a checked receipt says about its item. @typedef {{contents: Content[], arrival: Arrival | null, shown: number, withheld: number, sound: boolean}} Known */

const RECEIPTS = "S-RECEIPTS";
const PAYLOADS = "S-PAYLOADS";
const COUNTS = "S-COUNTS";
const RULE_5 = "docs/format-bundle.md rule 5";
const RULE_6 = "docs/format-bundle.md rule 6";

/** Takes receipts one by one as they are read, then compares them with the rest. */
export class ItemChecker {
  /** @param {Statement} statement @param {CustodyChecker} custody @param {ReportBuilder} report */
  constructor(statement, custody, report) {
    this._statement = statement;
    this._custody = custody;
    this._report = report;
    /** @type {Zero | null} */ this.zero = null;
    /** @type {KeyState | null} */ this.keys = null;
    /** @type {Map<string, ItemRow>} */
    this._rows = new Map(statement.items.map((row) => [row.receipt, row]));
    /** @type {Map<string, Known>} */ this._known = new Map();
    /** @type {Map<string, ToldCopy>} */ this._told = new Map();
    /** @type {Set<string>} */ this._said = new Set();
  }

  /** True when each chosen item's receipt was read and rules 1 to 6 hold for it. */
  get sound() {
    const known = [...this._known.values()];
    return known.length > 0 && known.length === this._rows.size && known.every((k) => k.sound);
  }

  /** Up to how many bytes of a listed file are read; null for one that is only hashed. @param {string} path */
  wants(path) {
    if (this._rows.has(path)) return MAX_RECEIPT;
    return path.startsWith(COPIES) ? MAX_COPY_STATEMENT : null;
  }

  /** Look at a file whose bytes are those that the statement lists. @param {string} path @param {Uint8Array} data */
  take(path, data) {
    try {
      if (this._rows.has(path)) this._takeReceipt(path, data);
      else this._told.set(path, readCopyStatement(data));
    } catch (error) {
      if (!(error instanceof Limit)) throw error;
      const step = this._rows.has(path) ? RECEIPTS : PAYLOADS;
      this._report.unchecked(step, error.code, path, RULE_5, { reason: error.message });
    }
  }

  /** @param {string} path @param {Uint8Array} data */
  _takeReceipt(path, data) {
    let receipt;
    try {
      receipt = parseReceipt(data);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this._report.differ(RECEIPTS, "R-FORMAT", path, RULE_5, { reason: error.message });
      return;
    }
    const checked = this._custody.check(receipt);
    let sound = [1, 2, 3, 4, 5, 6].every((rule) => checked.ran.has(rule));
    for (const { rule, found } of checked.findings) {
      sound = sound && (rule >= 8 || found.outcome === INFORMATION);
      this._file(path, rule, found);
    }
    this._compare(path, /** @type {ItemRow} */ (this._rows.get(path)), receipt, checked);
    if (this.zero === null && checked.zero !== null) {
      this.zero = checked.zero;
      this.keys = checked.keys;
      describeLog(this._report, checked);
    }
    this._known.set(path, {
      contents: checked.withContent.map((event) => new Content(event)),
      arrival: arrivalOf(checked.arrivals[0]),
      shown: checked.events.reduce((sum, event) => sum + event.values.size, 0),
      withheld: checked.events.reduce((sum, event) => sum + event.withheld, 0),
      sound,
    });
  }

  /** File a receipt's finding; what all receipts share is said once. @param {string} path @param {number} rule @param {Finding} found */
  _file(path, rule, found) {
    const shared = rule >= 8 || ["R-OTHER-SIGNATURES", "R-TYPE-UNKNOWN"].includes(found.code);
    if (shared) {
      const key = JSON.stringify([found.code, found.subject, Object.entries(found.details).sort()]);
      if (this._said.has(key)) return;
      this._said.add(key);
    }
    const step = rule >= 8 ? STEPS[rule - 1] : RECEIPTS;
    const subject = shared ? found.subject : `${path}, ${found.subject}`;
    this._report.add(step, { ...found, subject });
  }

  /** Rule 5: all receipts share the statement's origin, checkpoint and exported event. @param {string} path @param {ItemRow} row @param {Receipt} receipt @param {Checked} checked */
  _compare(path, row, receipt, checked) {
    const s = this._statement;
    const { checkpoint: point, zero, keys } = checked;
    const last = checked.events[checked.events.length - 1];
    /** @type {[string, string, string][]} */
    const same = [
      ["fingerprint", fingerprint(this.zero ?? zero), fingerprint(zero)],
      ["keys", (this.keys ?? keys)?.describe() ?? "none", keys?.describe() ?? "none"],
      ["origin", s.origin, receipt.origin],
      ["item", `${row.home} ${row.id}`, receipt.subject.slice(1).join(" ")],
      [
        "checkpoint",
        `${s.checkpoint.size} ${s.checkpoint.root}`,
        point ? `${point.size} ${hex(point.root)}` : "none",
      ],
      ["last_seq", String(row.last_seq), String(checked.lastSeq ?? "none")],
      [
        "exported",
        `${s.exported.index} ${s.exported.leaf}`,
        last ? `${last.index} ${last.leaf}` : "none",
      ],
    ];
    for (const [field, expected, found] of same) {
      if (expected !== found) {
        const details = { field, expected, found };
        this._report.differ(RECEIPTS, "B-RECEIPT-OTHER", path, RULE_5, details);
      }
    }
    if (last) this._checkExported(path, last);
  }

  /** The exported event must reveal what the bundle claims about itself. @param {string} path @param {CheckedEvent} last */
  _checkExported(path, { event, values }) {
    const s = this._statement;
    if (event.type !== "exported") {
      this._report.differ(RECEIPTS, "B-NOT-EXPORTED", path, RULE_5, { type: event.type });
      return;
    }
    const manifest = s.files.find((row) => row.path === MANIFESTS[0])?.sha256 ?? null;
    const claims = {
      bundle_id: s.bundle_id,
      counts: s.counts,
      payload_manifest: manifest,
      proofs: s.proofs,
    };
    for (const [field, claim] of Object.entries(claims)) {
      if (!values.has(field)) {
        this._report.differ(RECEIPTS, "B-EXPORTED-HIDDEN", path, RULE_5, { field });
      } else if (canonicalText(values.get(field)) !== canonicalText(claim)) {
        this._report.differ(RECEIPTS, "B-EXPORTED-OTHER", path, RULE_5, { field });
      }
    }
  }

  /**
   * Compare items with payloads, counts and index, after all files were read.
   * @param {Set<string>} good
   * @param {Map<string, Digests>} digests
   * @param {Uint8Array | null} index
   */
  finish(good, digests, index) {
    const report = this._report;
    if (this.sound && !report.failed(RECEIPTS)) {
      report.match(RECEIPTS, "B-RECEIPTS-OK", "", { count: this._known.size });
    }
    this._checkPayloads(good, digests);
    this._checkRows();
    this._checkCounts(index);
    if (!report.failed(COUNTS)) {
      const { chosen, withheld } = this._statement.counts;
      report.match(COUNTS, "B-COUNTS-OK", "", { chosen, withheld });
    }
  }

  /** @param {Set<string>} good @param {Map<string, Digests>} digests */
  _checkPayloads(good, digests) {
    const report = this._report;
    let [originals, copies] = [0, 0];
    const explained = new Set();
    const rows = this._statement.items.filter((row) => row.payload !== null);
    const told = new Set(this._statement.files.map((row) => row.path));
    for (const row of rows) {
      const path = /** @type {string} */ (row.payload);
      const known = this._known.get(row.receipt);
      const found = digests.get(path);
      if (!good.has(path) || known === undefined || found === undefined) {
        report.unchecked(PAYLOADS, "B-PAYLOAD-UNCHECKED", path, RULE_5);
        continue;
      }
      let content = matched(known.contents, found);
      const beside = `${COPIES}${row.id}.json`;
      if (told.has(beside)) {
        // Said to be a copy: an original with the same bytes is not meant.
        const statement = digests.get(beside)?.sha256 ?? null;
        content = matchedCopy(known.contents, found, statement) ?? content;
      }
      if (content === null) {
        reportMismatch(report, PAYLOADS, path, RULE_5, known.contents, found);
      } else if (content.isCopy) {
        explained.add(this._explain(row, known, content, good, digests));
        copies += 1;
      } else {
        originals += 1;
      }
    }
    for (const { path } of this._statement.files) {
      if (path.startsWith(COPIES) && !explained.has(path)) {
        report.differ(PAYLOADS, "B-ITEM", path, RULE_5, { reason: "is about no share copy" });
      }
    }
    if (rows.length === 0) {
      if (!report.failed(PAYLOADS)) report.match(PAYLOADS, "B-NO-PAYLOADS");
    } else if (!report.failed(PAYLOADS)) {
      if (copies) report.match(PAYLOADS, "B-COPIES-OK", "", { count: copies });
      if (originals || !copies) report.match(PAYLOADS, "B-PAYLOADS-OK", "", { count: originals });
    }
  }

  /** A share copy comes with the statement on how it was made; returns its path. @param {ItemRow} row @param {Known} known @param {Content} content @param {Set<string>} good @param {Map<string, Digests>} digests */
  _explain(row, known, content, good, digests) {
    const path = `${COPIES}${row.id}.json`;
    const report = this._report;
    const found = digests.get(path);
    const told = this._told.get(path);
    if (found === undefined || told === undefined || !good.has(path)) {
      report.unchecked(PAYLOADS, "B-COPY-STATEMENT-MISSING", path, RULE_5);
    } else if (content.statement === null) {
      report.unchecked(PAYLOADS, "R-FILE-WITHHELD", path, RULE_5, { field: "statement" });
    } else if (found.sha256 !== content.statement) {
      const details = { expected: String(content.statement), found: found.sha256 };
      report.differ(PAYLOADS, "B-COPY-STATEMENT", path, RULE_5, details);
    } else {
      checkCopy(report, PAYLOADS, path, RULE_5, content, known.arrival, told);
    }
    return path;
  }

  /** Rule 6: each row names files that are there; no file of theirs is unnamed. */
  _checkRows() {
    const s = this._statement;
    const listed = new Set(s.files.map((row) => row.path));
    /** @param {string} subject @param {string} reason */
    const wrong = (subject, reason) =>
      this._report.differ(COUNTS, "B-ITEM", subject, RULE_6, { reason });
    for (const row of s.items) {
      const reason = rowProblem(row, listed);
      if (reason) wrong(row.id, reason);
    }
    const payloads = s.items.map((row) => row.payload).filter((path) => path !== null);
    const receipts = s.items.map((row) => row.receipt);
    if (new Set(payloads).size !== payloads.length) wrong("payload", "named by two items");
    if (new Set(receipts).size !== receipts.length) wrong("receipt", "named by two items");
    const named = new Set([...payloads, ...receipts]);
    for (const path of [...listed].sort(byCodePoint)) {
      const ofItem = isPayload(path) || path.startsWith("receipts/");
      if (ofItem && !named.has(path)) wrong(path, "belongs to no item");
    }
  }

  /** @param {Uint8Array | null} index */
  _checkCounts(index) {
    const { counts, items } = this._statement;
    const report = this._report;
    const exported = items.filter((row) => row.withheld === null).length;
    /** @type {{[name: string]: number}} */
    const found = { chosen: items.length, exported, withheld: items.length - exported };
    if (this.sound) {
      const known = [...this._known.values()];
      found.fields_shown = known.reduce((sum, each) => sum + each.shown, 0);
      found.fields_withheld = known.reduce((sum, each) => sum + each.withheld, 0);
    } else {
      report.unchecked(COUNTS, "B-COUNTS-UNCHECKED", "", RULE_6);
    }
    for (const [name, value] of Object.entries(found)) {
      if (counts[name] !== value) {
        const details = { expected: counts[name], found: value };
        report.differ(COUNTS, "B-COUNT", name, RULE_6, details);
      }
    }
    if (index === null) return; // missing or changed, and already named
    const reason = indexProblem(index, this._statement);
    if (reason) report.differ(COUNTS, "B-INDEX", "index.csv", RULE_6, { reason });
  }
}

/** @param {Zero | null} zero */
function fingerprint(zero) {
  return zero ? hex(zero.fingerprint) : "none";
}

/** What is wrong with an item's row, "" if nothing. @param {ItemRow} row @param {Set<string>} listed */
function rowProblem({ receipt, payload, withheld }, listed) {
  if (!listed.has(receipt) || !receipt.startsWith("receipts/")) {
    return "its receipt is not in the bundle";
  }
  if (payload !== null && (!listed.has(payload) || !isPayload(payload))) {
    return "its original is not in the bundle";
  }
  return withheld !== null && payload !== null ? "withheld, and yet its original is there" : "";
}
