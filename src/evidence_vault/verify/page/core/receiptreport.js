/** Verifies one receipt, and a file against it (docs/format-receipt.md). */

import { hex } from "./bytes.js";
import { chunks } from "./container.js";
import { Content, matched, reportMismatch } from "./contents.js";
import { CustodyChecker } from "./custody.js";
import { Limit, Refused } from "./errors.js";
import { Digester } from "./hash.js";
import { fingerprintWords } from "./keys.js";
import { kindOf, RECEIPT_KIND } from "./kinds.js";
import { parseReceipt } from "./receipt.js";
import { ReportBuilder } from "./report.js";

/** @typedef {import("./checked.js").Checked} Checked */
/** @typedef {import("./container.js").Source} Source */
/** @typedef {import("./receipt.js").Receipt} Receipt */
/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./trust.js").TrustFile} TrustFile */
/** @typedef {(progress: {done: number, total: number, path: string}) => void} OnProgress */

const FILE = "S-FILE";
export const WHO = "S-WHO";
export const COUNTERSIGNED = "S-COUNTERSIGNED";
export const TIME = "S-TIME";
/** Steps are the rules of the format page: that of rule n is STEPS[n - 1]. */
export const STEPS = [
  ...["S-ENTRY-ZERO", "S-SIGNATURES", "S-PROOFS", "S-CHECKPOINT", "S-HISTORY", "S-FIELDS"],
  ...[FILE, WHO, COUNTERSIGNED, TIME],
];
const NOTES = ["N-TAIL", "N-TRUTH", "N-AUTHOR", "N-TIME", "N-COUNTERSIGNED"];

/** An empty report of a receipt. @param {boolean} withFile */
export function receiptReport(withFile) {
  const optional = [COUNTERSIGNED, TIME, ...(withFile ? [] : [FILE])];
  /** @type {[string, boolean][]} */
  const steps = STEPS.map((code) => [code, !optional.includes(code)]);
  return new ReportBuilder("receipt", steps, NOTES);
}

/**
 * Check a receipt, optionally against the file it is about and a trust file.
 * @param {ReportBuilder} report
 * @param {Uint8Array} data
 * @param {Source | null} file
 * @param {TrustFile | null} trust
 * @param {OnProgress} onProgress
 */
export async function checkReceipt(report, data, file, trust, onProgress) {
  const kind = kindOf(data.subarray(0, 64));
  if (kind !== null && kind !== RECEIPT_KIND) {
    report.unchecked(STEPS[0], kind);
    return;
  }
  let receipt;
  let checked;
  try {
    receipt = parseReceipt(data);
    checked = new CustodyChecker(trust).check(receipt);
  } catch (error) {
    if (error instanceof Limit) {
      report.unchecked(STEPS[0], error.code, "", "", { reason: error.message });
    } else if (error instanceof Refused) {
      const details = { reason: error.message };
      report.differ(STEPS[0], "R-FORMAT", "", "docs/format-receipt.md", details);
    } else {
      throw error;
    }
    return;
  }
  for (const { rule, found } of checked.findings) report.add(STEPS[rule - 1], found);
  reportMatches(report, receipt, checked, trust);
  await checkFile(report, receipt, checked, file, onProgress);
  describeLog(report, checked);
  Object.assign(report.facts, {
    origin: receipt.origin,
    made: receipt.made,
    subject: receipt.subject,
  });
  report.events.push(...checked.events.map((event) => event.toJson()));
}

/** One positive finding for each rule that ran and has nothing against it. @param {ReportBuilder} report @param {Receipt} receipt @param {Checked} checked @param {TrustFile | null} trust */
function reportMatches(report, receipt, checked, trust) {
  const { origin } = receipt;
  const count = receipt.events.length;
  const size = checked.checkpoint?.size ?? 0;
  const id = receipt.subject[receipt.subject.length - 1];
  const history = receipt.subject[0] === "vault" ? "R-HISTORY-VAULT" : "R-HISTORY-OK";
  const shown = checked.events.reduce((sum, event) => sum + event.values.size, 0);
  const withheld = checked.events.reduce((sum, event) => sum + event.withheld, 0);
  const fingerprint = checked.zero ? hex(checked.zero.fingerprint) : "";
  /** @type {[string, string, import("./report.js").Details][]} */
  const positive = [
    ["R-ENTRY-ZERO-OK", origin, { fingerprint }],
    ["R-SIGNATURES-OK", origin, { count }],
    ["R-PROOFS-OK", origin, { count, size }],
    ["R-CHECKPOINT-OK", origin, { size }],
    [history, id, { count: count - 1 }],
    ["R-FIELDS-OK", id, { shown, withheld }],
  ];
  positive.forEach(([code, subject, details], i) => {
    if (checked.ran.has(i + 1) && !report.failed(STEPS[i])) {
      report.match(STEPS[i], code, subject, details);
    }
  });
  if (checked.zero) reportWho(report, origin, checked.zero.fingerprint, trust);
}

/** Close the step *who*: not checked without a trust file, else matched unless it failed. @param {ReportBuilder} report @param {string} origin @param {Uint8Array} fingerprint @param {TrustFile | null} trust */
export function reportWho(report, origin, fingerprint, trust) {
  if (trust === null) {
    const details = { fingerprint: hex(fingerprint), words: fingerprintWords(fingerprint) };
    report.unchecked(WHO, "W-NO-TRUST", origin, "", details);
    return;
  }
  const known = trust.origin(origin);
  if (known && !report.failed(WHO)) {
    report.match(WHO, "W-OK", origin, { org: known.org, size: known.size });
  }
}

/** Age and fingerprint of the trust file, for people to compare. @param {ReportBuilder} report @param {TrustFile | null} trust */
export function describeTrust(report, trust) {
  report.facts.trust = trust && {
    fingerprint: hex(trust.fingerprint),
    fingerprint_words: fingerprintWords(trust.fingerprint),
    made_at: trust.madeAt,
    origins: trust.origins.map(({ origin, org, size }) => ({ origin, org, size })),
  };
}

/** Fingerprint of the vault and log state, for people to compare. @param {ReportBuilder} report @param {Checked} checked */
export function describeLog(report, checked) {
  const { zero, checkpoint } = checked;
  if (zero) {
    report.facts.fingerprint = hex(zero.fingerprint);
    report.facts.fingerprint_words = fingerprintWords(zero.fingerprint);
    report.facts.prefix = zero.prefix;
  }
  if (checkpoint) {
    report.facts.checkpoint = { root: hex(checkpoint.root), size: checkpoint.size };
  }
}

/** Rule 7: the file is one that an entry of the item states the digests of. @param {ReportBuilder} report @param {Receipt} receipt @param {Checked} checked @param {Source | null} file @param {OnProgress} onProgress */
async function checkFile(report, receipt, checked, file, onProgress) {
  if (file === null) {
    report.inform(FILE, "V-NO-FILE");
    return;
  }
  const digester = new Digester();
  for await (const chunk of chunks(file)) {
    digester.take(chunk);
    onProgress({ done: digester.size, total: file.size, path: file.name });
  }
  const found = digester.end();
  const { sha256, sha512, size } = found;
  report.facts.file = { sha256, sha512, size };
  const subject = receipt.subject[receipt.subject.length - 1];
  // A receipt about the archive may be about many items: no file is the one that it is about.
  const about = receipt.subject[0] === "vault" ? [] : checked.withContent;
  const contents = about.map((event) => new Content(event));
  const content = matched(contents, found);
  if (content === null) {
    const clause = "docs/format-receipt.md rule 7";
    reportMismatch(report, FILE, subject, clause, contents, found);
  } else if (content.isCopy) {
    report.match(FILE, "R-COPY-OK", subject, { sha256, entry: content.index });
  } else {
    report.match(FILE, "R-FILE-OK", subject, { sha256 });
  }
}
