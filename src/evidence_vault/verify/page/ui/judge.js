/**
 * The verdict over a report, reckoned from its findings again.
 *
 * The core states an exit status; the page shows the graver of that and its own reckoning, so that a
 * slip in either can't turn into "matches". The rules are those of core/findings.py.
 */
const LOG_CODES = ["R-LOG-FORK", "W-LOG-FORK"];
const GRAVITY = [11, 10, 3, 0];
const OUTCOMES = ["does not match", "could not be checked", "matches", "information"];

/** The gravest outcome of some; "information" when there are none. */
export function worst(outcomes) {
  const found = new Set(outcomes);
  // A word that is none of the four is no answer.
  for (const outcome of found) if (!OUTCOMES.includes(outcome)) found.add("could not be checked");
  return OUTCOMES.find((outcome) => found.has(outcome)) ?? "information";
}

/** The outcome of a step: of its findings and of what the core says of it. */
export function stepOutcome(step) {
  const outcomes = step.findings.map((finding) => finding.outcome);
  return worst(step.outcome === undefined ? outcomes : [...outcomes, step.outcome]);
}

function reckon(report) {
  if (!Array.isArray(report.steps) || report.steps.length === 0) return 3;
  const findings = report.steps.flatMap((step) => step.findings);
  const differing = findings.filter((finding) => finding.outcome === "does not match");
  if (differing.some((finding) => LOG_CODES.includes(finding.code))) return 11;
  const outcome = worst(report.steps.map(stepOutcome));
  if (outcome === "does not match") return 10;
  const unmet = report.steps.some((step) => step.required && stepOutcome(step) !== "matches");
  return outcome === "matches" && !unmet ? 0 : 3;
}

/** 0 matches, 3 could not be checked, 10 does not match, 11 the log contradicts itself. */
export function judge(report) {
  const stated = GRAVITY.includes(report.exit_status) ? report.exit_status : 3;
  const reckoned = reckon(report);
  return GRAVITY.find((status) => status === stated || status === reckoned);
}
