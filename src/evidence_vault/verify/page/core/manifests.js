/**
 * The BagIt manifests of a bundle (docs/format-bundle.md rule 4). Digests of files that were found
 * missing or changed are taken as the manifest states them: one edited file is named once.
 */

import { byCodePoint, decodeUtf8, isAscending } from "./bytes.js";
import { isPayload, MANIFESTS, STATEMENT_FILES, TAG_MANIFESTS, unsafeReason } from "./names.js";
import { isHex } from "./shapes.js";

/** @typedef {import("./hash.js").Digests} Digests */
/** @typedef {import("./report.js").ReportBuilder} ReportBuilder */

const RULE = "docs/format-bundle.md rule 4";
export const MAX_MANIFEST = 512 * 1024 * 1024;

/** Digests by path; null for another spelling. @param {Uint8Array} data @param {number} digits @returns {Map<string, string> | null} */
export function parseManifest(data, digits) {
  const text = decodeUtf8(data);
  if (text === null || (text !== "" && !text.endsWith("\n"))) return null;
  const rows = new Map();
  for (const line of text === "" ? [] : text.slice(0, -1).split("\n")) {
    const path = line.slice(digits + 2);
    const good =
      isHex(line.slice(0, digits), digits) &&
      line.slice(digits, digits + 2) === "  " &&
      unsafeReason(path) === "";
    if (!good) return null;
    rows.set(path, line.slice(0, digits));
  }
  const paths = [...rows.keys()];
  return isAscending(paths) && rows.size === text.split("\n").length - 1 ? rows : null;
}

/**
 * @param {(name: string) => Promise<Uint8Array | null>} read a manifest; null when it is not there
 * @param {(name: string) => boolean} isThere
 * @param {ReportBuilder} report
 * @param {string} step
 * @param {string} bundle its name
 * @param {string[]} listed the paths of the statement
 * @param {Map<string, Digests>} good digests of the files that are as the statement says
 */
export async function checkManifests(read, isThere, report, step, bundle, listed, good) {
  const payload = listed.filter(isPayload);
  const tags = [...listed.filter((path) => !isPayload(path)), ...STATEMENT_FILES];
  const missing = [];
  for (const [names, paths] of /** @type {[string[], string[]][]} */ ([
    [MANIFESTS, payload],
    [TAG_MANIFESTS, tags],
  ])) {
    for (const name of names) {
      if (!isThere(name)) {
        missing.push(name);
        continue;
      }
      const kind = name.includes("sha256") ? "sha256" : "sha512";
      const reason = problem(await read(name), kind, paths, good);
      if (reason) report.differ(step, "B-MANIFEST", name, RULE, { reason });
    }
  }
  if (missing.length > 0) report.unchecked(step, "B-MANIFEST-MISSING", missing[0], RULE);
  else if (!report.failed(step)) {
    report.match(step, "B-MANIFESTS-OK", bundle, { count: payload.length + tags.length });
  }
}

/**
 * What is wrong with one manifest, "" if nothing.
 * @param {Uint8Array | null} data
 * @param {"sha256" | "sha512"} kind
 * @param {string[]} paths
 * @param {Map<string, Digests>} good
 */
function problem(data, kind, paths, good) {
  if (data === null) return "unreadable";
  const rows = parseManifest(data, kind === "sha256" ? 64 : 128);
  if (rows === null) return "not in its one spelling: digest, two spaces and path, sorted by path";
  const wanted = new Set(paths);
  for (const path of [...new Set([...rows.keys(), ...paths])].sort(byCodePoint)) {
    if (!rows.has(path)) return `does not list ${path}`;
    if (!wanted.has(path)) return `lists ${path}`;
    const digests = good.get(path);
    if (digests !== undefined && digests[kind] !== rows.get(path)) {
      return `states another digest of ${path}`;
    }
  }
  return "";
}
