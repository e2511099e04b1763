/** A report as the reader sees it: verdict, who, the numbered steps, entries, what is not proved. */
import { element, nodes, value } from "./dom.js";
import { judge, stepOutcome } from "./judge.js";
import {
  canonicalText,
  escapeForDisplay,
  isKnown,
  sentence,
  sentenceParts,
  span,
} from "./text.js";

const MAX_SHOWN = 50; // findings of one code in one step
const MAX_EVENTS = 500;
const MAX_VALUE = 400; // characters of a revealed value before the rest is folded away

const HEADLINES = { 0: "H-MATCHES", 3: "H-UNCHECKED", 10: "H-DIFFERS", 11: "H-LOG" };
const CLASSES = { 0: "matches", 3: "unchecked", 10: "differs", 11: "differs" };
const MARKS = { matches: "✓", unchecked: "?", differs: "✗", information: "i" };
const OUTCOMES = {
  matches: ["O-MATCHES", "matches"],
  "does not match": ["O-DIFFERS", "differs"],
  "could not be checked": ["O-UNCHECKED", "unchecked"],
  information: ["O-INFORMATION", "information"],
};

function outcomeBadge(lang, outcome) {
  const [code, name] = OUTCOMES[outcome];
  return element(
    "span",
    { class: `badge ${name}` },
    element("span", { class: "mark", "aria-hidden": "true" }, MARKS[name]),
    ` ${sentence(lang, code)}`,
  );
}

/** A paragraph of one message. */
export function line(lang, code, fields = {}, attributes = {}) {
  return element("p", attributes, nodes(sentenceParts(lang, code, fields)));
}

/** The verdict as a box: its first sentence large, the others below. */
export function verdict(name, text) {
  const end = text.search(/[.။]/) + 1;
  return element(
    "div",
    { class: `verdict ${name}` },
    element("span", { class: "mark", "aria-hidden": "true" }, MARKS[name]),
    element(
      "div",
      {},
      element("p", { class: "headline" }, end > 0 ? text.slice(0, end) : text),
      end > 0 && end < text.length ? element("p", {}, text.slice(end).trim()) : null,
    ),
  );
}

export function reportStatus(report) {
  return judge(report);
}

/** [code of the headline, name of its look]. */
export function headlineOf(status) {
  return [HEADLINES[status], CLASSES[status]];
}

function words(text) {
  const each = String(text).split(" ").filter((word) => word !== "");
  return element(
    "ol",
    { class: "words", lang: "en" },
    each.map((word) => element("li", {}, escapeForDisplay(word))),
  );
}

function fingerprint(lang, title, facts) {
  if (!facts?.fingerprint) return null;
  return element(
    "div",
    { class: "fingerprint" },
    element("h5", {}, nodes(title)),
    facts.fingerprint_words ? words(facts.fingerprint_words) : null,
    line(lang, "P-HEX", { fingerprint: facts.fingerprint }, { class: "hex" }),
  );
}

/**
 * Whose evidence it is. With a trust file that one's words are to be compared, and the vault's own
 * fingerprint follows from it; without, the vault's is all there is.
 */
function who(lang, report) {
  const { facts } = report;
  if (!facts.fingerprint && !facts.trust) return null;
  const open = report.steps.some((step) =>
    step.findings.some((finding) => finding.code === "W-NO-TRUST"),
  );
  const vault = fingerprint(lang, sentenceParts(lang, "P-VAULT-FINGERPRINT"), facts);
  return element(
    "section",
    { class: "who" },
    element("h4", {}, sentence(lang, "P-WHO")),
    open ? line(lang, "P-TRUST-NONE", {}, { class: "notice" }) : null,
    facts.trust ? fingerprint(lang, sentenceParts(lang, "P-WHO-TRUST", facts.trust), facts.trust) : vault,
    line(lang, "P-READ-ALOUD"),
    facts.trust && vault !== null
      ? element("details", {}, element("summary", {}, sentence(lang, "P-VAULT-FINGERPRINT")), vault)
      : null,
  );
}

function about(lang, facts) {
  const lines = [];
  if (Array.isArray(facts.subject)) {
    lines.push(line(lang, "H-SUBJECT", { subject: facts.subject.join(" ") }));
  }
  if (facts.bundle_id) lines.push(line(lang, "H-BUNDLE", facts));
  if (facts.origin) lines.push(line(lang, "H-ORIGIN", facts));
  return lines;
}

/** What a finding says. A code that the catalogue lacks is shown with its fields, as it is. */
function findingParts(lang, finding) {
  const { code, details = {} } = finding;
  if (isKnown(code)) return nodes(sentenceParts(lang, code, details));
  return Object.keys(details).length > 0
    ? [value(escapeForDisplay(canonicalText(details)))]
    : [value(escapeForDisplay(code))];
}

function findingItem(lang, finding, stepName) {
  const subject = escapeForDisplay(finding.subject ?? "");
  return element(
    "li",
    { class: "finding" },
    finding.outcome === stepName ? null : [outcomeBadge(lang, outcomeWord(finding)), " "],
    subject === "" ? null : [value(subject), ": "],
    findingParts(lang, finding),
    " ",
    element("span", { class: "code", lang: "en" }, `(${escapeForDisplay(finding.code)})`),
  );
}

function outcomeWord(finding) {
  return OUTCOMES[finding.outcome] ? finding.outcome : "could not be checked";
}

/** The findings with at most MAX_SHOWN of each code, then how many more there are. */
function findingList(lang, findings, stepName) {
  const counts = new Map();
  const items = [];
  for (const finding of findings) {
    const count = (counts.get(finding.code) ?? 0) + 1;
    counts.set(finding.code, count);
    if (count <= MAX_SHOWN) items.push(findingItem(lang, finding, stepName));
  }
  for (const [code, count] of counts) {
    if (count <= MAX_SHOWN) continue;
    const rest = findings.filter((finding) => finding.code === code).slice(MAX_SHOWN);
    items.push(moreItem(lang, rest, stepName));
  }
  return element("ul", { class: "findings" }, items);
}

function moreItem(lang, rest, stepName) {
  const open = () => item.replaceWith(...rest.map((finding) => findingItem(lang, finding, stepName)));
  const item = element(
    "li",
    {},
    nodes(sentenceParts(lang, "H-MORE", { count: rest.length })),
    " ",
    element("button", { type: "button", class: "small", onclick: open }, sentence(lang, "P-SHOW-MORE")),
  );
  return item;
}

/** The bare values of a step's findings, for an expert. */
function technical(lang, findings) {
  const rows = findings.slice(0, MAX_SHOWN).map((finding) => {
    const parts = [finding.code, finding.clause, finding.subject, canonicalText(finding.details ?? {})];
    const shown = parts.filter(Boolean).map((part) => value(escapeForDisplay(part)));
    return element("li", {}, shown.flatMap((part, i) => (i === 0 ? [part] : [" · ", part])));
  });
  return element(
    "details",
    { class: "technical" },
    element("summary", {}, sentence(lang, "P-TECHNICAL")),
    element("ul", { lang: "en" }, rows),
  );
}

function stepTitle(lang, step) {
  return isKnown(step.code) ? sentence(lang, step.code) : escapeForDisplay(step.code);
}

/** Which steps keep the verdict from being "matches", each leading to its place below. */
function reasons(lang, report, id) {
  const loud = report.steps.filter((step) => {
    const outcome = stepOutcome(step);
    return outcome === "does not match" || outcome === "could not be checked";
  });
  if (loud.length === 0) return null;
  return element(
    "ul",
    { class: "reasons" },
    loud.map((step) =>
      element(
        "li",
        {},
        outcomeBadge(lang, stepOutcome(step)),
        " ",
        element("a", { href: `#${id}-step-${step.number}` }, `${step.number}. ${stepTitle(lang, step)}`),
      ),
    ),
  );
}

function stepItem(lang, step, id) {
  const outcome = stepOutcome(step);
  const quiet = (finding) => ["matches", "information"].includes(finding.outcome);
  const loud = step.findings.filter((finding) => !quiet(finding));
  const calm = step.findings.filter(quiet);
  const title = stepTitle(lang, step);
  return element(
    "li",
    { class: "step", id: `${id}-step-${step.number}`, value: String(step.number) },
    element("p", { class: "step-title" }, outcomeBadge(lang, outcome), " ", title),
    loud.length > 0 ? findingList(lang, loud, outcome) : null,
    step.findings.length > 0
      ? element(
          "details",
          {},
          element(
            "summary",
            { "aria-label": `${sentence(lang, "P-SHOW-FINDINGS")}: ${title}` },
            sentence(lang, "P-SHOW-FINDINGS"),
          ),
          calm.length > 0 ? findingList(lang, calm, outcome) : null,
          technical(lang, step.findings),
        )
      : null,
  );
}

function revealedValue(lang, held) {
  const text = typeof held === "string" ? held : canonicalText(held);
  const safe = escapeForDisplay(text);
  if (text.length <= MAX_VALUE) return value(safe);
  const cut = [...text].slice(0, MAX_VALUE).join("");
  return [
    value(`${escapeForDisplay(cut)} …`),
    element(
      "details",
      {},
      element("summary", {}, sentence(lang, "P-WHOLE-VALUE", { count: text.length })),
      value(safe),
    ),
  ];
}

function eventItem(lang, event) {
  const edges = [["not_before", "H-NOT-BEFORE"], ["not_after", "H-NOT-AFTER"]]
    .filter(([edge]) => event[edge])
    .map(([edge, code]) => line(lang, code, event[edge], { class: "edge" }));
  const revealed = Object.entries(event.revealed ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return element(
    "li",
    { class: "event" },
    line(lang, "H-EVENT", event),
    edges,
    event.gap_seconds === null || event.gap_seconds === undefined
      ? null
      : line(lang, "H-GAP", { gap: span(event.gap_seconds) }, { class: "edge" }),
    revealed.length > 0 ? line(lang, "P-REVEALED", {}, { class: "edge" }) : null,
    revealed.length > 0
      ? element(
          "dl",
          { class: "revealed" },
          revealed.map(([name, held]) => [
            element("dt", {}, value(escapeForDisplay(name))),
            element("dd", {}, revealedValue(lang, held)),
          ]),
        )
      : null,
  );
}

function events(lang, list) {
  if (!list || list.length === 0) return null;
  const more = list.length - MAX_EVENTS;
  return element(
    "section",
    { class: "events" },
    element("h4", {}, sentence(lang, "H-EVENTS")),
    line(lang, "P-EVENTS-BRACKETS"),
    element("ul", {}, list.slice(0, MAX_EVENTS).map((event) => eventItem(lang, event))),
    more > 0 ? line(lang, "H-MORE", { count: more }) : null,
  );
}

function notes(lang, list) {
  const codes = (list ?? []).map((note) => (typeof note === "string" ? note : note.code));
  return element(
    "section",
    { class: "notes" },
    element("h4", {}, sentence(lang, "H-NOTES")),
    element(
      "ul",
      {},
      codes.map((code) => element("li", {}, isKnown(code) ? sentence(lang, code) : escapeForDisplay(code))),
    ),
  );
}

/** All that a report says, as nodes; `id` begins the names of places in it. */
export function reportNodes(lang, report, id) {
  const [code, name] = headlineOf(judge(report));
  return [
    verdict(name, sentence(lang, code)),
    reasons(lang, report, id),
    about(lang, report.facts),
    who(lang, report),
    element("h4", {}, sentence(lang, "P-STEPS")),
    element("ol", { class: "steps" }, report.steps.map((step) => stepItem(lang, step, id))),
    events(lang, report.events),
    notes(lang, report.notes),
  ];
}
