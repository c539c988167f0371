/** Loads models, once, and calls their endpoints. Runs in the worker. */
import { UserError } from "./picture.js";

const CACHE = "tfgans-models";
const BASE = new URL("../", import.meta.url);
const THREADS = 4; // at most

const runtimes = new Map(); // "wasm" or "webgpu" -> the runtime
const sessions = new Map(); // file -> promise of {session, kind}

/** The model files that the manifest no longer names leave the cache. */
export async function tidy(manifest) {
  if (!("caches" in self)) return;
  const known = new Set(manifest.models.flatMap((model) => Object.values(model.endpoints).map((each) => key(each))));
  const cache = await caches.open(CACHE);
  for (const { url } of await cache.keys()) if (!known.has(url)) await cache.delete(url);
}

function key({ sha256 }) {
  return new URL(`models/sha256/${sha256}`, BASE).href;
}

async function sum(bytes) {
  const found = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(found), (each) => each.toString(16).padStart(2, "0")).join("");
}

/** The bytes of a model file, from the cache or the server. */
async function bytesOf(file, progress) {
  if (!crypto.subtle) throw new UserError("Models are only opened over https or at localhost.");
  const cache = "caches" in self ? await caches.open(CACHE).catch(() => null) : null;
  const stored = await cache?.match(key(file));
  if (stored) {
    const bytes = new Uint8Array(await stored.arrayBuffer());
    if ((await sum(bytes)) === file.sha256) return bytes;
    await cache.delete(key(file));
  }
  const bytes = await download(file, progress);
  if ((await sum(bytes)) !== file.sha256) {
    throw new UserError(`${file.file} is not the file of the manifest. Reload the page.`);
  }
  await cache?.put(key(file), new Response(bytes)).catch(() => {}); // a full disk costs another download
  return bytes;
}

async function download({ file, size }, progress) {
  const failed = new UserError(`${file} cannot be loaded. Check the connection and try again.`);
  const response = await fetch(new URL(file, BASE)).catch(() => null);
  if (!response?.ok) throw failed;
  const reader = response.body.getReader();
  const pieces = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw failed;
    });
    if (done) break;
    pieces.push(value);
    length += value.length;
    progress(`Loading the model: ${(length / 1e6).toFixed(1)} of ${(size / 1e6).toFixed(1)} MB`, length / size);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

async function runtime(kind) {
  if (!runtimes.has(kind)) {
    const loading = import(kind === "webgpu" ? "../ort/ort.webgpu.bundle.min.mjs" : "../ort/ort.wasm.bundle.min.mjs");
    runtimes.set(kind, loading);
    const ort = await loading;
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(THREADS, navigator.hardwareConcurrency || 1) : 1;
  }
  return runtimes.get(kind);
}

/** Start to load the runtime. */
export async function warm() {
  await runtime("wasm");
}

async function hasGpu() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter());
  } catch {
    return false;
  }
}

async function create(file, kinds, progress) {
  const bytes = await bytesOf(file, progress);
  progress("Starting the model", null);
  for (const kind of kinds) {
    try {
      const ort = await runtime(kind);
      const session = await ort.InferenceSession.create(bytes, { executionProviders: [kind], logSeverityLevel: 4 });
      return { session, ort, kind };
    } catch (error) {
      if (kind === kinds.at(-1)) throw error;
    }
  }
}

/**
 * An endpoint, opened once. Pictures go to the graphics processor where there is one; digits are too small for it.
 *
 * @param {{file: string, sha256: string, size: number, declaration: object}} endpoint
 */
async function opened(endpoint, progress, pictures) {
  if (!sessions.has(endpoint.file)) {
    const kinds = async () => (pictures && (await hasGpu()) ? ["webgpu", "wasm"] : ["wasm"]);
    const made = kinds().then((found) => create(endpoint, found, progress));
    sessions.set(endpoint.file, made);
    made.catch(() => sessions.delete(endpoint.file)); // so that another try loads it again
  }
  return sessions.get(endpoint.file);
}

/** Load the model of pictures. */
export async function prepare(endpoint, progress) {
  await opened(endpoint, progress, true);
}

const TYPES = { float32: Float32Array, int32: Int32Array, bool: Uint8Array, int64: BigInt64Array };

/**
 * Call an endpoint.
 *
 * @param {Record<string, {data: ArrayLike<number>, dims: number[]}>} inputs by name; those that the file lacks are ignored
 * @returns {Promise<Record<string, {data: Float32Array, dims: number[]}>>}
 */
export async function call(endpoint, inputs, { progress = () => {}, pictures = false } = {}) {
  const run = async () => {
    const { session, ort } = await opened(endpoint, progress, pictures);
    const feeds = {};
    for (const { name, type } of session.inputMetadata) {
      const { data, dims } = inputs[name];
      const Type = TYPES[type];
      const values = data instanceof Type ? data : Type === BigInt64Array ? Type.from(data, BigInt) : Type.from(data);
      feeds[name] = new ort.Tensor(type, values, dims);
    }
    const made = await alone(() => session.run(feeds));
    const outputs = Object.keys(endpoint.declaration.outputs);
    return Object.fromEntries(outputs.map((name) => [name, arrayOf(made[name] ?? made[`${name}_out`])]));
  };
  try {
    return await run();
  } catch (error) {
    if ((await sessions.get(endpoint.file))?.kind !== "webgpu") throw error;
    sessions.set(endpoint.file, create(endpoint, ["wasm"], progress)); // the graphics processor lacks something
    return run();
  }
}

function arrayOf({ data, dims }) {
  return { data, dims };
}

let last = Promise.resolve();

/** The runtime computes one thing at a time. */
function alone(work) {
  const made = last.then(work);
  last = made.catch(() => {});
  return made;
}

/** What computes: for the status line. */
export async function engineOf(endpoint) {
  const { kind } = (await sessions.get(endpoint.file)) ?? {};
  if (kind === "webgpu") return "WebGPU";
  return self.crossOriginIsolated ? `${Math.min(THREADS, navigator.hardwareConcurrency || 1)} threads` : "1 thread";
}
