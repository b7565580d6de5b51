// Records what TF.js answers to input.safetensors: writes expected.tfjs.safetensors.
// Pure JavaScript, cpu backend. Where @tensorflow/tfjs lies elsewhere: NODE_PATH=<folder>/node_modules.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

console.warn = () => {}; // TF.js recommends its native bindings at start-up
const tf = createRequire(import.meta.url)('@tensorflow/tfjs');
const file = (name) => new URL(name, import.meta.url);

function readSafetensors(bytes) {
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + size).toString('utf8'));
  delete header.__metadata__;
  const views = { I32: Int32Array, F32: Float32Array };
  return Object.fromEntries(Object.entries(header).map(([name, { dtype, shape, data_offsets: [a, b] }]) => {
    const copy = Uint8Array.from(bytes.subarray(8 + size + a, 8 + size + b)); // aligned
    return [name, { dtype: dtype === 'I32' ? 'int32' : 'float32', shape, data: new views[dtype](copy.buffer) }];
  }));
}

function writeSafetensors(name, shape, data) {
  let header = JSON.stringify({ [name]: { dtype: 'F32', shape, data_offsets: [0, data.byteLength] } });
  header = header.padEnd(Math.ceil(header.length / 8) * 8);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, Buffer.from(header), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

await tf.setBackend('cpu');
const json = JSON.parse(readFileSync(file('model.json'), 'utf8'));
const shards = json.weightsManifest.flatMap((group) => group.paths).map((p) => readFileSync(file(p)));
const model = await tf.loadLayersModel(tf.io.fromMemory({
  modelTopology: json.modelTopology,
  weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
  weightData: Uint8Array.from(Buffer.concat(shards)).buffer,
}));

// What the user brings is stored once; TF.js wants it repeated for every candidate.
const given = readSafetensors(readFileSync(file('input.safetensors')));
const batch = Math.max(...Object.values(given).map((t) => t.shape[0]));
const inputs = model.inputNames.map((name) => {
  const { dtype, shape, data } = given[name];
  const t = tf.tensor(data, shape, dtype);
  return shape[0] === batch ? t : tf.tile(t, [batch, ...shape.slice(1).map(() => 1)]);
});
const score = model.predict(inputs, { batchSize: batch });
writeFileSync(file('expected.tfjs.safetensors'), writeSafetensors('score', score.shape, score.dataSync()));
console.log(`TF.js ${tf.version.tfjs}, backend ${tf.getBackend()}: ${model.inputNames.length} inputs, score ${score.shape}`);
