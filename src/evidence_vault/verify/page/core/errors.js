/**
 * What stops a check. A `Refused` says that bytes are not what they must be; a `Limit` says that
 * this verifier cannot follow them, so that nothing is claimed. A bug is neither, and is not caught.
 */

/** Evidence that is wrong. `code` tells the cause to the caller; the message is for people. */
export class Refused extends Error {
  /**
   * @param {string} message
   * @param {string} [code]
   */
  constructor(message, code = "E-FORMAT") {
    super(message);
    this.name = "Refused";
    this.code = code;
  }
}

/** Something this verifier cannot judge: reported as *could not be checked*, never as a match. */
export class Limit extends Error {
  /**
   * @param {string} code a message code, V-TOO-LARGE or V-TOO-DEEP
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = "Limit";
    this.code = code;
  }
}

/**
 * @param {unknown} condition
 * @param {string} message
 * @param {string} [code]
 */
export function expect(condition, message, code) {
  if (!condition) throw new Refused(message, code);
}

/**
 * The message of a Refused; anything else is thrown on.
 * @param {unknown} error
 * @returns {Refused}
 */
export function refused(error) {
  if (error instanceof Refused) return error;
  throw error;
}
