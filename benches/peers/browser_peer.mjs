// TensorFlow.js in headless Chromium as a child of compare.py:
//
//   node browser_peer.mjs webgl|webgl-sync|webgpu|wasm MODEL WORK [--round MS] [--profile FOLDER]
//
// Answers every batch size read from stdin with one JSON line about one round of warm predictions, as
// benches/predict.rs does with --rounds-from-stdin. A prediction goes from arrays to arrays: tf.tensor, predictOnBatch
// (which spares TensorFlow.js the slices of 32 rows that predict makes), await data(); webgl-sync reads by dataSync(),
// which is faster but stops the page. Model and inputs are in the page's memory before any clock starts. WebGL and
// WebGPU run on SwiftShader, wasm on one thread with SIMD.
//
// CHROMIUM names the browser (/usr/bin/chromium). Packages are found in node_modules beside this file, or through
// NODE_PATH.
import {createRequire} from 'node:module';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const say = line => console.log(JSON.stringify(line));
const [engine, model, work, ...options] = process.argv.slice(2);
const [backend, sync] = engine.split('-');
const option = (name, otherwise) => options.includes(name) ? options[options.indexOf(name) + 1] : otherwise;

const require = createRequire(import.meta.url);
function found(name) {
  try {
    return path.dirname(require.resolve(`${name}/package.json`));
  } catch {
    say({missing: `${name} is not installed (npm install)`});
    process.exit(0);
  }
}

// ---- what the page fetches ------------------------------------------------------------------

const ROOTS = {
  tfjs: path.join(found('@tensorflow/tfjs'), 'dist'),
  wasm: path.join(found('@tensorflow/tfjs-backend-wasm'), 'dist'),
  webgpu: path.join(found('@tensorflow/tfjs-backend-webgpu'), 'dist'),
  model: fs.statSync(model).isDirectory() ? model : path.dirname(model),
  inputs: path.join(work, 'inputs'),
};
const {chromium} = require(found('playwright-core'));
const TYPES = {'.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json'};
const PAGE = `<!doctype html><meta charset="utf-8"><script src="/tfjs/tf.min.js"></script>
<script src="/wasm/tf-backend-wasm.min.js"></script><script src="/webgpu/tf-backend-webgpu.min.js"></script>`;

const server = http.createServer((request, response) => {
  // Isolated from other origins, a page gets a clock of 5 µs.
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  const [, root, ...rest] = decodeURIComponent(request.url).split('/');
  if (!root) return response.setHeader('Content-Type', 'text/html').end(PAGE);
  const file = ROOTS[root] && path.join(ROOTS[root], path.normalize('/' + rest.join('/')));
  if (!file || !fs.existsSync(file)) return response.writeHead(404).end();
  response.setHeader('Content-Type', TYPES[path.extname(file)] || 'application/octet-stream');
  response.end(fs.readFileSync(file));
});
await new Promise(done => server.listen(0, '127.0.0.1', done));

// ---- what runs in the page ------------------------------------------------------------------

/** Starts the backend and loads the model; nothing is predicted. */
async function open({backend, modelFile}) {
  const bytes = async url => (await fetch(url)).arrayBuffer();
  const json = await (await fetch(`/model/${modelFile}`)).json();
  const paths = json.weightsManifest.flatMap(group => group.paths);
  const weightData = await new Blob(await Promise.all(paths.map(each => bytes(`/model/${each}`)))).arrayBuffer();
  const weightSpecs = json.weightsManifest.flatMap(group => group.weights);
  const artifacts = {modelTopology: json.modelTopology, format: json.format, weightSpecs, weightData};
  tf.enableProdMode();
  if (backend === 'wasm') {
    tf.wasm.setWasmPaths('/wasm/');
    tf.wasm.setThreadsCount(1);
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  }
  const start = performance.now();
  if (!await tf.setBackend(backend)) throw new Error(`backend ${backend} does not start`);
  await tf.ready();
  const ready = performance.now();
  window.model = await tf.loadLayersModel({load: async () => artifacts});
  const loaded = performance.now();
  let device = `simd ${await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT').catch(() => 'unknown')}, 1 thread`;
  if (backend === 'webgl') {
    const gl = document.createElement('canvas').getContext('webgl2');
    device = gl.getParameter(gl.getExtension('WEBGL_debug_renderer_info').UNMASKED_RENDERER_WEBGL);
  } else if (backend === 'webgpu') {
    const {vendor, architecture, description} = (await navigator.gpu.requestAdapter()).info;
    device = [vendor, architecture, description].filter(Boolean).join(' ');
  }
  window.rounds = {};
  return {engine: `TF.js ${tf.version.tfjs} ${tf.getBackend()} (${device})`,
    open_ns: (ready - start) * 1e6, load_ns: (loaded - ready) * 1e6};
}

/** One round of warm predictions; the first of a batch size tells what its first prediction took. */
async function round({batch, milliseconds, sync}) {
  const readInputs = async () => {
    const file = await (await fetch(`/inputs/${batch}.safetensors`)).arrayBuffer();
    const length = Number(new DataView(file).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
    return window.model.inputs.map(({name}) => {
      const {dtype, shape, data_offsets: [begin, end]} = header[name.split(':')[0]];
      const raw = file.slice(8 + length + begin, 8 + length + end);
      return dtype === 'F32' ? [new Float32Array(raw), shape, 'float32'] : [new Int32Array(raw), shape, 'int32'];
    });
  };
  const predict = async inputs => {
    const tensors = inputs.map(([data, shape, dtype]) => tf.tensor(data, shape, dtype));
    const result = window.model.predictOnBatch(tensors.length === 1 ? tensors[0] : tensors);
    const outputs = Array.isArray(result) ? result : [result];
    const answers = sync ? outputs.map(output => output.dataSync())
      : await Promise.all(outputs.map(output => output.data()));
    tf.dispose([tensors, outputs]);
    return answers[0];
  };
  const line = {batch};
  if (!window.rounds[batch]) {
    const inputs = window.rounds[batch] = await readInputs();
    const start = performance.now();
    const answer = await predict(inputs);
    line.first_ns = (performance.now() - start) * 1e6;
    line.sample = Array.from({length: 8}, (_, eighth) => answer[Math.floor(eighth * answer.length / 8)]);
  }
  const runs = [];
  for (const end = performance.now() + milliseconds; runs.length < 5 || performance.now() < end;) {
    const start = performance.now();
    await predict(window.rounds[batch]);
    runs.push((performance.now() - start) * 1e6);
  }
  runs.sort((a, b) => a - b);
  const quantile = part => runs[Math.round((runs.length - 1) * part)];
  return {...line, runs: runs.length, median_ns: quantile(0.5), min_ns: runs[0], p90_ns: quantile(0.9)};
}

// ---- the child ------------------------------------------------------------------------------

const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
if (!fs.existsSync(executablePath)) {
  say({missing: `no browser at ${executablePath} (CHROMIUM names another)`});
  process.exit(0);
}
const profile = option('--profile') || fs.mkdtempSync(path.join(os.tmpdir(), 'browser-peer-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath, headless: true,
  args: ['--no-sandbox', '--enable-unsafe-swiftshader', '--use-angle=swiftshader', '--ignore-gpu-blocklist',
    '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
});
try {
  const page = context.pages()[0] || await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const modelFile = fs.statSync(model).isDirectory() ? 'model.json' : path.basename(model);
  say(await page.evaluate(open, {backend, modelFile}).catch(error => ({missing: error.message.split('\n')[0]})));
  const milliseconds = Number(option('--round', '500'));
  for await (const batch of readline.createInterface({input: process.stdin})) {
    say(await page.evaluate(round, {batch: Number(batch), milliseconds, sync}));
  }
} finally {
  await context.close();
  server.close();
  if (!option('--profile')) fs.rmSync(profile, {recursive: true, force: true});
}
