/** The page: takes files, starts and cancels checks, shows what they found. */
import { nodes, show } from "./dom.js";
import { readChosenFolder, readDrop } from "./dropped.js";
import { Given } from "./given.js";
import { givenItems } from "./givenview.js";
import { headlineOf } from "./report.js";
import { runNodes, worstStatus } from "./results.js";
import { run } from "./runner.js";
import { LANGUAGES, isReviewed, sentence, sentenceParts, sizeText, span } from "./text.js";

const SAY_EVERY = 15_000; // milliseconds between two announcements of progress

const given = new Given();
let lang = LANGUAGES.find((each) => navigator.language?.startsWith(each)) ?? "en";
let last = null; // the run that is shown: {results, unused, time}
let working = null; // the job that runs: {cancel, title, progress, since}
let said = []; // what the status line says: [{code, fields}]

const by = (id) => document.getElementById(id);

/** Puts sentences where the page has places for them, and draws all that depends on the language. */
function draw() {
  document.documentElement.lang = lang;
  document.title = `${sentence(lang, "P-TITLE")} · evidence-vault`;
  for (const each of document.querySelectorAll("[data-text]")) {
    each.textContent = sentence(lang, each.dataset.text);
  }
  for (const each of document.querySelectorAll("[data-label]")) {
    each.setAttribute("aria-label", sentence(lang, each.dataset.label));
  }
  for (const each of LANGUAGES) by(`lang-${each}`).setAttribute("aria-pressed", String(each === lang));
  by("unreviewed").hidden = isReviewed(lang);
  show(by("unreviewed"), sentence(lang, "H-UNREVIEWED"));
  drawGiven();
  drawWorking();
  drawSaid();
  drawResults();
}

function drawGiven() {
  const some = given.entries.length > 0;
  const focused = document.activeElement?.id;
  show(by("given"), givenItems(lang, given, { remove, choose, expect }));
  if (focused) by(focused)?.focus();
  by("empty").hidden = some;
  by("remove-all").hidden = !some;
  by("trust-none").hidden = !some || given.trust !== null;
}

function drawWorking() {
  by("working").hidden = working === null;
  by("cancel").hidden = working === null;
  if (working !== null && document.activeElement === by("start")) by("cancel").focus();
  by("start").hidden = working !== null;
  for (const id of ["choose-files", "choose-folder", "remove-all"]) by(id).disabled = working !== null;
  if (working === null) return;
  const { title, progress } = working;
  const name = sentence(lang, title.code, title.fields);
  show(by("working-name"), nodes(sentenceParts(lang, "P-WORKING", { name })));
  show(by("working-text"), progressText());
  const bar = by("bar");
  if (progress !== null && progress.total > 0) {
    bar.max = progress.total;
    bar.value = progress.done;
  } else {
    bar.removeAttribute("value");
  }
}

function progressText() {
  const { progress, since } = working;
  if (progress === null || !(progress.total > 0)) return "";
  const fields = { done: sizeText(progress.done), total: sizeText(progress.total) };
  const parts = [sentence(lang, "P-PROGRESS", fields)];
  const seconds = (Date.now() - since) / 1000;
  if (seconds >= 2 && progress.done > 0 && progress.done < progress.total) {
    const left = (seconds / progress.done) * (progress.total - progress.done);
    parts.push(sentence(lang, "P-LEFT", { time: span(Math.max(1, left)) }));
  }
  if (progress.path) parts.push(sentence(lang, "P-READING", { path: progress.path }));
  return parts.join(" · ");
}

function drawSaid() {
  show(by("said"), said.map(({ code, fields }) => [nodes(sentenceParts(lang, code, fields)), " "]));
}

function say(...messages) {
  said = messages;
  drawSaid();
}

function drawResults() {
  by("no-result").hidden = last !== null;
  show(by("results"), last === null ? [] : runNodes(lang, last));
}

/** What was shown before belongs to other files: it goes. */
function changed(...messages) {
  last = null;
  drawGiven();
  drawResults();
  say(...messages);
}

async function add(reading) {
  if (working !== null) return;
  try {
    changed(...(await given.add(await reading)));
  } catch (error) {
    changed({ code: "P-UNREADABLE-FOLDER", fields: { reason: error?.message ?? String(error) } });
  }
}

function remove(entry) {
  if (working !== null) return;
  given.remove(entry.id);
  changed({ code: "P-REMOVED", fields: { name: entry.name } });
  by("choose-files").focus();
}

function choose(receipt, id) {
  if (working !== null) return drawGiven();
  given.chosen.set(receipt.id, id);
  changed();
}

function expect(entry, text) {
  entry.expect = text;
  last = null;
  drawResults();
}

/** Runs one job; null when it was cancelled. */
async function perform(job) {
  if (job.work === null) return { job };
  const running = run(job.work, tell);
  working = { cancel: running.cancel, title: job.title, progress: null, since: Date.now(), told: Date.now() };
  drawWorking();
  say({ code: "P-WORKING", fields: { name: sentence(lang, job.title.code, job.title.fields) } });
  const answer = await running.answer;
  return answer.cancelled ? null : { job, ...answer };
}

function tell(progress) {
  if (working === null) return;
  working.progress = progress;
  drawWorking();
  if (Date.now() - working.told < SAY_EVERY) return;
  working.told = Date.now();
  const { title } = working;
  const fields = { done: sizeText(progress.done), total: sizeText(progress.total) };
  say(
    { code: "P-WORKING", fields: { name: sentence(lang, title.code, title.fields) } },
    { code: "P-PROGRESS", fields },
  );
}

async function start() {
  if (working !== null) return;
  const { jobs, unused } = given.jobs();
  last = null;
  drawResults();
  if (jobs.length === 0) return say({ code: "P-NOTHING", fields: {} });
  const results = [];
  let cancelled = false;
  for (const job of jobs) {
    const result = await perform(job);
    if (result === null) {
      cancelled = true;
      break;
    }
    results.push(result);
  }
  const hadFocus = document.activeElement === by("cancel");
  working = null;
  drawWorking();
  if (cancelled) {
    say({ code: "P-CANCELLED", fields: {} });
    if (hadFocus || document.activeElement === document.body) by("start").focus();
    return;
  }
  last = { results, unused, time: new Date().toISOString().replace(/\.\d+Z$/, "Z") };
  drawResults();
  say({ code: headlineOf(worstStatus(results))[0], fields: {} });
  by("result-title").focus();
}

/**
 * A file that is dropped beside the mark would be opened by the browser as a document: the whole
 * window takes drops, so that nothing from evidence is ever opened.
 */
function takeDrops() {
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
      by("drop").classList.add("over");
    });
  }
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) by("drop").classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    by("drop").classList.remove("over");
    if (event.dataTransfer) add(readDrop(event.dataTransfer));
  });
}

/** On paper nothing can be unfolded: all of it is open while the page is printed. */
function unfoldForPrint() {
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open]):not(.technical)")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
}

function listen(id, event, act) {
  by(id).addEventListener(event, act);
}

export function startPage() {
  for (const each of LANGUAGES) {
    listen(`lang-${each}`, "click", () => {
      lang = each;
      draw();
    });
  }
  listen("choose-files", "click", () => by("files").click());
  listen("choose-folder", "click", () => by("folder").click());
  listen("files", "change", ({ target }) => {
    add({ files: [...target.files], folders: [] });
    target.value = "";
  });
  listen("folder", "change", ({ target }) => {
    add(readChosenFolder(target.files));
    target.value = "";
  });
  listen("remove-all", "click", () => {
    if (working !== null) return;
    given.entries = [];
    given.chosen.clear();
    changed();
    by("choose-files").focus();
  });
  listen("start", "click", start);
  listen("cancel", "click", () => working?.cancel());
  takeDrops();
  unfoldForPrint();
  draw();
}
