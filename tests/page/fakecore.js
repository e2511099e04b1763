/**
 * Stands in for the verification core in tests of the page alone: it answers with the report, the
 * error or the wait that is written in the evidence after its first line.
 */
async function script(source) {
  const text = new TextDecoder().decode(await source.slice(0, source.size));
  return JSON.parse(text.slice(text.indexOf("\n") + 1));
}

async function play(source, file, trust, onProgress) {
  const told = await script(source);
  if (told.throw) throw Object.assign(new Error(told.throw.message), told.throw);
  const total = told.total ?? source.size;
  for (let done = 0, round = 0; round < (told.rounds ?? 0); round += 1) {
    await (file ?? source).slice(0, 16);
    await new Promise((ready) => setTimeout(ready, 50));
    done = Math.min(total - 1, done + Math.ceil(total / told.rounds));
    onProgress({ done, total, path: told.path ?? "data/video.mp4" });
  }
  if (told.fetch) await fetch(told.fetch);
  return {
    ...told.report,
    facts: { ...told.report.facts, saw: { file: file?.name ?? null, trust: trust?.name ?? null } },
  };
}

export function verifyReceipt({ receipt, file, trust }, onProgress) {
  return play(receipt, file, trust, onProgress);
}

export async function verifyBundle({ bundle, trust, expect }, onProgress) {
  if (bundle.kind === "zip") return play(bundle.source, null, trust, onProgress);
  const first = bundle.files.find(({ path }) => path === "statement.json");
  const report = await play(first.source, null, trust, onProgress);
  const paths = bundle.files.map(({ path }) => path).sort();
  report.facts.saw = { ...report.facts.saw, paths, folders: [...bundle.folders].sort(), expect };
  return report;
}
