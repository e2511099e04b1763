/**
 * Runs a job beside the page, in a worker made from this very script; in the page itself where a
 * browser allows no worker. Either way it can be cancelled, and answers once.
 */
import { check, describe } from "./check.js";

const CANCELLED = Symbol("cancelled");
const READY_WITHIN = 20_000; // milliseconds; a browser may drop a worker without a word
const OWN_TEXT = globalThis.document?.currentScript?.textContent ?? null;

// Pages under this policy may make a worker only from an address that a named rule let through.
const RULE = globalThis.trustedTypes?.createPolicy?.("verify-worker", {
  createScriptURL: (url) => {
    if (!url.startsWith("blob:")) throw new TypeError("only the page's own script");
    return url;
  },
});

function startWorker() {
  if (OWN_TEXT === null || typeof Worker !== "function") return null;
  const url = URL.createObjectURL(new Blob([OWN_TEXT], { type: "text/javascript" }));
  try {
    return new Worker(RULE ? RULE.createScriptURL(url) : url);
  } catch {
    return null;
  } finally {
    // The worker has fetched it, or will from what it holds; the address is of no further use.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

/** Answers {report} or {error}; null from a worker that never became ready. */
function inWorker(worker, job, tell) {
  return new Promise((answer) => {
    let ready = false;
    setTimeout(() => ready || answer(null), READY_WITHIN);
    worker.onmessage = ({ data }) => {
      if (data.ready) {
        ready = true;
        worker.postMessage(job);
      } else if (data.progress) {
        tell(data.progress);
      } else {
        answer(data);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      answer(ready ? { error: describe({ message: event.message || "the worker stopped" }) } : null);
    };
  });
}

async function inPage(job, tell, guard) {
  try {
    return { report: await check(job, tell, guard) };
  } catch (error) {
    if (error === CANCELLED) return { cancelled: true };
    return { error: describe(error) };
  }
}

/**
 * Starts a job. `answer` resolves to {report}, {error: {code, name, message, hint}} or {cancelled};
 * `cancel` makes it the last at once.
 */
export function run(job, tell) {
  let stopped = false;
  let stop = () => {};
  const worker = startWorker();
  const whenStopped = new Promise((done) => {
    stop = () => {
      stopped = true;
      worker?.terminate();
      done({ cancelled: true });
    };
  });
  const listen = (progress) => {
    if (!stopped) tell(progress);
  };
  const guard = () => {
    if (stopped) throw CANCELLED;
  };
  const work = async () => {
    const told = worker === null ? null : await inWorker(worker, job, listen);
    worker?.terminate();
    return told ?? inPage(job, listen, guard);
  };
  return { answer: Promise.race([work(), whenStopped]), cancel: () => stop() };
}
