/** The results of all jobs of one run. */
import { element, nodes, value } from "./dom.js";
import { headlineOf, line, reportNodes, reportStatus, verdict } from "./report.js";
import { VERSION, escapeForDisplay, isKnown, sentence, sentenceParts } from "./text.js";

const AGE_COMMANDS = ["evidence-vault open FILE -o bundle.zip", "age -d -o bundle.zip FILE"];
const GRAVITY = [11, 10, 3, 0];

/** 0, 3, 10 or 11. Whatever has no report could not be checked. */
function statusOf(result) {
  return result.report ? reportStatus(result.report) : 3;
}

export function worstStatus(results) {
  const found = results.map(statusOf);
  return GRAVITY.find((status) => found.includes(status)) ?? 3;
}

function stopped(lang, error) {
  const reason = error.message || error.name;
  const known = error.code !== "" && isKnown(error.code);
  const text = sentence(lang, "P-STOPPED", { reason: known ? sentence(lang, error.code) : reason });
  return [
    verdict("unchecked", text),
    error.hint ? element("p", {}, value(escapeForDisplay(error.hint))) : null,
    line(lang, "P-STOPPED-HINT"),
  ];
}

function answered(lang, job) {
  const headline = sentence(lang, "H-UNCHECKED");
  const box = verdict("unchecked", headline);
  if (job.answer !== "V-IS-AGE") return [box, line(lang, job.answer)];
  return [
    box,
    line(lang, "P-AGE-HOW"),
    element(
      "ul",
      { class: "commands" },
      AGE_COMMANDS.map((command) => element("li", {}, element("code", { lang: "en" }, command))),
    ),
  ];
}

function article(lang, result, number) {
  const { job } = result;
  const id = `result-${number}`;
  const body = result.report
    ? reportNodes(lang, result.report, id)
    : result.error
      ? stopped(lang, result.error)
      : answered(lang, job);
  return element(
    "article",
    { id, "aria-labelledby": `${id}-title` },
    element("h3", { id: `${id}-title` }, nodes(sentenceParts(lang, job.title.code, job.title.fields))),
    body,
  );
}

function summaryRow(lang, result, number) {
  const [code, name] = headlineOf(statusOf(result));
  const text = sentence(lang, code);
  const end = text.search(/[.။]/) + 1;
  const { title } = result.job;
  return element(
    "li",
    { class: name },
    element("a", { href: `#result-${number}` }, nodes(sentenceParts(lang, title.code, title.fields))),
    ": ",
    element("strong", {}, end > 0 ? text.slice(0, end) : text),
  );
}

/** Nodes for a run: {results, unused, time}. */
export function runNodes(lang, run) {
  const many = run.results.length > 1;
  return [
    many
      ? element(
          "section",
          { class: "summary" },
          element("h3", {}, sentence(lang, "P-ALL-RESULTS")),
          element("ol", {}, run.results.map((result, i) => summaryRow(lang, result, i + 1))),
        )
      : null,
    run.unused.map(({ name }) =>
      element("p", { class: "notice" }, value(escapeForDisplay(name)), " ", sentence(lang, "P-UNUSED")),
    ),
    run.results.map((result, i) => article(lang, result, i + 1)),
    line(lang, "P-CHECKED-AT", { time: run.time, version: VERSION }, { class: "checked-at" }),
    element(
      "p",
      { class: "buttons" },
      element("button", { type: "button", id: "print", onclick: () => print() }, sentence(lang, "P-PRINT")),
    ),
  ];
}
