/** Trust policies: whose cosignatures count, and how many (C2SP tlog-policy). */

import { b64, isUnicode } from "./bytes.js";
import { expect } from "./errors.js";
import { ED25519, MLDSA, parseVkey } from "./note.js";
import { length } from "./shapes.js";

/** @typedef {import("./note.js").VerifierKey} VerifierKey */
/** @typedef {{name: string, key: VerifierKey, url: string | null}} Witness */
/** @typedef {{name: string, threshold: number, members: string[]}} Group */

const FORM = "E-POLICY-FORM";

/** A parsed policy; `quorum` null means that none is asked for. */
export class Policy {
  constructor() {
    /** @type {VerifierKey[]} */ this.logs = [];
    /** @type {Witness[]} */ this.witnesses = [];
    /** @type {Group[]} */ this.groups = [];
    /** @type {string | null} */ this.quorum = null;
  }

  /** @returns {VerifierKey[]} the keys whose cosignatures count */
  get keys() {
    return this.witnesses.map((witness) => witness.key);
  }

  /** Names of witnesses and groups that these keys satisfy. @param {VerifierKey[]} cosigners */
  met(cosigners) {
    const present = new Set(cosigners.map((key) => key.text));
    const met = new Set(this.witnesses.filter((w) => present.has(w.key.text)).map((w) => w.name));
    // Members stand on earlier lines, so one pass is enough.
    for (const group of this.groups) {
      if (group.members.filter((name) => met.has(name)).length >= group.threshold) {
        met.add(group.name);
      }
    }
    return met;
  }

  /** @param {VerifierKey[]} cosigners */
  isSatisfiedBy(cosigners) {
    return this.quorum === null || this.met(cosigners).has(this.quorum);
  }

  /** How many are needed at the quorum itself, and the names to choose from. */
  counted() {
    const group = this.groups.find((each) => each.name === this.quorum);
    if (group) return { need: group.threshold, names: group.members };
    return this.quorum === null ? { need: 0, names: [] } : { need: 1, names: [this.quorum] };
  }
}

/** @param {string} text @returns {Policy} */
export function parsePolicy(text) {
  expect(
    length(text) <= 1_000_000 && isUnicode(text) && !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text),
    "a policy is too long or has control characters",
    FORM,
  );
  const lines = text.split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  expect(lines.length <= 1000, "a policy has at most 1000 lines", FORM);
  const policy = new Policy();
  const state = { free: new Set(), names: new Set(), quorum: 0 };
  lines.forEach((line, i) => {
    const words = line.replace(/^[ \t]+|[ \t]+$/g, "").split(/[ \t]+/);
    if (words[0] === "" || words[0].startsWith("#")) return;
    const read = READERS.get(words[0]);
    const wrong = `policy, line ${i + 1}: `;
    expect(read !== undefined, `${wrong}unknown word`, FORM);
    /** @type {Reader} */ (read)(policy, state, words.slice(1), (condition, message) =>
      expect(condition, wrong + message, FORM),
    );
  });
  expect(state.quorum === 1, "a policy has exactly one quorum line", FORM);
  return policy;
}

/** @typedef {{free: Set<string>, names: Set<string>, quorum: number}} State */
/** @typedef {(condition: unknown, message: string) => void} Demand */
/** @typedef {(policy: Policy, state: State, words: string[], demand: Demand) => void} Reader */

/** @param {State} state @param {string} name @param {Demand} demand */
function take(state, name, demand) {
  demand(name !== "none" && !state.names.has(name), "the name is taken");
  state.names.add(name);
  state.free.add(name);
}

/** @type {Map<string, Reader>} */
const READERS = new Map([
  [
    "log",
    (policy, _, words, demand) => {
      demand(words.length === 1 || words.length === 2, "log takes a key and perhaps an address");
      const key = parseVkey(words[0]);
      const known = policy.logs.some((each) => b64(each.raw) === b64(key.raw));
      demand(!known, "the same key stands twice among the logs");
      policy.logs.push(key);
    },
  ],
  [
    "witness",
    (policy, state, words, demand) => {
      demand(words.length === 2 || words.length === 3, "witness takes a name, a key, an address");
      take(state, words[0], demand);
      const key = parseVkey(words[1]);
      demand(key.type !== ED25519, "a key of type 0x01 signs logs, not cosignatures");
      const known = policy.witnesses.some((each) => b64(each.key.raw) === b64(key.raw));
      demand(!known, "the same key stands twice among the witnesses");
      policy.witnesses.push({ name: words[0], key, url: words[2] ?? null });
    },
  ],
  [
    "group",
    (policy, state, words, demand) => {
      demand(words.length >= 3, "group takes a name, a number and its members");
      const [name, rule, ...members] = words;
      take(state, name, demand);
      for (const each of members) {
        demand(state.free.has(each) && each !== name, "a member is unknown or used already");
        state.free.delete(each);
      }
      const fixed = new Map([
        ["all", members.length],
        ["any", 1],
      ]).get(rule);
      demand(fixed !== undefined || /^[1-9][0-9]{0,3}$/.test(rule), "not a number, all or any");
      const threshold = fixed ?? Number(rule);
      demand(threshold <= members.length, "more are demanded than there are members");
      policy.groups.push({ name, threshold, members });
    },
  ],
  [
    "quorum",
    (policy, state, words, demand) => {
      demand(words.length === 1, "quorum takes one name, or none");
      demand(words[0] === "none" || state.names.has(words[0]), "an unknown name");
      policy.quorum = words[0] === "none" ? null : words[0];
      state.quorum += 1;
    },
  ],
]);

/**
 * The policy text of one log of a network (docs/format-trust.md).
 * @param {VerifierKey[]} logKeys
 * @param {Map<string, VerifierKey[]>} organisations the others, by the name the policy has
 * @param {number} quorum
 */
export function networkPolicy(logKeys, organisations, quorum) {
  const lines = logKeys.map((key) => `log ${key.text}`);
  if (quorum === 0) return [...lines, "quorum none", ""].join("\n");
  const groups = [];
  for (const [name, keys] of organisations) {
    if (keys.length === 1) {
      lines.push(`witness ${name} ${keys[0].text}`);
      continue;
    }
    const own = keys.map((key) => `${name}-${key.type === MLDSA ? "pq" : "ed"}`);
    keys.forEach((key, i) => lines.push(`witness ${own[i]} ${key.text}`));
    groups.push(`group ${name} all ${own.join(" ")}`);
  }
  const names = [...organisations.keys()];
  const rule = quorum === names.length ? "all" : quorum === 1 ? "any" : String(quorum);
  groups.push(`group network ${rule} ${names.join(" ")}`);
  return [...lines, ...groups, "quorum network", ""].join("\n");
}
