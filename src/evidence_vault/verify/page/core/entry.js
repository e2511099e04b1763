/** Custody events and the entries that hold them, form only (docs/format-entry.md). */

import { concat, unb64, utf8 } from "./bytes.js";
import { expect } from "./errors.js";
import { isObject, parseCanonical } from "./json.js";
import { isAccessionId, isCount, isEventTime, isHex, isItemId, isText, length } from "./shapes.js";
import { FIELDS } from "./eventtypes.js";

const PAYLOAD_TYPE = "application/vnd.evidence-vault.event+json";
const MAX_ENTRY = 65_535;
const MEMBERS = [
  ...["v", "type", "origin", "subject", "item_seq", "prev", "seen", "recorded_at"],
  ...["signer", "tool", "units", "sd", "clear"],
];
// Events about the archive that an item's receipt may carry, beside its history.
const BESIDE = ["key-enrolled", "key-revoked", "anchored"];

/**
 * @typedef {{
 *   type: string, origin: string, subject: any, item_seq: number | null, prev: string | null,
 *   seen: {origin: string, root: string, size: number}[], recorded_at: string, signer: string,
 *   tool: string, units: any[], sd: {[name: string]: string | null}, clear: any,
 * }} Event
 */
/** @typedef {{event: Event, payload: Uint8Array, keyid: string, signature: Uint8Array}} Entry */

/** @param {unknown} condition @param {string} message */
function must(condition, message) {
  expect(condition, `${message} (docs/format-entry.md)`);
}

/**
 * DSSE pre-authentication encoding: what a signature is made over.
 * @param {Uint8Array} payload
 * @param {string} [type]
 */
export function pae(payload, type = PAYLOAD_TYPE) {
  return concat(utf8(`DSSEv1 ${utf8(type).length} ${type} ${payload.length} `), payload);
}

/** @param {Uint8Array} data @returns {Entry} */
export function parseEntry(data) {
  must(data.length <= MAX_ENTRY, `an entry of ${data.length} bytes is over the limit`);
  const envelope = parseCanonical(data, "an entry");
  must(
    isObject(envelope, "payload", "payloadType", "signatures"),
    "an entry must be a DSSE envelope",
  );
  must(envelope.payloadType === PAYLOAD_TYPE, "an entry has another payload type");
  const signatures = envelope.signatures;
  must(
    Array.isArray(signatures) && signatures.length === 1 && isObject(signatures[0], "keyid", "sig"),
    "an entry must carry exactly one signature",
  );
  const { keyid, sig } = signatures[0];
  must(isHex(keyid, 64), "a keyid must be 64 hex digits");
  const payload = unb64(envelope.payload, "the payload of an entry");
  const signature = unb64(sig, "the signature of an entry", 64);
  const event = parseEvent(payload);
  must(event.signer === keyid, "the event names another signer than the envelope");
  return { event, payload, keyid, signature };
}

/** @param {Uint8Array} payload @returns {Event} */
function parseEvent(payload) {
  const value = parseCanonical(payload, "an event");
  must(isObject(value, ...MEMBERS), "an event has other members");
  must(value.v === 1, "an event of an unknown version");
  must(
    isText(value.type) && /^[a-z][a-z0-9-]{0,39}$/.test(value.type),
    "an event type must be lower-case letters, digits and hyphens",
  );
  for (const name of ["origin", "tool"]) {
    const text = value[name];
    must(isText(text) && text !== "" && length(text) <= 255, `${name} must be text`);
  }
  must(isEventTime(value.recorded_at), "recorded_at must be YYYY-MM-DDTHH:MM:SSZ");
  must(isHex(value.signer, 64), "signer must be a keyid");
  must(isObject(value.clear), "clear must be an object");
  checkSubject(value);
  checkCommitments(value);
  must(Array.isArray(value.seen), "seen must be a list");
  value.seen.forEach(checkSeen);
  must(Array.isArray(value.units), "units must be a list");
  value.units.forEach(checkUnit);
  return value;
}

/** @param {any} value */
function checkCommitments({ type, sd }) {
  must(
    isObject(sd) && Object.values(sd).every((each) => each === null || isHex(each, 64)),
    "sd must map names to digests or null",
  );
  const known = FIELDS.get(type);
  must(
    known === undefined || isObject(sd, ...known),
    `an event of type ${type} does not have its fixed list of fields`,
  );
}

/** @param {any} seen */
function checkSeen(seen) {
  must(
    isObject(seen, "origin", "root", "size") &&
      isText(seen.origin) &&
      isHex(seen.root, 64) &&
      isCount(seen.size),
    "seen must list heads as origin, root and size",
  );
}

/** @param {any} unit */
function checkUnit(unit) {
  must(isObject(unit, "header", "id", "kind", "objects"), "a unit has other members");
  must(isHex(unit.id, 32) && isText(unit.kind), "a unit must have an id and a kind");
  must(
    Array.isArray(unit.objects) &&
      unit.objects.length > 0 &&
      unit.objects.every((/** @type {unknown} */ each) => isHex(each, 64)),
    "unit objects must be SHA-256 digests in hex",
  );
  must(unit.header === null || isHex(unit.header, 64), "a unit header must be a digest, or null");
}

/** @param {any} value */
function checkSubject({ subject, item_seq: seq, prev }) {
  must(isObject(subject), "subject must be an object");
  if (subject.kind === "item") {
    must(
      isObject(subject, "home", "id", "kind") && isText(subject.home) && isItemId(subject.id),
      "an item subject must have home and id",
    );
    must(isCount(seq), "item_seq must be a whole number from 0");
    must((prev === null) === (seq === 0), "prev must be null exactly when item_seq is 0");
    must(prev === null || isHex(prev, 64), "prev must be a leaf hash in hex");
    return;
  }
  must(seq === null && prev === null, "item_seq and prev belong to items only");
  const good =
    (subject.kind === "accession" && isObject(subject, "id", "kind") && isAccessionId(subject.id)) ||
    (subject.kind === "set" && isObject(subject, "kind", "root") && isHex(subject.root, 64)) ||
    (subject.kind === "vault" && isObject(subject, "kind"));
  must(good, "a subject of an unknown kind or form");
}

/** True for an event that stands beside an item's history. @param {Event} event */
export function standsBeside(event) {
  return BESIDE.includes(event.type) && event.subject.kind === "vault";
}
