/** The page's side of the worker: requests with progress, and cancelling. */

export class Cancelled extends Error {}

export class Engine {
  constructor() {
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.count = 0;
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = () => {
      for (const { reject } of this.waiting.values()) reject(new Error("The page's worker failed. Reload the page."));
      this.waiting.clear();
    };
  }

  receive({ id, progress, result, error, cancelled }) {
    const request = this.waiting.get(id);
    if (!request) return;
    if (progress) {
      request.progress(progress.text, progress.share);
      return;
    }
    this.waiting.delete(id);
    if (cancelled) request.reject(new Cancelled());
    else if (error !== undefined) request.reject(new Error(error));
    else request.resolve(result);
  }

  /**
   * @param {object} message {op, ...}
   * @param {(text: string, share: number | null) => void} progress
   * @returns {Promise<any> & {cancel: () => void}}
   */
  ask(message, progress = () => {}, transferred = []) {
    const id = ++this.count;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, progress }));
    this.worker.postMessage({ ...message, id }, transferred);
    return Object.assign(answer, { cancel: () => this.worker.postMessage({ op: "cancel", of: id }) });
  }
}
