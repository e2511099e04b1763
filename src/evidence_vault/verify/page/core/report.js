/**
 * What a check found: findings under numbered steps, and the report they make. It has the shape of
 * `evidence-vault verify --json` (schemas/cli/verify.json) without the sentences.
 */

export const MATCHES = "matches";
export const DIFFERS = "does not match";
export const UNCHECKED = "could not be checked";
export const INFORMATION = "information";

const GRAVITY = [DIFFERS, UNCHECKED, MATCHES, INFORMATION];
// A fork, rollback or truncation of a log: exit status 11, before 10.
const LOG_CODES = ["R-LOG-FORK", "W-LOG-FORK"];

/** @typedef {{[name: string]: string | number}} Details */
/** @typedef {{code: string, outcome: string, subject: string, details: Details, clause: string}} Finding */
/** @typedef {{number: number, code: string, required: boolean, outcome: string, findings: Finding[]}} Step */
/**
 * @typedef {{
 *   kind: string, outcome: string, exit_status: number, facts: {[name: string]: any},
 *   events: any[], notes: {code: string}[], steps: Step[],
 * }} Report
 */

/**
 * @param {string} outcome
 * @param {string} code
 * @param {string} subject
 * @param {Details} [details]
 * @param {string} [clause]
 * @returns {Finding}
 */
export function finding(outcome, code, subject, details = {}, clause = "") {
  return { code, outcome, subject, details, clause };
}

/** The gravest; INFORMATION when there is none. @param {string[]} outcomes */
function worst(outcomes) {
  return GRAVITY.find((each) => outcomes.includes(each)) ?? INFORMATION;
}

/** Collects findings by step. A required step without any is *could not be checked*. */
export class ReportBuilder {
  /**
   * @param {string} kind "receipt" or "bundle"
   * @param {[string, boolean][]} steps code, and whether it must match
   * @param {string[]} notes
   */
  constructor(kind, steps, notes) {
    this.kind = kind;
    /** @type {{[name: string]: any}} */
    this.facts = {};
    /** @type {any[]} */
    this.events = [];
    this._notes = notes;
    this._steps = steps;
    /** @type {Map<string, Finding[]>} */
    this._findings = new Map(steps.map(([code]) => [code, []]));
  }

  /** @param {string} step @param {Finding} found */
  add(step, found) {
    const list = this._findings.get(step);
    if (list === undefined) throw new Error(`there is no step ${step}`);
    list.push(found);
  }

  /** @param {string} step @param {string} code @param {string} [subject] @param {Details} [details] */
  match(step, code, subject = "", details = {}) {
    this.add(step, finding(MATCHES, code, subject, details));
  }

  /**
   * @param {string} step
   * @param {string} code
   * @param {string} subject
   * @param {string} [clause]
   * @param {Details} [details]
   */
  differ(step, code, subject, clause = "", details = {}) {
    this.add(step, finding(DIFFERS, code, subject, details, clause));
  }

  /**
   * @param {string} step
   * @param {string} code
   * @param {string} [subject]
   * @param {string} [clause]
   * @param {Details} [details]
   */
  unchecked(step, code, subject = "", clause = "", details = {}) {
    this.add(step, finding(UNCHECKED, code, subject, details, clause));
  }

  /** @param {string} step @param {string} code @param {string} [subject] @param {Details} [details] */
  inform(step, code, subject = "", details = {}) {
    this.add(step, finding(INFORMATION, code, subject, details));
  }

  /** True when a step has a finding that is wrong or could not be checked. @param {string} step */
  failed(step) {
    const list = this._findings.get(step) ?? [];
    return list.some((each) => each.outcome === DIFFERS || each.outcome === UNCHECKED);
  }

  /** @returns {Report} */
  build() {
    const steps = this._steps.map(([code, required], i) => {
      const findings = [...(this._findings.get(code) ?? [])];
      if (required && worst(findings.map((f) => f.outcome)) === INFORMATION) {
        findings.push(finding(UNCHECKED, "V-NOT-REACHED", ""));
      }
      const outcome = worst(findings.map((f) => f.outcome));
      return { number: i + 1, code, required, outcome, findings };
    });
    const outcome = outcomeOf(steps);
    return {
      kind: this.kind,
      outcome,
      exit_status: exitStatus(steps, outcome),
      facts: this.facts,
      events: this.events,
      notes: this._notes.map((code) => ({ code })),
      steps,
    };
  }
}

/** MATCHES only when each required step matches. @param {Step[]} steps */
function outcomeOf(steps) {
  const outcome = worst(steps.map((step) => step.outcome));
  const unmet = steps.some((step) => step.required && step.outcome !== MATCHES);
  return outcome === MATCHES && unmet ? UNCHECKED : outcome;
}

/** @param {Step[]} steps @param {string} outcome */
function exitStatus(steps, outcome) {
  const differing = steps
    .flatMap((step) => step.findings)
    .filter((each) => each.outcome === DIFFERS)
    .map((each) => each.code);
  if (differing.some((code) => LOG_CODES.includes(code))) return 11;
  if (differing.length) return 10;
  return outcome === MATCHES ? 0 : 3;
}
