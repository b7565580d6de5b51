// Files of the recorders: safetensors, and a model.json with its shards.
import fs from 'node:fs';
import path from 'node:path';

export const firstLine = error => String(error && error.message || error).split('\n')[0];

export function readSafetensors(file) {
  const bytes = fs.readFileSync(file);
  const n = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + n).toString());
  const out = {};
  for (const [name, {dtype, shape, data_offsets: [a, b]}] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const raw = bytes.buffer.slice(bytes.byteOffset + 8 + n + a, bytes.byteOffset + 8 + n + b);
    if (dtype !== 'F32' && dtype !== 'I32') throw new Error(`${file}: dtype ${dtype}`);
    out[name] = {
      dtype: dtype === 'F32' ? 'float32' : 'int32', shape,
      data: dtype === 'F32' ? new Float32Array(raw) : new Int32Array(raw),
    };
  }
  return out;
}

export function writeSafetensors(file, tensors) {
  const header = {};
  const parts = [];
  let at = 0;
  for (const [name, {dtype, shape, data}] of Object.entries(tensors)) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    header[name] = {dtype: dtype === 'int32' ? 'I32' : 'F32', shape,
      data_offsets: [at, at + bytes.length]};
    at += bytes.length;
    parts.push(bytes);
  }
  let text = JSON.stringify(header);
  while (text.length % 8) text += ' ';
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  fs.writeFileSync(file, Buffer.concat([length, Buffer.from(text), ...parts]));
}

export function readArtifacts(dir) {
  const json = JSON.parse(fs.readFileSync(path.join(dir, 'model.json')));
  const weightData = Buffer.concat(json.weightsManifest.flatMap(
    group => group.paths.map(p => fs.readFileSync(path.join(dir, p)))));
  return {
    modelTopology: json.modelTopology, format: json.format,
    weightSpecs: json.weightsManifest.flatMap(group => group.weights),
    weightData: weightData.buffer.slice(
      weightData.byteOffset, weightData.byteOffset + weightData.byteLength),
  };
}
