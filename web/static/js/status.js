/** The line at the bottom that says what the page is doing. */
import { Cancelled } from "./engine.js";

const line = document.getElementById("status");
const bar = document.getElementById("progress");
const stop = document.getElementById("cancel");
let long = null; // the cancellable job, which keeps the line while shorter ones come and go

export function say(text, error = false) {
  line.textContent = text;
  line.classList.toggle("error", error);
}

function measure(share) {
  bar.hidden = share === undefined;
  if (share === null) bar.removeAttribute("value");
  else if (share !== undefined) bar.value = share;
}

/**
 * Report a job's progress, its end and its failure. Resolves to undefined if it failed or was cancelled.
 *
 * @param {(progress: (text: string, share: number | null) => void) => Promise<any>} start
 * @param {(result: any) => string} done the line at the end
 */
export async function report(start, done, { cancellable = false } = {}) {
  const own = {};
  if (cancellable) long = own;
  const mine = () => !long || long === own;
  const job = start((text, share) => {
    if (!mine()) return;
    say(text);
    measure(share);
  });
  if (cancellable) {
    stop.hidden = false;
    stop.onclick = () => {
      job.cancel();
      say("Cancelling");
    };
  }
  try {
    const result = await job;
    if (mine()) say(done(result));
    return result;
  } catch (error) {
    if (mine()) say(error instanceof Cancelled ? "Cancelled" : error.message, !(error instanceof Cancelled));
    return undefined;
  } finally {
    if (mine()) {
      measure();
      stop.hidden = true;
      long = null;
    }
  }
}
