/** What the reader gave: files by kind, one trust file, which file belongs to which receipt. */
import { divideFolder, kindOf } from "./kinds.js";
import { pair } from "./pairing.js";

// A file alone that is no evidence gets a plain answer instead of a check.
const ANSWERS = {
  age: "V-IS-AGE",
  statement: "V-IS-STATEMENT",
  empty: "V-IS-EMPTY",
  unreadable: "P-KIND-UNREADABLE",
};

export class Given {
  constructor() {
    this.entries = [];
    this.chosen = new Map(); // receipt id -> file id, or "" for none
    this.next = 1;
  }

  /** Takes in what was dropped; answers [{code, fields}], what is to be said about it. */
  async add({ files, folders }) {
    const said = [];
    const single = [...files];
    for (const folder of folders) {
      const { bundles, single: rest } = divideFolder(folder.files, folder.folders);
      for (const bundle of bundles) this.push(folderEntry(bundle));
      if (bundles.length === 0) {
        said.push({ code: "P-NO-BUNDLE", fields: { count: rest.length } });
      }
      single.push(...rest);
    }
    for (const file of single) {
      const { kind, item } = await kindOf(file);
      if (kind === "trust") {
        const before = this.trust;
        if (before !== null) {
          this.remove(before.id);
          said.push({ code: "P-TRUST-REPLACED", fields: { name: file.name } });
        }
      }
      this.push({ kind, item, name: file.name, size: file.size, file });
    }
    return [{ code: "P-ADDED", fields: { count: single.length + folders.length } }, ...said];
  }

  push(entry) {
    this.entries.push({ ...entry, id: `given-${this.next++}`, expect: "" });
  }

  remove(id) {
    this.entries = this.entries.filter((entry) => entry.id !== id);
    this.chosen.delete(id);
    for (const [receipt, file] of this.chosen) if (file === id) this.chosen.delete(receipt);
  }

  of(...kinds) {
    return this.entries.filter((entry) => kinds.includes(entry.kind));
  }

  get trust() {
    return this.of("trust")[0] ?? null;
  }

  /** Any single file may be what a receipt is about: evidence can be a ZIP, or empty, too. */
  get candidates() {
    return this.of("other", "empty", "zip", "age", "statement");
  }

  pairs() {
    return pair(this.of("receipt"), this.candidates, this.chosen);
  }

  /** {jobs, unused}: what is to be checked, and files that nothing is said about. */
  jobs() {
    const trust = this.trust?.file ?? null;
    const pairs = this.pairs();
    const taken = new Set([...pairs.values()].filter((file) => file !== null).map(({ id }) => id));
    const jobs = [];
    const unused = [];
    for (const entry of this.entries) {
      if (entry.kind === "receipt") jobs.push(receiptJob(entry, pairs.get(entry.id), trust));
      else if (taken.has(entry.id) || entry.kind === "trust") continue;
      else if (["zip", "folder"].includes(entry.kind)) jobs.push(bundleJob(entry, trust));
      else if (ANSWERS[entry.kind]) jobs.push(answerJob(entry));
      else unused.push(entry);
    }
    return { jobs, unused };
  }
}

function folderEntry({ root, files, folders }) {
  const name = root.slice(root.lastIndexOf("/") + 1);
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  return { kind: "folder", item: null, name, size, file: null, files, folders };
}

/** `title` is a message, `work` goes to the worker, `answer` is said when there is no work. */
function receiptJob(entry, file, trust) {
  const title =
    file === null
      ? { code: "P-ABOUT-RECEIPT", fields: { name: entry.name } }
      : { code: "P-ABOUT-PAIR", fields: { name: entry.name, file: file.name } };
  const work = { kind: "receipt", receipt: entry.file, file: file?.file ?? null, trust };
  return { title, work, answer: null, kind: "receipt" };
}

function bundleJob(entry, trust) {
  const work = {
    kind: "bundle",
    zip: entry.file,
    files: entry.files ?? [],
    folders: entry.folders ?? [],
    expect: entry.expect.trim() === "" ? null : entry.expect.trim(),
    trust,
  };
  return { title: { code: "P-ABOUT-BUNDLE", fields: { name: entry.name } }, work, answer: null, kind: "bundle" };
}

function answerJob(entry) {
  const title = { code: "P-ABOUT-FILE", fields: { name: entry.name } };
  return { title, work: null, answer: ANSWERS[entry.kind], kind: entry.kind, name: entry.name };
}
