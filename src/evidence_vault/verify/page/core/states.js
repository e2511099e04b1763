/**
 * Countersigned and time-stamped states: rules 9 and 10 of docs/format-receipt.md. A state is an
 * earlier checkpoint of the same log, tied to the receipt's own by a consistency proof.
 */

import { equal, hex, unhex } from "./bytes.js";
import { entryName, utc } from "./checked.js";
import { openCheckpoint, ownLines } from "./checkpoint.js";
import { expect, refused } from "./errors.js";
import { sha256hex } from "./hash.js";
import { checkConsistency } from "./merkle.js";
import { formatNote, parseNote } from "./note.js";
import { parseAnchors, parseClaim } from "./proofclaim.js";
import { checkRenewals } from "./renewals.js";
import { DIFFERS, INFORMATION, MATCHES } from "./report.js";

/** @typedef {import("./receipt.js").Receipt} Receipt */
/** @typedef {import("./receipt.js").State} State */
/** @typedef {import("./checked.js").Checked} Checked */
/** @typedef {import("./checked.js").CheckedEvent} CheckedEvent */
/** @typedef {import("./checked.js").Moment} Moment */
/** @typedef {import("./checkpoint.js").Opened} Opened */
/** @typedef {import("./checkpoint.js").Checkpoint} Checkpoint */
/** @typedef {import("./errors.js").Refused} Refused */
/** @typedef {import("./note.js").VerifierKey} VerifierKey */
/** @typedef {import("./policy.js").Policy} Policy */
/** @typedef {import("./trust.js").TrustFile} TrustFile */
/** @typedef {import("./checked.js").SeenToken} SeenToken */
/** `tokens` by the SHA-256 of the reply. @typedef {{size: number, cosigners: VerifierKey[], tokens: Map<string, SeenToken>}} CheckedState */

const COUNTERSIGNED = 9;
const TIME = 10;

/** Checks the states of receipts; what many receipts share is checked once. */
export class StateChecker {
  /** @param {TrustFile | null} trust */
  constructor(trust) {
    this._trust = trust;
    /** @type {Map<string, Opened | Refused>} */ this._notes = new Map();
    /** @type {Map<string, ReturnType<typeof checkRenewals>>} */ this._stamps = new Map();
  }

  /** @param {Receipt} receipt @param {Checked} result */
  check(receipt, result) {
    if (result.zero === null || result.checkpoint === null) return;
    result.ran.add(COUNTERSIGNED).add(TIME);
    /** @type {CheckedState[]} */
    const states = [];
    for (const state of receipt.states) {
      const found = this._state(state, receipt, result);
      if (found) states.push(found);
    }
    const last = this._ownCheckpoint(receipt, result);
    checkClaim(receipt, result);
    reportCosignatures(result, this._policy(receipt), last ? [...states, last] : states);
    reportTokens(result);
    this._setMoments(receipt, result, states);
  }

  /** @param {Receipt} receipt @returns {Policy | null} */
  _policy(receipt) {
    return this._trust?.origin(receipt.origin)?.policy ?? null;
  }

  /** @param {Uint8Array} note @param {Receipt} receipt @param {Checked} result @returns {Opened} */
  _open(note, receipt, result) {
    const zero = /** @type {import("./entry0.js").Zero} */ (result.zero);
    const key = `${hex(zero.fingerprint)} ${sha256hex(note)}`;
    let found = this._notes.get(key);
    if (found === undefined) {
      try {
        found = openCheckpoint(note, zero.logKeys, this._policy(receipt)?.keys ?? []);
      } catch (error) {
        found = refused(error);
      }
      this._notes.set(key, found);
    }
    if (found instanceof Error) throw found;
    return found;
  }

  /** The state if it is one of this log. @param {State} state @param {Receipt} receipt @param {Checked} result @returns {CheckedState | null} */
  _state(state, receipt, result) {
    const name = `state ${state.size}`;
    const newest = /** @type {Checkpoint} */ (result.checkpoint);
    let code = "R-STATE";
    try {
      const opened = this._open(state.note, receipt, result);
      const { size, root } = opened.checkpoint;
      expect(size === state.size, `its size is ${size}`);
      if (size === newest.size && !equal(root, newest.root)) {
        result.differ(COUNTERSIGNED, "R-LOG-FORK", name, { size });
        return null;
      }
      code = "R-STATE-PROOF";
      checkConsistency(size, root, newest.size, newest.root, state.consistency);
      const tokens = this._tokens(state, opened, result);
      return { size, cosigners: opened.cosignatures.map((each) => each.key), tokens };
    } catch (error) {
      result.differ(COUNTERSIGNED, code, name, { reason: refused(error).message });
      return null;
    }
  }

  /** The receipt's checkpoint may be countersigned itself. @param {Receipt} receipt @param {Checked} result @returns {CheckedState | null} */
  _ownCheckpoint(receipt, result) {
    const bad = result.findings.some((f) => f.rule === 4 && f.found.outcome !== INFORMATION);
    if (bad || this._policy(receipt) === null) return null;
    try {
      const { checkpoint, cosignatures } = this._open(receipt.note, receipt, result);
      const cosigners = cosignatures.map((each) => each.key);
      return { size: checkpoint.size, cosigners, tokens: new Map() };
    } catch (error) {
      result.differ(COUNTERSIGNED, "R-STATE", "checkpoint", { reason: refused(error).message });
      return null;
    }
  }

  /** The time stamps of a state by digest. @param {State} state @param {Opened} opened @param {Checked} result */
  _tokens(state, opened, result) {
    /** @type {Map<string, SeenToken>} */
    const tokens = new Map();
    if (state.tokens.length + state.renewals.length === 0) return tokens;
    const stamped = formatNote(ownLines(opened));
    const key = stampsKey(stamped, state);
    let found = this._stamps.get(key);
    if (found === undefined) {
      const roots = this._trust?.authorities ?? [];
      found = checkRenewals(stamped, state.tokens, state.renewals, roots);
      this._stamps.set(key, found);
    }
    found.stamps.forEach(({ authority, check }, i) => {
      const seen = { size: state.size, authority, check };
      tokens.set(sha256hex(state.tokens[i].reply), seen);
      result.tokens.push(seen);
    });
    for (const renewal of found.renewals) reportRenewal(result, state.size, renewal);
    return tokens;
  }

  /** Not before, not after. @param {Receipt} receipt @param {Checked} result @param {CheckedState[]} states */
  _setMoments(receipt, result, states) {
    const anchors = this._anchors(receipt, result, states);
    const seen = new Map(receipt.events.map((each) => [each.index, each.seen]));
    for (const each of result.events) {
      each.notAfter = notAfter(each, states);
      const size = provenHead(receipt, seen.get(each.index) ?? null, each, result);
      const before = anchors.filter((anchor) => anchor.index < size);
      each.notBefore = before.reduce(
        (/** @type {Moment | null} */ newest, { moment }) =>
          newest === null || moment.time > newest.time ? moment : newest,
        null,
      );
    }
  }

  /** Every anchored value whose time can be checked with what is here. @param {Receipt} receipt @param {Checked} result @param {CheckedState[]} states */
  _anchors(receipt, result, states) {
    const tokens = new Map(states.flatMap((state) => [...state.tokens]));
    const peers = new Map(receipt.peers.map((note) => [sha256hex(note), note]));
    /** @type {{index: number, moment: Moment}[]} */
    const found = [];
    for (const { event, opened, index } of result.events) {
      if (event.type !== "anchored" || opened.problem !== null) continue;
      let anchors;
      try {
        anchors = parseAnchors(event.clear);
      } catch (error) {
        result.differ(TIME, "T-ANCHOR", entryName(index), { reason: refused(error).message });
        continue;
      }
      for (const anchor of anchors) {
        if (anchor.kind === "beacon") {
          const { name, round, value } = anchor;
          result.inform(TIME, "T-BEACON", entryName(index), { name, round, value });
          continue;
        }
        const token = tokens.get(anchor.sha256);
        const note = peers.get(anchor.sha256);
        const moments = [token && tokenMoment(token), note && this._peer(note, anchor.origin)];
        for (const moment of moments) if (moment) found.push({ index, moment });
      }
    }
    return found;
  }

  /** When another log's checkpoint was countersigned last, by keys the trust file knows. @param {Uint8Array} note @param {string} origin @returns {Moment | null} */
  _peer(note, origin) {
    const known = this._trust?.origin(origin);
    if (!known) return null;
    let opened;
    try {
      opened = openCheckpoint(note, known.logVerifiers, known.policy.keys);
    } catch (error) {
      refused(error); // shows no time
      return null;
    }
    /** @type {Moment | null} */
    let newest = null;
    for (const { key, time } of opened.cosignatures) {
      const seconds = Number(time ?? 0n);
      if (newest === null || seconds > newest.time) {
        newest = { time: seconds, basis: "countersigner", by: key.name };
      }
    }
    return newest;
  }
}

/** Everything that a check of a state's stamps depends on, as one text. @param {Uint8Array} stamped @param {State} state */
function stampsKey(stamped, state) {
  /** @param {import("./receipt.js").Token[]} tokens */
  const told = (tokens) => tokens.map((each) => `${each.authority} ${sha256hex(each.reply)}`);
  const renewals = state.renewals.map((each) => [sha256hex(each.manifest), ...told(each.tokens)]);
  return JSON.stringify([sha256hex(stamped), told(state.tokens), renewals]);
}

/** The stated time, if it is proved. @param {SeenToken} token @returns {Moment | null} */
function tokenMoment({ check, authority }) {
  if (check.outcome !== MATCHES || check.time === null) return null;
  return { time: check.time, basis: "token", by: authority };
}

/** The earliest time at which the entry was shown to be in the log. @param {CheckedEvent} event @param {CheckedState[]} states */
function notAfter(event, states) {
  /** @type {Moment | null} */
  let earliest = null;
  for (const state of states) {
    if (state.size <= event.index) continue;
    for (const token of state.tokens.values()) {
      const moment = tokenMoment(token);
      if (moment && (earliest === null || moment.time < earliest.time)) earliest = moment;
    }
  }
  return earliest;
}

/** The size of the head of this log that the entry's signer is proved to have seen; else 0. @param {Receipt} receipt @param {Uint8Array[] | null} proof @param {CheckedEvent} each @param {Checked} result */
function provenHead(receipt, proof, each, result) {
  const head = each.event.seen.find((s) => s.origin === receipt.origin);
  const newest = result.checkpoint;
  if (proof === null || !head || newest === null || each.opened.problem !== null) return 0;
  try {
    const { size, root } = head;
    const possible = 0 < size && size <= Math.min(each.index, newest.size);
    expect(possible, "it names a head that it can't have seen");
    checkConsistency(size, unhex(root), newest.size, newest.root, proof);
    return size;
  } catch (error) {
    result.differ(TIME, "T-SEEN", entryName(each.index), { reason: refused(error).message });
    return 0;
  }
}

/** Rule 9: enough of the countersigners that the trust file names have signed. @param {Checked} result @param {Policy | null} policy @param {CheckedState[]} states */
function reportCosignatures(result, policy, states) {
  if (policy === null) return; // without a trust file nobody is known; the step *who* says so
  if (policy.quorum === null) {
    result.inform(COUNTERSIGNED, "R-COSIGN-NONE", "");
    return;
  }
  const { need, names } = policy.counted();
  /** @param {CheckedState} state */
  const met = (state) => {
    const all = policy.met(state.cosigners);
    return names.filter((name) => all.has(name));
  };
  const good = states.filter((state) => policy.isSatisfiedBy(state.cosigners));
  const have = Math.max(0, ...states.map((state) => met(state).length));
  let covered = 0;
  if (good.length > 0) {
    const best = good.reduce((a, b) => (b.size > a.size ? b : a));
    covered = best.size;
    const details = { need, names: met(best).sort().join(", ") };
    result.match(COUNTERSIGNED, "R-COSIGN-OK", `state ${covered}`, details);
  }
  const open = result.events.filter((each) => each.index >= covered);
  for (const each of open) {
    const last = each === result.events[result.events.length - 1];
    // The event of this very export can't be countersigned before it leaves.
    if (last && each.event.type === "exported" && good.length > 0) {
      result.inform(COUNTERSIGNED, "R-COSIGN-EXIT", entryName(each.index));
    } else {
      result.unchecked(COUNTERSIGNED, "R-COSIGN-PENDING", entryName(each.index), { need, have });
    }
  }
  const given = states.some((state) => state.cosigners.length > 0);
  if (!given && open.length === 0) {
    result.unchecked(COUNTERSIGNED, "R-COSIGN-PENDING", "checkpoint", { need, have: 0 });
  }
}

/** Rule 10: each time stamp, by itself. @param {Checked} result */
function reportTokens(result) {
  for (const { size, authority, check } of result.tokens) {
    const name = `state ${size}, ${authority}`;
    if (check.outcome === MATCHES) {
      result.match(TIME, "T-TOKEN-OK", name, { time: utc(check.time ?? 0) });
    } else if (check.outcome === DIFFERS) {
      result.differ(TIME, "T-TOKEN-WRONG", name, { reason: check.reason });
    } else {
      const claimed = check.time === null ? "none" : utc(check.time);
      result.unchecked(TIME, "T-TOKEN-UNCHECKED", name, { reason: check.reason, claimed });
    }
  }
  if (result.tokens.length === 0) result.inform(TIME, "T-NONE", "");
}

/** @param {Checked} result @param {number} size @param {import("./renewals.js").RenewalCheck} renewal */
function reportRenewal(result, size, { number, outcome, reason, time }) {
  const name = `state ${size}, renewal ${number}`;
  if (outcome === MATCHES) result.match(TIME, "T-RENEWAL-OK", name, { time: utc(time ?? 0) });
  else if (outcome === DIFFERS) result.differ(TIME, "T-RENEWAL-WRONG", name, { reason });
  else result.unchecked(TIME, "T-RENEWAL-UNCHECKED", name, { reason });
}

/** Rules 9 and 10: what the export said goes along is there. @param {Receipt} receipt @param {Checked} result */
function checkClaim(receipt, result) {
  const last = result.events[result.events.length - 1];
  if (last === undefined || last.event.type !== "exported" || !last.values.has("proofs")) return;
  const where = entryName(last.index);
  let claim;
  try {
    claim = parseClaim(last.values.get("proofs"));
  } catch (error) {
    const { message } = refused(error);
    result.differ(COUNTERSIGNED, "R-PROOF-CLAIM", where, { reason: message });
    return;
  }
  for (const { size, cosigners, tokens } of claim) {
    const state = receipt.states.find((each) => each.size === size);
    /** @param {number} rule @param {string} what */
    const missing = (rule, what) =>
      result.differ(rule, "R-PROOF-REMOVED", where, { state: size, what });
    if (state === undefined) {
      missing(COUNTERSIGNED, "the state itself");
      continue;
    }
    const lines = keyIdsOf(state.note);
    const digests = state.tokens.map((each) => sha256hex(each.reply));
    for (const id of cosigners) {
      if (!lines.includes(id)) missing(COUNTERSIGNED, `the cosignature by key ${id}`);
    }
    for (const digest of tokens) {
      if (!digests.includes(digest)) missing(TIME, `the time stamp ${digest}`);
    }
  }
}

/** @param {Uint8Array} note @returns {string[]} */
function keyIdsOf(note) {
  try {
    return parseNote(note).lines.map((line) => line.id);
  } catch (error) {
    refused(error); // the state is named as wrong
    return [];
  }
}
