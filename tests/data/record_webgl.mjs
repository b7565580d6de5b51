// Records what TensorFlow.js's WebGL backend does for a warm predict(), in headless Chromium:
//
//   node record_webgl.mjs [NAME...]   webgl/NAME.json
//
// For each kernel that the engine runs: its name, the shapes that it takes and gives, and under it the WebGL programs
// that ran for it: class, shapes, and the number of the program's key in order of first use. A recording holds WebGL 2
// and, where that differs, WebGL 1 (which the plugin for mini-programs forces). Reading the outputs belongs to predict.
//
// @tensorflow/tfjs and playwright-core are found in node_modules beside this file, or through NODE_PATH; CHROMIUM names
// the browser (/usr/bin/chromium).
import {createRequire} from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const require = createRequire(import.meta.url);
const HERE = path.dirname(fileURLToPath(import.meta.url));
const TFJS = path.join(path.dirname(require.resolve('@tensorflow/tfjs/package.json')), 'dist/tf.es2017.js');
const {chromium} = require('playwright-core');
const SHOP_RANK = path.join(HERE, '../../examples/shop_rank');

/** The recordings: a model's directory and, where the recorded inputs have another, the batch. */
const RECORDINGS = Object.fromEntries([
  ...['wide_deep', 'deepfm_dot', 'ncf', 'dlrm', 'dlrm_26', 'dcn', 'two_tower', 'youtube_dnn', 'youtube_dnn_10k', 'din',
    'multi_io', 'batch37', 'seq_dict', 'masking_td', 'nested_shared', 'text_cnn', 'image_tower',
    'gru4rec_reset_before', 'relu_options', 'joined_ids', 'computed_mask',
    'seq_list'].map(name => [name, {dir: path.join(HERE, 'models', name)}]),
  ...[1, 32, 200].map(batch => [`shop_rank_${batch}`, {dir: SHOP_RANK, batch}]),
]);

function readModel(dir) {
  const json = JSON.parse(fs.readFileSync(path.join(dir, 'model.json')));
  const weights = Buffer.concat(json.weightsManifest.flatMap(
    group => group.paths.map(file => fs.readFileSync(path.join(dir, file)))));
  return {
    modelTopology: json.modelTopology, weightSpecs: json.weightsManifest.flatMap(group => group.weights),
    weightData: weights.toString('base64'),
  };
}

/** The recorded inputs as plain arrays; `batch` rows of them, from the start again where there are fewer. */
function readInputs(file, batch) {
  const bytes = fs.readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  const inputs = {};
  for (const [name, {dtype, shape, data_offsets: [begin, end]}] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const raw = Uint8Array.from(bytes.subarray(8 + length + begin, 8 + length + end)).buffer;
    const data = Array.from(dtype === 'F32' ? new Float32Array(raw) : new Int32Array(raw));
    const [rows, ...rest] = shape;
    const row = data.length / rows;
    const wanted = Array.from({length: (batch || rows) * row}, (_, at) => data[at % data.length]);
    inputs[name] = {dtype: dtype === 'F32' ? 'float32' : 'int32', shape: [batch || rows, ...rest], data: wanted};
  }
  return inputs;
}

/** Runs in the page: a first and a warm predict, and what each of them did. */
async function record({artifacts, inputs, version}) {
  tf.env().set('WEBGL_VERSION', version);
  if (!await tf.setBackend('webgl')) throw new Error('no WebGL');
  await tf.ready();
  const bytes = Uint8Array.from(atob(artifacts.weightData), char => char.charCodeAt(0));
  const model = await tf.loadLayersModel({load: async () => ({...artifacts, weightData: bytes.buffer})});
  const names = model.inputNames && model.inputNames.length ? model.inputNames : Object.keys(inputs);
  const predict = async () => {
    const tensors = names.map(name => {
      const {dtype, shape, data} = inputs[name];
      return tf.tensor(dtype === 'float32' ? Float32Array.from(data) : Int32Array.from(data), shape, dtype);
    });
    const result = model.predict(tensors.length === 1 ? tensors[0] : tensors);
    const outputs = Array.isArray(result) ? result : [result];
    for (const output of outputs) {
      lines.push(`read [${output.shape.join(', ')}]`);
      await output.data();
    }
    tf.dispose([tensors, outputs]);
  };

  const backend = tf.backend(), engine = tf.engine();
  const keys = new Map();
  let lines, uploads, downloads, forwarded;
  const shape = dims => `[${dims.join(', ')}]`;
  const shapes = tensors => tensors.map(each => shape(each.shape)).join(' ');
  const runKernel = engine.runKernel;
  engine.runKernel = function(name, given, attributes) {
    // A kernel is there before its programs, and knows what it gives after them.
    const at = lines.push('') - 1;
    forwarded = false;
    const result = runKernel.call(this, name, given, attributes);
    const taken = Object.values(given).flat().filter(each => each != null && each.dataId);
    const cpu = forwarded && lines.length === at + 1 ? ' on the CPU' : '';
    lines[at] = `${name} ${shapes(taken)} -> ${shapes([result].flat())}${cpu}`.replace('  ', ' ');
    return result;
  };
  const shouldExecuteOnCPU = backend.shouldExecuteOnCPU;
  backend.shouldExecuteOnCPU = function(...args) {
    const answer = shouldExecuteOnCPU.apply(this, args);
    forwarded ||= answer;
    return answer;
  };
  const getAndSaveBinary = backend.getAndSaveBinary;
  let lastKey;
  backend.getAndSaveBinary = function(key, compile) {
    lastKey = key;
    return getAndSaveBinary.call(this, key, compile);
  };
  const runWebGLProgram = backend.runWebGLProgram;
  backend.runWebGLProgram = function(program, given, ...rest) {
    const before = shapes(given);
    // What it needs of uploads, packing and unpacking runs inside the call, and before it.
    const result = runWebGLProgram.call(this, program, given, ...rest);
    if (!keys.has(lastKey)) keys.set(lastKey, keys.size);
    lines.push(`  ${program.constructor.name.replace(/Program$/, '')} ${before} -> ${shapes([result])} ` +
      `#${keys.get(lastKey)}`);
    return result;
  };
  const upload = backend.gpgpu.uploadDenseMatrixToTexture;
  backend.gpgpu.uploadDenseMatrixToTexture = function(...args) { uploads++; return upload.apply(this, args); };
  for (const name of ['downloadFloat32MatrixFromBuffer', 'downloadMatrixFromPackedTexture',
    'downloadByteEncodedFloatMatrixFromOutputTexture']) {
    const download = backend.gpgpu[name];
    backend.gpgpu[name] = function(...args) { downloads++; return download.apply(this, args); };
  }
  const counted = async () => {
    [lines, uploads, downloads] = [[], 0, 0];
    await predict();
    const programs = lines.filter(line => line.startsWith('  '));
    const kernels = lines.filter(line => !/^( |read)/.test(line));
    return {kernels: kernels.length, programs: programs.length, uploads, downloads, lines};
  };
  const first = await counted();
  const distinct = Object.keys(backend.binaryCache).length;
  await counted();
  const warm = await counted();
  // What tf.profile says of a predict must be the kernels that were just seen.
  [lines] = [[]];
  const profile = await tf.profile(async () => predict());
  const names_ = lines.filter(line => !/^( |read)/.test(line)).map(line => line.split(' ')[0]);
  // A custom gradient (fusedMatMul__op) stands there beside the kernels that it ran.
  const profiled = profile.kernels.map(kernel => kernel.name).filter(kernel => !kernel.endsWith('__op'));
  if (String(profiled) !== String(names_)) throw new Error(`tf.profile names other kernels: ${profiled}`);
  if (Object.keys(backend.binaryCache).length !== distinct) throw new Error('a warm predict compiles programs');
  const steps = warm.lines;
  delete first.lines;
  delete warm.lines;
  return {
    tfjs: tf.version.tfjs, max_texture_size: tf.env().get('WEBGL_MAX_TEXTURE_SIZE'),
    max_textures: tf.env().get('WEBGL_MAX_TEXTURES_IN_SHADER'), distinct_programs: distinct, first, warm, steps,
  };
}

/** As little text as holds a recording: lines that come again and again stand once. */
function compact({steps, ...counts}) {
  const lines = [...new Set(steps)];
  const order = steps.map(step => lines.indexOf(step));
  return `${JSON.stringify(counts).slice(0, -1)},\n"steps":${JSON.stringify(order)},\n"lines":[\n${
    lines.map(line => JSON.stringify(line)).join(',\n')}\n]}`;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--enable-unsafe-swiftshader', '--use-angle=swiftshader', '--ignore-gpu-blocklist'],
});
const only = process.argv.slice(2);
for (const name of only.length ? only : Object.keys(RECORDINGS)) {
  const {dir, batch} = RECORDINGS[name];
  const file = ['input', 'inputs'].map(stem => path.join(dir, `${stem}.safetensors`)).find(fs.existsSync);
  const given = {artifacts: readModel(dir), inputs: readInputs(file, batch)};
  const recorded = {};
  for (const version of [2, 1]) {
    const page = await browser.newPage();
    page.on('console', message => { if (message.type() === 'error') console.error(message.text()); });
    await page.addScriptTag({path: TFJS});
    try {
      recorded[`webgl${version}`] = await page.evaluate(record, {...given, version});
    } catch (error) {
      console.log(`${name} webgl${version}: ${error.message.split('\n')[0]}`);
    }
    await page.close();
  }
  const {webgl2, webgl1} = recorded;
  if (!webgl2) continue;
  const same = JSON.stringify(webgl2) === JSON.stringify(webgl1);
  const out = path.join(HERE, 'webgl', `${name}.json`);
  fs.mkdirSync(path.dirname(out), {recursive: true});
  const other = same || !webgl1 ? '' : `,\n"webgl1":${compact(webgl1)}`;
  fs.writeFileSync(out, `{"webgl2":${compact(webgl2)}${other}}\n`);
  console.log(name, JSON.stringify({...webgl2, steps: undefined}), `WebGL 1 is the same: ${same}`);
}
await browser.close();
