// Records what TensorFlow.js (pure JavaScript cpu backend) answers to the models in files/:
//
//   node record_files.mjs [NAME...]   files/*/tfjs.safetensors and the "tfjs" of case.json
//
// A worker does the work, since some files make TensorFlow.js load forever.
import {createRequire} from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {Worker, isMainThread, parentPort} from 'node:worker_threads';
import {firstLine, readArtifacts, readSafetensors, writeSafetensors} from './record_io.mjs';

const FILES = path.join(path.dirname(fileURLToPath(import.meta.url)), 'files');
const PATIENCE = 20000;  // ms

/** The inputs in the order in which the model takes them; a single one whatever its name. */
function feeds(tf, model, inputs) {
  const tensor = ({dtype, shape, data}) => tf.tensor(data, shape, dtype);
  const given = Object.values(inputs);
  if (given.length === 1) return tensor(given[0]);
  return model.inputNames.map(name => {
    if (!inputs[name]) throw new Error(`recorder: no input ${name}`);
    return tensor(inputs[name]);
  });
}

async function run(tf, name) {
  const dir = path.join(FILES, name);
  const file = path.join(dir, 'tfjs.safetensors');
  fs.rmSync(file, {force: true});
  try {
    const artifacts = readArtifacts(dir);
    const model = await tf.loadLayersModel({load: async () => artifacts});
    const result = model.predict(feeds(tf, model, readSafetensors(path.join(dir, 'input.safetensors'))));
    const out = {};
    (Array.isArray(result) ? result : [result]).forEach((t, i) => {
      out[i] = {dtype: 'float32', shape: t.shape, data: Float32Array.from(t.dataSync())};
    });
    if (Object.values(out).some(({data}) => !data.every(Number.isFinite))) throw new Error('recorder: not finite');
    writeSafetensors(file, out);
    return {tfjs: 'ok', names: model.inputNames};
  } catch (error) {
    return {tfjs: firstLine(error).slice(0, 300)};
  } finally {
    tf.disposeVariables();
  }
}

function start() {
  return new Worker(fileURLToPath(import.meta.url));
}

/** The worker's word on one model, or none in time. */
function ask(worker, name) {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(null), PATIENCE);
    worker.once('message', reply => { clearTimeout(timer); resolve(reply); });
    worker.postMessage(name);
  });
}

if (isMainThread) {
  const only = process.argv.slice(2);
  let worker = start();
  const counts = {};
  for (const name of only.length ? only : fs.readdirSync(FILES).sort()) {
    const file = path.join(FILES, name, 'case.json');
    const info = JSON.parse(fs.readFileSync(file));
    let reply = await ask(worker, name);
    if (!reply) {
      await worker.terminate();
      worker = start();
      reply = {tfjs: 'recorder: loading never ends'};
    }
    info.tfjs = reply.tfjs;
    if ('input_name_tfjs' in info) info.input_name_tfjs = reply.names ? reply.names[0] : null;
    if (info.tfjs === 'ok' && info.expect === 'answer' && fs.existsSync(path.join(FILES, name, 'keras.safetensors'))) {
      const keras = readSafetensors(path.join(FILES, name, 'keras.safetensors'));
      const tfjs = readSafetensors(path.join(FILES, name, 'tfjs.safetensors'));
      info.tfjs_equals_keras = equal(keras, tfjs);
    }
    fs.writeFileSync(file, JSON.stringify(info) + '\n');
    counts[info.kind] ??= {};
    const word = info.tfjs === 'ok' ? info.tfjs_equals_keras === false ? 'differs' : 'ok' : 'refuses';
    counts[info.kind][word] = (counts[info.kind][word] || 0) + 1;
    console.log(`${name}: ${info.tfjs} ${info.tfjs_equals_keras ?? ''}`);
  }
  console.log(counts);
  process.exit(0);
}

/** Whether all outputs agree to 1e-5 of their largest magnitude. */
function equal(a, b) {
  return Object.keys(a).length === Object.keys(b).length && Object.keys(a).every(n => {
    if (!b[n] || String(a[n].shape) !== String(b[n].shape)) return false;
    const largest = a[n].data.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30);
    return a[n].data.every((v, i) => Math.abs(v - b[n].data[i]) <= 1e-5 * largest);
  });
}

console.warn = () => {};
const tf = createRequire(import.meta.url)('@tensorflow/tfjs');
await tf.setBackend('cpu');
await tf.ready();
parentPort.on('message', async name => parentPort.postMessage(await run(tf, name)));
