/**
 * Verifies a bundle, as docs/format-bundle.md says: hostile input, fail closed. Each file is read
 * once; of a payload or receipt its digests are kept, never its bytes.
 */

import { b64, concat, latin1 } from "./bytes.js";
import { Damaged } from "./container.js";
import { CustodyChecker } from "./custody.js";
import { Limit, refused, Refused } from "./errors.js";
import { Digester } from "./hash.js";
import { ItemChecker } from "./items.js";
import { keyid, publicPem, verifyEd25519 } from "./keys.js";
import { TRUST_START } from "./kinds.js";
import { checkManifests, MAX_MANIFEST, parseManifest } from "./manifests.js";
import { byCodePoint, equal, utf8 } from "./bytes.js";
import * as names from "./names.js";
import { COUNTERSIGNED, reportWho, TIME, WHO } from "./receiptreport.js";
import { ReportBuilder } from "./report.js";
import { checkSshsig, MAX_STATEMENT, parseStatement } from "./statement.js";
import { signerProblem } from "./who.js";

/** @typedef {import("./container.js").Container} Container */
/** @typedef {import("./entry0.js").KeyState} KeyState */
/** @typedef {import("./entry0.js").Zero} Zero */
/** @typedef {import("./hash.js").Digests} Digests */
/** @typedef {import("./receiptreport.js").OnProgress} OnProgress */
/** @typedef {import("./statement.js").FileRow} FileRow */
/** @typedef {import("./statement.js").Statement} Statement */
/** @typedef {import("./trust.js").TrustFile} TrustFile */

export const CONTAINER = "S-CONTAINER";
const SIGNED = "S-STATEMENT";
const FILES = "S-FILES";
const MANIFESTS = "S-MANIFESTS";
const EXPECTED = "S-EXPECTED";
const RULE_2 = "docs/format-bundle.md rule 2";
const RULE_3 = "docs/format-bundle.md rule 3";
const NOTES = ["N-TAIL", "N-TRUTH", "N-AUTHOR", "N-TIME", "N-COUNTERSIGNED", "N-VERIFIER"];
const SMALL = 16 * 1024 * 1024; // bytes of a signature or key file
const MAX_INDEX = 256 * 1024 * 1024;

/** An empty report of a bundle. @param {boolean} announced */
export function bundleReport(announced) {
  return new ReportBuilder(
    "bundle",
    [
      [CONTAINER, true],
      [SIGNED, true],
      [FILES, true],
      [MANIFESTS, true],
      ["S-RECEIPTS", true],
      ["S-PAYLOADS", true],
      ["S-COUNTS", true],
      [EXPECTED, announced],
      [WHO, true],
      [COUNTERSIGNED, false],
      [TIME, false],
    ],
    NOTES,
  );
}

/**
 * True for a bag without a trace of a bundle of ours in it. A bundle whose statement was taken away
 * stays a bundle, and is damaged.
 * @param {string[]} paths
 */
function isPlainBag(paths) {
  const ours = paths.some((path) =>
    /^((statement|custody)\..*|verify\.sh|(receipts|keys)\/.*)$/s.test(path),
  );
  return !ours && paths.some((path) => /^(bagit\.txt|(tag)?manifest-[^/]+\.txt)$/.test(path));
}

/** One bundle while it is being checked. */
export class BundleChecker {
  /**
   * @param {Container} container
   * @param {ReportBuilder} report
   * @param {TrustFile | null} trust
   * @param {OnProgress} onProgress
   */
  constructor(container, report, trust, onProgress) {
    this._container = container;
    this._listing = container.listing;
    this._report = report;
    this._trust = trust;
    this._onProgress = onProgress;
    this._done = 0;
    this._total = [...container.listing.files.values()].reduce((sum, size) => sum + size, 0);
    /** @type {Map<string, Digests>} */ this._digests = new Map();
    /** @type {Set<string>} files whose bytes are those of the statement */ this._good = new Set();
    this._genuine = false;
  }

  /** @param {string | null} expect the bundle id that its sender told by another channel */
  async check(expect) {
    if (expect === null && isPlainBag([...this._listing.files.keys()])) {
      this._report.unchecked(CONTAINER, "V-PLAIN-BAG", this._container.name);
      return;
    }
    this._checkContainer(); // rule 1
    if (this._report.failed(CONTAINER)) return;
    const found = await this._readStatement();
    if (found === null) return;
    const { statement, data } = found;
    const items = new ItemChecker(statement, new CustodyChecker(this._trust), this._report);
    await this._checkFiles(statement, items); // rule 2, with rule 5 as receipts pass by
    await this._checkSignature(statement, data, items.keys); // rule 3
    const good = new Map([...this._digests].filter(([path]) => this._good.has(path)));
    await checkManifests(
      (name) => this._readQuietly(name),
      (name) => this._listing.files.has(name),
      this._report,
      MANIFESTS,
      this._container.name,
      statement.files.map((row) => row.path),
      good,
    ); // rule 4
    await this._checkKeys(items.zero, items.keys);
    const index = this._good.has("index.csv") ? await this._read("index.csv", MAX_INDEX) : null;
    items.finish(this._good, this._digests, index); // rules 5 and 6
    this._checkExpected(statement, expect);
    if (items.zero && (this._trust === null || (items.sound && this._genuine))) {
      reportWho(this._report, statement.origin, items.zero.fingerprint, this._trust);
    }
  }

  _checkContainer() {
    const { problems, junk, files } = this._listing;
    for (const problem of problems) this._report.add(CONTAINER, problem);
    for (const path of [...junk].sort(byCodePoint)) this._report.inform(CONTAINER, "C-JUNK", path);
    if (problems.length === 0) {
      this._report.match(CONTAINER, "C-OK", this._container.name, { count: files.size });
    }
  }

  async _readStatement() {
    const report = this._report;
    for (const path of names.STATEMENT_FILES) {
      if (!this._listing.files.has(path)) report.differ(FILES, "B-MISSING", path, RULE_2);
    }
    const data = await this._read(names.STATEMENT, MAX_STATEMENT);
    if (data === null) return null;
    let statement;
    try {
      statement = parseStatement(data);
    } catch (error) {
      const details = { reason: error instanceof Error ? error.message : "" };
      if (error instanceof Limit) {
        report.unchecked(SIGNED, error.code, names.STATEMENT, RULE_3, details);
      } else if (error instanceof Refused) {
        report.differ(SIGNED, "B-STATEMENT-FORM", names.STATEMENT, RULE_3, details);
      } else {
        throw error;
      }
      return null;
    }
    const { bundle_id, origin, made_at, counts, proofs, checkpoint } = statement;
    Object.assign(report.facts, { bundle_id, origin, made_at, counts, proofs, checkpoint });
    return { statement, data };
  }

  /** Rule 3: signed by a statements key that was in force at the exported event. @param {Statement} statement @param {Uint8Array} data @param {KeyState | null} keys */
  async _checkSignature(statement, data, keys) {
    const report = this._report;
    const signature = await this._read(names.STATEMENT_SIG, SMALL);
    if (signature === null) return;
    if (keys === null) {
      report.unchecked(SIGNED, "B-NO-ENTRY-ZERO", names.STATEMENT);
      return;
    }
    const details = { keyid: statement.key };
    let raw;
    try {
      raw = keys.keyOf("statements", statement.key, statement.exported.index);
    } catch (error) {
      const late = refused(error).code === "E-KEY-INTERVAL";
      const code = late ? "B-STATEMENT-INTERVAL" : "B-STATEMENT-KEY";
      report.differ(SIGNED, code, names.STATEMENT, RULE_3, details);
      return;
    }
    await this._checkSsh(data, raw);
    try {
      verifyEd25519(raw, signature, data);
    } catch (error) {
      refused(error);
      for (const path of await this._blamed()) {
        report.differ(SIGNED, "B-STATEMENT-SIGNATURE", path, RULE_3);
      }
      return;
    }
    this._genuine = true;
    this._good.add(names.STATEMENT).add(names.STATEMENT_SIG);
    report.match(SIGNED, "B-STATEMENT-OK", names.STATEMENT, details);
    this._checkStatementKey(statement);
  }

  /** @param {Uint8Array} statement @param {Uint8Array} raw */
  async _checkSsh(statement, raw) {
    const data = await this._read(names.STATEMENT_SSHSIG, SMALL);
    if (data === null) return;
    try {
      checkSshsig(data, statement, raw);
      this._good.add(names.STATEMENT_SSHSIG);
    } catch (error) {
      const details = { reason: refused(error).message };
      this._report.differ(SIGNED, "B-SSHSIG", names.STATEMENT_SSHSIG, RULE_3, details);
    }
  }

  /** Which of statement and signature was changed, as far as the (unsigned) manifests tell. */
  async _blamed() {
    const pair = [names.STATEMENT, names.STATEMENT_SIG];
    const data = await this._readQuietly(names.TAG_MANIFESTS[0]);
    const rows = (data && parseManifest(data, 64)) ?? new Map();
    const changed = pair.filter(
      (path) => rows.has(path) && rows.get(path) !== this._digests.get(path)?.sha256,
    );
    return changed.length ? changed : pair;
  }

  /** Rule 3, second half: the key is also one of the trust file, at the exported event. @param {Statement} statement */
  _checkStatementKey({ origin, key, exported }) {
    const known = this._trust?.origin(origin);
    if (!known) return; // the receipts already say that the origin is unknown
    const code = signerProblem(known, "statements", key, exported.index);
    if (code === "W-BEYOND-TRUST") {
      this._report.unchecked(WHO, code, names.STATEMENT, "", { size: known.size });
    } else if (code) {
      this._report.differ(WHO, code, names.STATEMENT, "", { keyid: key });
    }
  }

  /** Rule 2: the set of files. @param {Statement} statement @param {ItemChecker} items */
  async _checkFiles(statement, items) {
    const report = this._report;
    const { files, folders } = this._listing;
    const listed = new Set(statement.files.map((row) => row.path));
    for (const path of [...names.FIXED, ...names.MANIFESTS]) {
      if (!listed.has(path)) report.differ(SIGNED, "B-NOT-LISTED", path, RULE_2);
    }
    for (const row of statement.files) {
      if (!files.has(row.path)) report.differ(FILES, "B-MISSING", row.path, RULE_2);
      else if (await this._isUnchanged(row, items)) this._good.add(row.path);
    }
    for (const path of names.TAG_MANIFESTS) {
      if (!files.has(path)) report.differ(FILES, "B-MISSING", path, RULE_2);
    }
    for (const path of [...files.keys()].sort(byCodePoint)) {
      if (listed.has(path) || names.UNLISTED.includes(path)) continue;
      if (path === names.PADDING && (await this._isPadding())) {
        report.inform(FILES, "C-PADDING", path, { size: files.get(path) ?? 0 });
      } else {
        report.differ(FILES, "B-ADDED", path, RULE_2);
      }
    }
    const known = new Set(["data", ...statement.files.flatMap((row) => names.parents(row.path))]);
    for (const path of [...folders].sort(byCodePoint)) {
      if (!known.has(path)) report.differ(FILES, "B-ADDED", `${path}/`, RULE_2);
    }
    if (!report.failed(FILES)) {
      report.match(FILES, "B-FILES-OK", this._container.name, { count: listed.size });
    }
  }

  /** Zeros and nothing else. */
  async _isPadding() {
    try {
      for await (const chunk of this._container.stream(names.PADDING)) {
        if (chunk.some((byte) => byte !== 0)) return false;
      }
    } catch (error) {
      if (error instanceof Damaged) return false;
      throw error;
    }
    return true;
  }

  /** Hash one listed file; a good one that is read goes on to the item checker at once. @param {FileRow} row @param {ItemChecker} items */
  async _isUnchanged({ path, size, sha256 }, items) {
    const report = this._report;
    const actual = this._listing.files.get(path) ?? 0;
    if (actual !== size) {
      const details = { expected: size, found: actual };
      report.differ(FILES, "B-CHANGED-SIZE", path, RULE_2, details);
      return false;
    }
    const limit = items.wants(path);
    const data = limit === null ? await this._hash(path) : await this._read(path, limit);
    const digests = this._digests.get(path);
    if (digests === undefined) return false; // unreadable or too large, and said so
    if (digests.sha256 !== sha256) {
      const details = { expected: sha256, found: digests.sha256 };
      report.differ(FILES, "B-CHANGED", path, RULE_2, details);
      return false;
    }
    if (!names.isPayload(path) && latin1(digests.head).startsWith(TRUST_START)) {
      report.differ(FILES, "B-TRUST-INSIDE", path, "docs/format-bundle.md rule 5");
    }
    if (data !== null) items.take(path, data);
    return true;
  }

  /** The key files are keys that the log names. @param {Zero | null} zero @param {KeyState | null} keys */
  async _checkKeys(zero, keys) {
    if (zero === null || keys === null) return;
    const raws = new Map(
      [...zero.keys.filter((key) => key.role === "log"), ...keys.intervals].map(({ raw }) => [
        b64(raw),
        raw,
      ]),
    );
    const genuine = new Map(
      [...raws.values()].map((raw) => [`keys/${keyid(raw)}.pem`, utf8(publicPem(raw))]),
    );
    for (const path of [...this._good].sort(byCodePoint)) {
      if (!path.startsWith("keys/")) continue;
      const data = await this._read(path, SMALL);
      const wanted = genuine.get(path);
      if (data === null || wanted === undefined || !equal(data, wanted)) {
        this._report.differ(SIGNED, "B-KEY-FILE", path, RULE_3);
      }
    }
  }

  /** @param {Statement} statement @param {string | null} expect */
  _checkExpected({ bundle_id: id }, expect) {
    if (expect === null) this._report.inform(EXPECTED, "B-NOT-EXPECTED", id);
    else if (expect.trim().toLowerCase() === id) this._report.match(EXPECTED, "B-EXPECTED-OK", id);
    else this._report.differ(EXPECTED, "B-EXPECTED", id, "", { expected: expect });
  }

  /** Hash a file without keeping it. @param {string} path @returns {Promise<null>} */
  async _hash(path) {
    await this._pass(path, () => {});
    return null;
  }

  /** A small file whole, its digests remembered; null with a finding when that fails. @param {string} path @param {number} limit in bytes @returns {Promise<Uint8Array | null>} */
  async _read(path, limit) {
    const size = this._listing.files.get(path);
    if (size === undefined) return null;
    if (size > limit) {
      this._report.differ(FILES, "B-TOO-LARGE", path, "", { found: size, limit });
      return null;
    }
    /** @type {Uint8Array[]} */
    const parts = [];
    const done = await this._pass(path, (chunk) => parts.push(chunk));
    return done ? concat(...parts) : null;
  }

  /** Read a file once and remember its digests; false with a finding when that fails. @param {string} path @param {(chunk: Uint8Array) => void} take */
  async _pass(path, take) {
    const digester = new Digester();
    const first = !this._digests.has(path);
    try {
      for await (const chunk of this._container.stream(path)) {
        digester.take(chunk);
        take(chunk);
        if (first) this._done += chunk.length;
        this._onProgress({ done: this._done, total: this._total, path });
      }
    } catch (error) {
      this._digests.delete(path);
      if (error instanceof Damaged) this._report.differ(FILES, "B-DAMAGED", path, RULE_2);
      else {
        const reason = error instanceof Error ? error.message : String(error);
        this._report.unchecked(FILES, "B-UNREADABLE", path, "", { reason });
      }
      return false;
    }
    this._digests.set(path, digester.end());
    return true;
  }

  /** A manifest whole; null when it is not there or can't be read. @param {string} path */
  async _readQuietly(path) {
    const size = this._listing.files.get(path);
    if (size === undefined || size > MAX_MANIFEST) return null;
    const parts = [];
    try {
      for await (const chunk of this._container.stream(path)) parts.push(chunk);
    } catch {
      return null; // reported as unreadable by whoever asked
    }
    return concat(...parts);
  }
}
