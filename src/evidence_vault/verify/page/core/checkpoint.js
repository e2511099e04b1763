/** Checkpoints of a log, their signatures and cosignatures (docs/format-log.md). */

import { b64, concat, isUnicode, u64, unb64, utf8 } from "./bytes.js";
import { expect, Limit, Refused } from "./errors.js";
import { verifyEd25519, verifyMldsa } from "./keys.js";
import { EMPTY_ROOT } from "./merkle.js";
import { equal } from "./bytes.js";
import { isDecimal } from "./shapes.js";
import { ED25519, COSIGNATURE, MLDSA, parseNote } from "./note.js";

/** @typedef {import("./note.js").VerifierKey} VerifierKey */
/** @typedef {import("./note.js").Note} Note */
/** @typedef {{origin: string, size: number, root: Uint8Array}} Checkpoint */
/** A signature that was checked; `time` in POSIX seconds, null for type 0x01. @typedef {{key: VerifierKey, time: bigint | null}} Verified */
/** @typedef {{checkpoint: Checkpoint, note: Note, own: Verified[], cosignatures: Verified[]}} Opened */

const MAX = 2n ** 63n - 1n;

/**
 * A decimal number up to 2^63 - 1 as this verifier can count it.
 * @param {string} text
 * @param {string} what
 */
export function parseSize(text, what) {
  expect(isDecimal(text) && BigInt(text) <= MAX, `${what} is not a number from 0 to 2^63-1`);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new Limit("V-TOO-LARGE", "a log of that size can't be counted by this verifier");
  }
  return value;
}

/** @param {string} text @returns {Checkpoint} */
export function parseCheckpoint(text) {
  const lines = text.split("\n");
  expect(lines.length === 4 && lines[3] === "", "a checkpoint is three lines: origin, size, root");
  const [origin, size, hash] = lines;
  const bytes = isUnicode(origin) ? utf8(origin).length : 0;
  expect(
    1 <= bytes && bytes <= 255 && !/[\u0000-\u001f]/.test(origin),
    "the origin of a checkpoint is one line of 1 to 255 bytes",
  );
  const root = unb64(hash, "the root hash", 32);
  const count = parseSize(size, "the tree size");
  expect(count > 0 || equal(root, EMPTY_ROOT), "the root of an empty log is SHA-256('')");
  return { origin, size: count, root };
}

/** @param {string} name u8 length and 1 to 255 bytes */
function prefixed(name) {
  const bytes = utf8(name);
  expect(1 <= bytes.length && bytes.length <= 255, "a name has 1 to 255 bytes");
  return concat(Uint8Array.of(bytes.length), bytes);
}

/**
 * What a key of this type signs for the checkpoint.
 * @param {VerifierKey} key
 * @param {Checkpoint} point
 * @param {bigint} time
 */
function message(key, point, time) {
  const text = `${point.origin}\n${point.size}\n${b64(point.root)}\n`;
  if (key.type === ED25519) return utf8(text);
  if (key.type === COSIGNATURE) return utf8(`cosignature/v1\ntime ${time}\n${text}`);
  // "subtree/v1" LF NUL || cosigner || u64 time || origin || u64 0 || u64 size || root
  return concat(
    utf8("subtree/v1\n\0"),
    prefixed(key.name),
    u64(time),
    prefixed(point.origin),
    u64(0n),
    u64(BigInt(point.size)),
    point.root,
  );
}

/**
 * Refuses unless the key signed this checkpoint.
 * @param {VerifierKey} key
 * @param {Checkpoint} point
 * @param {Uint8Array} field
 * @returns {Verified}
 */
function verify(key, point, field) {
  if (key.type === ED25519) {
    verifyEd25519(key.raw, field, message(key, point, 0n));
    return { key, time: null };
  }
  expect(field.length > 8, "a cosignature is cut", "E-COSIGNATURE-TIME");
  const time = new DataView(field.buffer, field.byteOffset).getBigUint64(0);
  const timeless = key.type === MLDSA && key.name === point.origin;
  expect(
    time <= MAX && (time > 0n || timeless),
    "a cosignature states no time, or one above 2^63-1",
    "E-COSIGNATURE-TIME",
  );
  const check = key.type === MLDSA ? verifyMldsa : verifyEd25519;
  check(key.raw, field.subarray(8), message(key, point, time));
  return { key, time };
}

/**
 * Read a signed checkpoint and check every signature by a known key. Each type of key among those
 * of the log must have signed; cosignatures are checked and listed, no quorum is demanded here.
 * @param {Uint8Array} data
 * @param {VerifierKey[]} logKeys all called as the origin
 * @param {VerifierKey[]} [witnesses]
 * @returns {Opened}
 */
export function openCheckpoint(data, logKeys, witnesses = []) {
  const raws = new Set(witnesses.map((key) => b64(key.raw)));
  expect(raws.size === witnesses.length, "the same public key stands twice among countersigners");
  const note = parseNote(data);
  const checkpoint = parseCheckpoint(note.text);
  for (const key of logKeys) {
    expect(
      key.name === checkpoint.origin,
      `the checkpoint is by the log ${checkpoint.origin}, expected ${key.name}`,
      "E-CHECKPOINT-ORIGIN",
    );
  }
  const checked = verifyLines(note, checkpoint, [...logKeys, ...witnesses]);
  const mine = new Set(logKeys.map((key) => key.text));
  const own = checked.filter((each) => mine.has(each.key.text));
  expect(own.length > 0, "no key of the log signed its checkpoint", "E-CHECKPOINT-UNSIGNED");
  for (const key of logKeys) {
    if (!own.some((each) => each.key.type === key.type)) {
      throw new Refused("the checkpoint lacks a signature of the log", "E-CHECKPOINT-DOWNGRADE");
    }
  }
  const cosignatures = checked.filter((each) => !mine.has(each.key.text));
  return { checkpoint, note, own, cosignatures };
}

/**
 * The signatures by known keys; lines by others are ignored.
 * @param {Note} note
 * @param {Checkpoint} checkpoint
 * @param {VerifierKey[]} keys
 * @returns {Verified[]}
 */
function verifyLines(note, checkpoint, keys) {
  /** @type {Map<string, VerifierKey>} */
  const known = new Map();
  for (const key of keys) {
    const pair = `${key.name} ${key.id}`;
    expect(!known.has(pair), "two verifier keys have one name and key ID", "E-VKEY-DUPLICATE");
    known.set(pair, key);
  }
  /** @type {Map<string, Verified>} */
  const verified = new Map();
  for (const line of note.lines) {
    const pair = `${line.name} ${line.id}`;
    const key = known.get(pair);
    if (key === undefined) continue;
    expect(!verified.has(pair), "a key signed the note twice", "E-NOTE-SIGNED-TWICE");
    verified.set(pair, verify(key, checkpoint, line.signature));
  }
  return [...verified.values()];
}

/**
 * The note with the log's own signature lines alone: what a time stamp is made over.
 * @param {Opened} opened
 * @returns {Note}
 */
export function ownLines(opened) {
  const own = new Set(opened.own.map((each) => `${each.key.name} ${each.key.id}`));
  const lines = opened.note.lines.filter((line) => own.has(`${line.name} ${line.id}`));
  return { text: opened.note.text, lines };
}
