// Builds Sequentials that begin with a model in TensorFlow.js and saves them: files/saved_*.
//
//   node build_files.mjs      before record_files.mjs
import {createRequire} from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {saveTo, writeSafetensors} from './record_io.mjs';

console.warn = () => {};
const tf = createRequire(import.meta.url)('@tensorflow/tfjs');
const FILES = path.join(path.dirname(fileURLToPath(import.meta.url)), 'files');

let state = 20240117;
/** Multiples of 1/32 between -1 and 1. */
function numbers(n) {
  return Float32Array.from({length: n}, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 16) % 65 - 32) / 32;
  });
}

const dense = (units, more = {}) => tf.layers.dense({units, ...more});
const first = () => tf.sequential({layers: [dense(4, {inputShape: [3], activation: 'tanh', name: 'one'}), dense(3, {name: 'two'})]});

function functional(name = 'image') {
  const x = tf.input({shape: [3], name});
  return tf.model({inputs: x, outputs: dense(4, {name: 'fc', activation: 'relu'}).apply(x)});
}

const MODELS = {
  functional: ['a Functional first', () => tf.sequential({layers: [functional(), dense(2, {name: 'head'})]})],
  sequential: ['a Sequential first', () => tf.sequential({layers: [first(), dense(2, {name: 'head'})]})],
  sequential_deep: ['three Sequentials deep', () => tf.sequential({layers: [
    tf.sequential({layers: [first(), dense(3, {name: 'middle'})]}), dense(2, {name: 'head'})]})],
  functional_deep: ['a Functional two Sequentials deep', () => tf.sequential({layers: [
    tf.sequential({layers: [functional('pixels'), dense(3, {name: 'middle'})]}), dense(2, {name: 'head'})]})],
  input_layer: ['an InputLayer first', () => tf.sequential({layers: [
    tf.layers.inputLayer({inputShape: [3], name: 'given'}), dense(2, {name: 'head'})]})],
  two_models: ['two models in a row', () => tf.sequential({layers: [
    functional('a'), tf.sequential({layers: [dense(2, {inputShape: [4], name: 's1'})]}), dense(1, {name: 'head'})]})],
  wrapped: ['TimeDistributed first', () => tf.sequential({layers: [
    tf.layers.timeDistributed({layer: dense(2, {name: 'inner'}), inputShape: [2, 3], name: 'td'}), tf.layers.flatten()]})],
};

await tf.setBackend('cpu');
await tf.ready();
for (const [key, [about, build]] of Object.entries(MODELS)) {
  const name = `saved_${key}`, dir = path.join(FILES, name);
  fs.rmSync(dir, {recursive: true, force: true});
  fs.mkdirSync(dir, {recursive: true});
  const model = build();
  model.setWeights(model.getWeights().map(w => tf.tensor(numbers(w.size), w.shape)));
  await saveTo(tf, model, dir, 'weights.bin');
  const shape = [2, ...(key === 'wrapped' ? [2, 3] : [3])];
  writeSafetensors(path.join(dir, 'input.safetensors'), {
    [model.inputs[0].sourceLayer.name]: {dtype: 'float32', shape, data: numbers(shape.reduce((a, b) => a * b))}});
  fs.writeFileSync(path.join(dir, 'case.json'), JSON.stringify({
    name, kind: 'input_names', about, keras: null, format: 'tfjs', tfjs: null, expect: 'answer', input_names_keras: null,
    input_name_tfjs: model.inputs[0].sourceLayer.name}) + '\n');
}
