// Asks the core of the verifier page: one JSON case a line on standard input, one JSON answer each.
//
//   {"receipt": path, "file": path|null, "trust": path|null}
//   {"bundle": path, "trust": path|null, "expect": text|null}       a folder or a ZIP
//   {"call": name, "args": […]}                                     one function, see CALLS

import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { TextDecoder } from "node:util";

const core = new URL("../../src/evidence_vault/verify/page/core/", import.meta.url);
const { verifyBundle, verifyReceipt } = await import(new URL("index.js", core));
const strict = new TextDecoder("utf-8", { fatal: true });

/** A file, of which no more is read than is asked for. */
function source(file) {
  return {
    name: path.basename(file),
    size: fs.statSync(file).size,
    async slice(start, end) {
      const handle = fs.openSync(file, "r");
      try {
        const data = Buffer.alloc(end - start);
        const read = fs.readSync(handle, data, 0, end - start, start);
        return new Uint8Array(data.buffer, data.byteOffset, read);
      } finally {
        fs.closeSync(handle);
      }
    },
  };
}

function decode(name) {
  try {
    return strict.decode(name);
  } catch {
    return name.toString("latin1") + "\ud800"; // what is no text is no name either
  }
}

/** A folder as the page sees it, and links as the system tells them. */
function folder(root) {
  const files = [];
  const folders = [];
  const walk = (real, shown) => {
    for (const name of fs.readdirSync(real, { encoding: "buffer" })) {
      const inside = Buffer.concat([Buffer.from(real), Buffer.from("/"), name]);
      const below = shown ? `${shown}/${decode(name)}` : decode(name);
      const status = fs.lstatSync(inside);
      if (status.isDirectory()) {
        folders.push(below);
        walk(inside, below);
      } else if (status.isFile()) {
        files.push({ path: below, source: source(inside.toString()) });
      } else {
        files.push({ path: below, source: null, kind: status.isSymbolicLink() ? "link" : "special" });
      }
    }
  };
  walk(Buffer.from(root), "");
  return { kind: "folder", name: path.basename(root), files, folders };
}

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));

/** Single functions, for published vectors. Each answers true, false or a value. */
const CALLS = {
  async ed25519(key, signature, message) {
    const { verifyEd25519 } = await import(new URL("keys.js", core));
    return accepts(() => verifyEd25519(bytes(key), bytes(signature), bytes(message)));
  },
  async canonical(text) {
    const { canonical } = await import(new URL("json.js", core));
    return Buffer.from(canonical(JSON.parse(text))).toString("base64");
  },
  async parse(data) {
    const { parseCanonical } = await import(new URL("json.js", core));
    return accepts(() => parseCanonical(bytes(data), "a value"));
  },
  async inclusion(leaf, index, size, root, proof) {
    const { checkInclusion } = await import(new URL("merkle.js", core));
    return accepts(() => checkInclusion(bytes(leaf), index, size, bytes(root), proof.map(bytes)));
  },
  async consistency(size1, root1, size2, root2, proof) {
    const { checkConsistency } = await import(new URL("merkle.js", core));
    const hashes = proof.map(bytes);
    return accepts(() => checkConsistency(size1, bytes(root1), size2, bytes(root2), hashes));
  },
  async token(reply, data, roots) {
    const { checkToken } = await import(new URL("timestamps.js", core));
    return checkToken(bytes(reply), bytes(data), roots);
  },
  async inflate(packed, step) {
    const { Inflater, InflateError } = await import(new URL("inflate.js", core));
    const [data, inflater, parts] = [bytes(packed), new Inflater(), []];
    try {
      for (let at = 0; at === 0 || at < data.length; at += step) {
        const last = at + step >= data.length;
        for (const part of inflater.push(data.subarray(at, at + step), last)) parts.push(part);
      }
    } catch (error) {
      if (error instanceof InflateError) return null;
      throw error;
    }
    return inflater.isWhole ? Buffer.concat(parts).toString("base64") : null;
  },
  async folds(texts) {
    const { foldKey } = await import(new URL("names.js", core));
    return texts.map(foldKey);
  },
  async tables() {
    const { FIELDS } = await import(new URL("eventtypes.js", core));
    const { WORDS } = await import(new URL("words.js", core));
    return { fields: Object.fromEntries(FIELDS), words: WORDS };
  },
  async memory(size) {
    return streamed(size);
  },
};

function accepts(check) {
  try {
    check();
    return true;
  } catch (error) {
    if (error.name !== "Refused" && error.name !== "Limit") throw error;
    return false;
  }
}

/** Hash a file of that size that is on no disk; the most memory that was held outside the heap. */
async function streamed(size) {
  const { chunks } = await import(new URL("container.js", core));
  const { Digester } = await import(new URL("hash.js", core));
  const large = { name: "video", size, slice: async (start, end) => new Uint8Array(end - start) };
  const digester = new Digester();
  let most = 0;
  let longest = 0;
  for await (const chunk of chunks(large)) {
    longest = Math.max(longest, chunk.length);
    digester.take(chunk);
    most = Math.max(most, process.memoryUsage().rss);
  }
  return { size: digester.end().size, longest, most };
}

async function answer(asked) {
  if (asked.call) return CALLS[asked.call](...asked.args);
  const trust = asked.trust ? source(asked.trust) : null;
  if (asked.receipt) {
    const file = asked.file ? source(asked.file) : null;
    return verifyReceipt({ receipt: source(asked.receipt), file, trust });
  }
  const isFolder = fs.statSync(asked.bundle).isDirectory();
  const bundle = isFolder ? folder(asked.bundle) : { kind: "zip", source: source(asked.bundle) };
  return verifyBundle({ bundle, trust, expect: asked.expect ?? null });
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let told;
  try {
    told = { answer: await answer(JSON.parse(line)) };
  } catch (error) {
    told = { error: String(error?.stack ?? error) };
  }
  process.stdout.write(JSON.stringify(told) + "\n");
}
