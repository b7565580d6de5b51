// Records what TensorFlow.js answers (pure JavaScript cpu backend):
//
//   node record_tfjs.mjs models [NAME...]   models/*/tfjs.safetensors and models.json
//   node record_tfjs.mjs cases [CLASS...]   the "tfjs" field of every case in cases/*.json
//
// @tensorflow/tfjs is found in node_modules beside this file, or through NODE_PATH.
import {createRequire} from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {firstLine, readArtifacts, readSafetensors, writeSafetensors} from './record_io.mjs';

const require = createRequire(import.meta.url);
console.warn = () => {};  // "Hi there. Looks like you are running TensorFlow.js in Node.js…"
const tf = require('@tensorflow/tfjs');
const HERE = path.dirname(fileURLToPath(import.meta.url));
const TOLERANCE = 1e-5;

// ---- running one model ---------------------------------------------------------------------

/** Whether a call takes lists of tensors, as Keras 2 writes those of stacked cells' states. */
const nestsTensors = topology => topology.model_config.config.layers.some(
  layer => layer.inbound_nodes.some(call => call.some(argument => Array.isArray(argument[0]))));

/** Loads the model and predicts; throws what TensorFlow.js throws. */
async function answer(artifacts, inputs) {
  if (nestsTensors(artifacts.modelTopology)) {
    // It takes the list for the name of a layer that is yet to come.
    throw new Error('recorder: loading never ends where a call takes a list of tensors');
  }
  const model = await tf.loadLayersModel({load: async () => artifacts});
  const tensor = ({dtype, shape, data}) => tf.tensor(data, shape, dtype);
  // A Sequential has no inputNames before its first predict.
  const inputNames = model.inputNames && model.inputNames.length ? model.inputNames
    : Object.keys(inputs);
  if (inputNames.length !== Object.keys(inputs).length) {
    throw new Error(`recorder: inputs ${inputNames} against ${Object.keys(inputs)}`);
  }
  const feeds = inputNames.map(name => {
    if (!inputs[name]) throw new Error(`recorder: no input ${name}`);
    return tensor(inputs[name]);
  });
  const result = model.predict(feeds.length === 1 ? feeds[0] : feeds);
  const results = Array.isArray(result) ? result : [result];
  const outputNames = model.outputNames && model.outputNames.length ? model.outputNames
    : [model.layers[model.layers.length - 1].name];
  const out = {};
  for (let i = 0; i < results.length; i++) {
    const t = results[i];
    out[outputNames[i]] = {dtype: 'float32', shape: t.shape, data: Float32Array.from(t.dataSync())};
  }
  tf.disposeVariables();
  return out;
}

/** Largest |a - b| over the largest |b| (NaN counts as infinitely far); null if shapes differ. */
function relativeDifference(a, b) {
  let diff = 0, max = 0;
  for (const name of Object.keys(b)) {
    if (!a[name] || String(a[name].shape) !== String(b[name].shape)) return null;
    let d = 0, m = 0;
    for (let i = 0; i < b[name].data.length; i++) {
      const e = Math.abs(a[name].data[i] - b[name].data[i]);
      d = Math.max(d, Number.isNaN(e) ? Infinity : e);
      m = Math.max(m, Math.abs(b[name].data[i]));
    }
    if (d > 0) { diff = Math.max(diff, d / (m || 1e-30)); max = Math.max(max, m); }
  }
  return diff;
}

// ---- whole models --------------------------------------------------------------------------

/** Loads a model and writes what model.save() makes of it, with the file names of an HTTP save. */
async function saveAgain(from, to) {
  const model = await tf.loadLayersModel({load: async () => readArtifacts(from)});
  await model.save(tf.io.withSaveHandler(async artifacts => {
    fs.writeFileSync(path.join(to, 'model.weights.bin'), Buffer.from(artifacts.weightData));
    fs.writeFileSync(path.join(to, 'model.json'), JSON.stringify({
      modelTopology: artifacts.modelTopology, format: artifacts.format,
      generatedBy: artifacts.generatedBy, convertedBy: artifacts.convertedBy,
      weightsManifest: [{paths: ['./model.weights.bin'], weights: artifacts.weightSpecs}],
    }));
    return {modelArtifactsInfo: {dateSaved: new Date(0), modelTopologyType: 'JSON'}};
  }));
  tf.disposeVariables();
}

async function recordModels(only) {
  const indexFile = path.join(HERE, 'models.json');
  const index = JSON.parse(fs.readFileSync(indexFile));
  for (const entry of index) {
    if (only.length && !only.includes(entry.name)) continue;
    const dir = path.join(HERE, 'models', entry.name);
    if (entry.saved_by_tfjs_from) {
      await saveAgain(path.join(HERE, 'models', entry.saved_by_tfjs_from), dir);
    }
    const artifacts = readArtifacts(dir);
    const tfjsFile = path.join(dir, 'tfjs.safetensors');
    fs.rmSync(tfjsFile, {force: true});
    try {
      const out = await answer(artifacts, readSafetensors(path.join(dir, 'input.safetensors')));
      writeSafetensors(tfjsFile, out);
      const keras = readSafetensors(path.join(dir, 'keras.safetensors'));
      const d = relativeDifference(out, keras);
      entry.tfjs = 'ok';
      entry.tfjs_equals_keras = d !== null && d <= TOLERANCE;
      entry.tfjs_relative_difference = d === null ? null : Number(d.toPrecision(3));
    } catch (error) {
      entry.tfjs = firstLine(error);
      entry.tfjs_equals_keras = null;
      entry.tfjs_relative_difference = null;
      tf.disposeVariables();
    }
    console.log(`${entry.name}: ${entry.tfjs} ${entry.tfjs_relative_difference}`);
  }
  const line = e => JSON.stringify(e);
  fs.writeFileSync(indexFile, `[\n${index.map(line).join(',\n')}\n]\n`);
}

// ---- layer cases ---------------------------------------------------------------------------

/** The shortest decimal that reads back as the same float32; null for NaN and infinities. */
function number(x) {
  if (!Number.isFinite(x)) return null;
  for (let p = 6; p < 9; p++) {
    const v = Number(x.toPrecision(p));
    if (Math.fround(v) === x) return v;
  }
  return Number(x.toPrecision(9));
}

async function recordCases(only) {
  const dir = path.join(HERE, 'cases');
  for (const file of fs.readdirSync(dir).sort()) {
    if (!file.endsWith('.json')) continue;
    if (only.length && !only.includes(file.slice(0, -5))) continue;
    // One case per line; the lines are edited as text so that numbers keep their spelling.
    const lines = fs.readFileSync(path.join(dir, file), 'utf8').split('\n');
    const header = JSON.parse(lines[0].replace(/"cases":\[$/, '"cases":[]}'));
    if (header.versions.tfjs !== tf.version.tfjs) {
      throw new Error(`TensorFlow.js ${tf.version.tfjs}, not ${header.versions.tfjs}`);
    }
    for (let i = 1; i < lines.length; i++) {
      if (!lines[i].startsWith('{')) continue;
      const comma = lines[i].endsWith(',') ? ',' : '';
      const one = JSON.parse(comma ? lines[i].slice(0, -1) : lines[i]);
      const data = new Float32Array(one.weights.flatMap(w => w.data));
      const artifacts = {
        modelTopology: one.topology, format: 'layers-model', weightData: data.buffer,
        weightSpecs: one.weights.map(({name, shape}) => ({name, shape, dtype: 'float32'})),
      };
      let tfjs, verdict;
      try {
        const out = await answer(artifacts, one.inputs);
        const d = relativeDifference(out, one.keras);
        verdict = d === null ? 'other shape' : d <= TOLERANCE ? '' : `differs ${d.toPrecision(3)}`;
        tfjs = {};
        for (const [name, {shape, data}] of Object.entries(out)) {
          tfjs[name] = {shape, data: Array.from(data, number)};
        }
      } catch (error) {
        tfjs = {error: firstLine(error).slice(0, 300)};
        verdict = `error: ${tfjs.error}`;
        tf.disposeVariables();
      }
      if (verdict) console.log(`${file.slice(0, -5)} / ${one.name}: ${verdict}`);
      const cut = lines[i].indexOf(',"tfjs":');
      const body = cut >= 0 ? lines[i].slice(0, cut) : lines[i].slice(0, lines[i].lastIndexOf('}'));
      lines[i] = `${body},"tfjs":${JSON.stringify(tfjs)}}${comma}`;
    }
    fs.writeFileSync(path.join(dir, file), lines.join('\n'));
  }
}

await tf.setBackend('cpu');
await tf.ready();
const [what, ...only] = process.argv.slice(2);
if (what === 'models') await recordModels(only);
else if (what === 'cases') await recordCases(only);
else { console.error('usage: node record_tfjs.mjs models|cases [NAME...]'); process.exit(2); }
