/** What a file is, told from its first bytes (as verify/kinds.py does), never from its name. */

const HEAD = 4096;
const STARTS = [
  ["evidence-vault/receipt/v1", "receipt"],
  ["age-encryption.org/v1", "age"],
  ["PK", "zip"],
  ['{"kind":"evidence-vault/trust"', "trust"],
  ['{"bundle_id":', "statement"],
];

/** {kind, item}: `item` is the identifier that a receipt claims, for pairing by name only. */
export async function kindOf(file) {
  if (file.size === 0) return { kind: "empty", item: null };
  let head;
  try {
    head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  } catch {
    return { kind: "unreadable", item: null };
  }
  const text = new TextDecoder("latin1").decode(head);
  const kind = STARTS.find(([start]) => text.startsWith(start))?.[1] ?? "other";
  const item = kind === "receipt" ? /\nitem [a-z0-9-]{1,100} ([A-Z0-9-]{1,100})\n/.exec(text) : null;
  return { kind, item: item?.[1] ?? null };
}

const BUNDLE_FILES = new Set([
  "HOW-TO-VERIFY.txt",
  "bag-info.txt",
  "bagit.txt",
  "custody.csv",
  "manifest-sha256.txt",
  "manifest-sha512.txt",
  "statement.json",
  "statement.sig",
  "statement.sshsig",
  "tagmanifest-sha256.txt",
  "tagmanifest-sha512.txt",
]);

function parent(path) {
  const at = path.lastIndexOf("/");
  return at < 0 ? "" : path.slice(0, at);
}

function isBelow(path, folder) {
  return folder === "" || path.startsWith(`${folder}/`);
}

function pathBelow(path, folder) {
  return folder === "" ? path : path.slice(folder.length + 1);
}

/**
 * Divides what a dropped folder holds into bundles and single files.
 *
 * `files`: [{path, file}], `folders`: [path], both from the dropped folder down. A folder is a
 * bundle when one of the fixed files of a bundle lies directly in it: one such file is enough, so
 * that a bundle which lost others is still checked as a bundle and fails. Unpacking programs put a
 * folder around the folder; any depth is found. All below a bundle belongs to it.
 */
export function divideFolder(files, folders) {
  const roots = new Set();
  for (const { path } of files) {
    if (BUNDLE_FILES.has(path.slice(path.lastIndexOf("/") + 1))) roots.add(parent(path));
  }
  const outer = [...roots].filter(
    (root) => ![...roots].some((other) => other !== root && isBelow(root, other)),
  );
  const bundles = outer.sort().map((root) => ({
    root,
    files: files
      .filter(({ path }) => isBelow(path, root))
      .map(({ path, file }) => ({ path: pathBelow(path, root), file })),
    folders: folders.filter((path) => path !== root && isBelow(path, root)).map((path) => pathBelow(path, root)),
  }));
  const single = files.filter(({ path }) => !outer.some((root) => isBelow(path, root)));
  return { bundles, single: single.map(({ file }) => file) };
}
