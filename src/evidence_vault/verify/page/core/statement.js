/** The statement of a bundle, and its SSH signature (docs/format-bundle.md). */

import { b64, byCodePoint, concat, decodeUtf8, isAscending, u32, unb64, utf8 } from "./bytes.js";
import { expect, Refused } from "./errors.js";
import { sha512 } from "./hash.js";
import { isObject, parseCanonical } from "./json.js";
import { verifyEd25519 } from "./keys.js";
import { isJunk, PADDING, UNLISTED, unsafeReason } from "./names.js";
import { parseClaim } from "./proofclaim.js";
import { isCount, isHex, isItemId, isOrigin, isText, isTime } from "./shapes.js";

/** @typedef {{path: string, sha256: string, size: number}} FileRow */
/** @typedef {{home: string, id: string, last_seq: number, payload: string | null, receipt: string, withheld: string | null}} ItemRow */
/**
 * @typedef {{
 *   bundle_id: string, checkpoint: {root: string, size: number}, counts: {[name: string]: number},
 *   exported: {index: number, leaf: string}, files: FileRow[], items: ItemRow[], key: string,
 *   made_at: string, origin: string, proofs: any,
 * }} Statement
 */

export const MAX_STATEMENT = 256 * 1024 * 1024;
const COUNTS = ["chosen", "exported", "fields_shown", "fields_withheld", "withheld"];
const MEMBERS = [
  ...["bundle_id", "checkpoint", "counts", "exported", "files", "items"],
  ...["key", "kind", "made_at", "origin", "proofs", "v"],
];

/** @param {unknown} condition @param {string} message */
function must(condition, message) {
  expect(condition, `statement.json: ${message} (docs/format-bundle.md)`);
}

/** @param {Uint8Array} data @returns {Statement} */
export function parseStatement(data) {
  must(data.length <= MAX_STATEMENT, "larger than 256 MiB");
  const value = parseCanonical(data, "statement.json");
  must(isObject(value, ...MEMBERS), "other members");
  must(value.kind === "evidence-vault/bundle" && value.v === 1, "other kind");
  must(isHex(value.bundle_id, 32), "bundle_id must be 32 hex digits");
  must(isHex(value.key, 64), "key must be a keyid");
  must(isTime(value.made_at), "made_at must be YYYY-MM-DDTHH:MM:SSZ");
  must(isOrigin(value.origin), "origin must be a log origin");
  const { checkpoint, exported, counts } = value;
  must(
    isObject(checkpoint, "root", "size") && isHex(checkpoint.root, 64) && isCount(checkpoint.size),
    "checkpoint must have root and size",
  );
  must(
    isObject(exported, "index", "leaf") && isHex(exported.leaf, 64) && isCount(exported.index),
    "exported must have index and leaf",
  );
  must(
    isObject(counts, ...COUNTS) && Object.values(counts).every(isCount),
    "counts must have " + COUNTS.join(", "),
  );
  parseClaim(value.proofs);
  checkFiles(value.files);
  checkItems(value.items);
  return value;
}

/** @param {any} files */
function checkFiles(files) {
  must(Array.isArray(files), "files must be a list");
  for (const row of files) {
    must(
      isObject(row, "path", "sha256", "size") &&
        isText(row.path) &&
        isHex(row.sha256, 64) &&
        isCount(row.size),
      "a file must have path, sha256 and size",
    );
    must(unsafeReason(row.path) === "", `unsafe path ${JSON.stringify(row.path)}`);
    must(
      ![...UNLISTED, PADDING].includes(row.path) && !isJunk(row.path),
      `${JSON.stringify(row.path)} must not be listed`,
    );
  }
  const paths = files.map((/** @type {FileRow} */ row) => row.path);
  must(isAscending(paths), "files must be sorted by path, each once");
}

/** @param {any} items */
function checkItems(items) {
  must(Array.isArray(items), "items must be a list");
  for (const row of items) {
    must(
      isObject(row, "home", "id", "last_seq", "payload", "receipt", "withheld") &&
        isOrigin(row.home) &&
        isItemId(row.id) &&
        isCount(row.last_seq) &&
        (row.payload === null || isText(row.payload)) &&
        isText(row.receipt) &&
        (row.withheld === null || isText(row.withheld)),
      "an item must have home, id, last_seq, payload, receipt and withheld",
    );
  }
  for (let i = 1; i < items.length; i++) {
    const [a, b] = [items[i - 1], items[i]];
    const order = byCodePoint(a.home, b.home) || byCodePoint(a.id, b.id);
    must(order < 0, "items must be sorted by home and id, each once");
  }
}

const BEGIN = "-----BEGIN SSH SIGNATURE-----\n";
const END = "-----END SSH SIGNATURE-----\n";
const NAMESPACE = "evidence-vault-statement@v1";

/** u32 length and the bytes. @param {Uint8Array} data */
function string(data) {
  return concat(u32(data.length), data);
}

/** What both the signed bytes and the armour say of the purpose. */
function named() {
  return concat(string(utf8(NAMESPACE)), string(utf8("")), string(utf8("sha512")));
}

/**
 * Refuses unless the armour is the one spelling of a signature of `data` by that key.
 * @param {Uint8Array} armoured
 * @param {Uint8Array} data
 * @param {Uint8Array} raw public key
 */
export function checkSshsig(armoured, data, raw) {
  const text = armoured.length > 4096 ? null : decodeUtf8(armoured);
  if (text === null || !text.startsWith(BEGIN) || !text.endsWith(END)) {
    throw new Refused("not an SSH signature", "E-SSHSIG");
  }
  const body = text.slice(BEGIN.length, text.length - END.length);
  const blob = unb64(body.replace(/\n/g, ""), "an SSH signature");
  expect(blob.length >= 64, "an SSH signature is cut short", "E-SSHSIG");
  const signature = blob.subarray(blob.length - 64);
  const type = string(utf8("ssh-ed25519"));
  const wanted = b64(
    concat(
      utf8("SSHSIG"),
      u32(1),
      string(concat(type, string(raw))),
      named(),
      string(concat(type, string(signature))),
    ),
  );
  const lines = /** @type {string[]} */ (wanted.match(/.{1,70}/g)).map((line) => `${line}\n`);
  expect(
    body === lines.join(""),
    "an SSH signature is by another key, or not in its one spelling",
    "E-SSHSIG",
  );
  verifyEd25519(raw, signature, concat(utf8("SSHSIG"), named(), string(sha512(data))));
}
