/** One check, in the worker or in the page: files become sources, the core does the rest. */
import { verifyBundle, verifyReceipt } from "#core";

const PROGRESS_EVERY = 100; // milliseconds

/** What the core reads from: portions of a file, never the whole. */
function source(file, guard) {
  return {
    name: file.name,
    size: file.size,
    async slice(start, end) {
      guard();
      return new Uint8Array(await file.slice(start, end).arrayBuffer());
    },
  };
}

/** Tells no more often than people can read, but always the end. */
function calm(tell) {
  let last = 0;
  return (progress) => {
    const now = Date.now();
    if (now - last < PROGRESS_EVERY && progress.done !== progress.total) return;
    last = now;
    tell({ done: Number(progress.done), total: Number(progress.total), path: String(progress.path ?? "") });
  };
}

/**
 * The report of one job: {kind: "receipt", receipt, file, trust} or {kind: "bundle", zip | files and
 * folders, expect, trust}. `guard` is called before each read and throws to stop.
 */
export async function check(job, tell, guard = () => {}) {
  const from = (file) => (file === null ? null : source(file, guard));
  const trust = from(job.trust);
  if (job.kind === "receipt") {
    return verifyReceipt({ receipt: from(job.receipt), file: from(job.file), trust }, calm(tell));
  }
  const bundle =
    job.zip !== null
      ? { kind: "zip", source: from(job.zip) }
      : {
          kind: "folder",
          files: job.files.map(({ path, file }) => ({ path, source: from(file) })),
          folders: job.folders,
        };
  return verifyBundle({ bundle, trust, expect: job.expect }, calm(tell));
}

/** What is told of an error: texts only, since it may cross from a worker. */
export function describe(error) {
  const text = (value) => (typeof value === "string" ? value : "");
  return {
    code: text(error?.code),
    name: text(error?.name),
    message: text(error?.message) || String(error),
    hint: text(error?.hint),
  };
}
