/** The worker's side: one job, its progress, its report or its error. */
import { check, describe } from "./check.js";

export function serve() {
  self.onmessage = async ({ data }) => {
    try {
      const report = await check(data, (progress) => self.postMessage({ progress }));
      self.postMessage({ report });
    } catch (error) {
      self.postMessage({ error: describe(error) });
    }
  };
  self.postMessage({ ready: true });
}
