/**
 * The third verifier of evidence-vault, for a page, a worker or Node: no DOM, no network, no
 * clock, no storage. It was written from the format pages (docs/verifiers.md).
 *
 * Bad evidence never makes a promise fail: it is a report that does not match. A promise that
 * fails is a mistake in this program or a file that cannot be read, and shows nothing.
 */

import { BundleChecker, bundleReport, CONTAINER } from "./bundle.js";
import { FolderContainer } from "./container.js";
import { Limit, Refused } from "./errors.js";
import { kindOf, TRUST_KIND, ZIP_KIND } from "./kinds.js";
import { MAX_RECEIPT } from "./receipt.js";
import { checkReceipt, describeTrust, receiptReport, WHO } from "./receiptreport.js";
import { MAX_TRUST, parseTrust, TrustFile } from "./trust.js";
import { ZipContainer } from "./zip.js";

/** @typedef {import("./container.js").Source} Source */
/** @typedef {import("./container.js").BundleSource} BundleSource */
/** @typedef {import("./receiptreport.js").OnProgress} OnProgress */
/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").ReportBuilder} ReportBuilder */

/**
 * Check a receipt, optionally against the file it is about and a trust file.
 * @param {{receipt: Source, file: Source | null, trust: Source | null}} given
 * @param {OnProgress} [onProgress]
 * @returns {Promise<Report>}
 */
export async function verifyReceipt({ receipt, file, trust }, onProgress = () => {}) {
  const report = receiptReport(file !== null);
  const known = await readTrust(report, trust);
  if (known === undefined) return report.build();
  const data = await receipt.slice(0, Math.min(receipt.size, MAX_RECEIPT + 1));
  await checkReceipt(report, data, file, known, onProgress);
  return report.build();
}

/**
 * Check a bundle; `expect` is the bundle id that its sender told by another channel.
 * @param {{bundle: BundleSource, trust: Source | null, expect: string | null}} given
 * @param {OnProgress} [onProgress]
 * @returns {Promise<Report>}
 */
export async function verifyBundle({ bundle, trust, expect }, onProgress = () => {}) {
  const report = bundleReport(expect !== null);
  const known = await readTrust(report, trust);
  if (known === undefined) return report.build();
  const container = await openContainer(bundle, report);
  if (container !== null) {
    await new BundleChecker(container, report, known, onProgress).check(expect);
  }
  return report.build();
}

/** The container, or null with a finding for what is no bundle at all. @param {BundleSource} bundle @param {ReportBuilder} report */
async function openContainer(bundle, report) {
  if (bundle.kind === "folder") {
    return new FolderContainer(bundle.name ?? "", bundle.files, bundle.folders ?? []);
  }
  const { source } = bundle;
  const kind = kindOf(await source.slice(0, Math.min(source.size, 64)));
  if (kind === ZIP_KIND) {
    const container = new ZipContainer(source);
    await container.open();
    return container;
  }
  if (kind === null) report.differ(CONTAINER, "B-NOT-A-BUNDLE", source.name);
  else report.unchecked(CONTAINER, kind, source.name);
  return null;
}

/**
 * The trust file, null when none was given; undefined, with a finding, for one that is wrong: then
 * nothing is checked, since somebody meant it to be asked.
 * @param {ReportBuilder} report
 * @param {Source | null} source
 * @returns {Promise<TrustFile | null | undefined>}
 */
async function readTrust(report, source) {
  describeTrust(report, null);
  if (source === null) return null;
  try {
    const data = await source.slice(0, Math.min(source.size, MAX_TRUST + 1));
    if (kindOf(data.subarray(0, 64)) !== TRUST_KIND) throw new Refused("it is not a trust file");
    const trust = parseTrust(data);
    describeTrust(report, trust);
    return trust;
  } catch (error) {
    if (error instanceof Limit) {
      report.unchecked(WHO, error.code, source.name, "", { reason: error.message });
    } else if (error instanceof Refused) {
      const clause = "docs/format-trust.md";
      report.differ(WHO, "W-TRUST-WRONG", source.name, clause, { reason: error.message });
    } else {
      throw error;
    }
    return undefined;
  }
}

