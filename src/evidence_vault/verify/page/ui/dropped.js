/** Reading what was dropped or chosen: files, and folders with all they hold. */

/** Files and folders below a folder, by the older of two doors: Firefox and Safari. */
async function readEntry(entry, path, found) {
  found.folders.push(path);
  const reader = entry.createReader();
  for (;;) {
    // A reader answers in portions; the empty one is the last.
    const portion = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (portion.length === 0) return;
    for (const each of portion) {
      const below = `${path}/${each.name}`;
      if (each.isDirectory) await readEntry(each, below, found);
      else found.files.push({ path: below, file: await fileOf(each) });
    }
  }
}

function fileOf(entry) {
  return new Promise((done, failed) => entry.file(done, failed));
}

/** The same by the newer door: Chromium keeps the older one shut to a page on the disk. */
async function readHandle(handle, path, found) {
  found.folders.push(path);
  for await (const [name, each] of handle.entries()) {
    const below = `${path}/${name}`;
    if (each.kind === "directory") await readHandle(each, below, found);
    else found.files.push({ path: below, file: await each.getFile() });
  }
}

async function readFolder(entry, promised) {
  const found = { files: [], folders: [] };
  const handle = await promised.catch(() => null);
  if (handle?.kind === "directory") await readHandle(handle, entry.name, found);
  else await readEntry(entry, entry.name, found);
  return found;
}

/** {files: [File], folders: [{files: [{path, file}], folders: [path]}]} of a drop. */
export async function readDrop(transfer) {
  // The list of items is emptied when the event ends, so all is asked for before the first wait.
  const items = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => ({
      entry: item.webkitGetAsEntry?.() ?? null,
      file: item.getAsFile(),
      handle: item.getAsFileSystemHandle?.() ?? Promise.resolve(null),
    }));
  const found = { files: [], folders: [] };
  for (const { entry, file, handle } of items) {
    if (entry?.isDirectory) found.folders.push(await readFolder(entry, handle));
    else if (file !== null) found.files.push(file);
  }
  return found;
}

/** The same for the list of an input that chooses one folder; empty folders are not told. */
export function readChosenFolder(list) {
  const files = [...list].map((file) => ({ path: file.webkitRelativePath, file }));
  const folders = new Set();
  for (const { path } of files) {
    for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
      folders.add(path.slice(0, at));
    }
  }
  return { files: [], folders: [{ files, folders: [...folders] }] };
}
