use std::path::Path;
use tfjs_wgpu::weights::Memory;
use tfjs_wgpu::*;
fn varint(b: &[u8], at: &mut usize) -> u64 {
    let mut v = 0u64;
    let mut s = 0;
    loop {
        let x = b[*at];
        *at += 1;
        v |= u64::from(x & 127) << s;
        if x < 128 {
            return v;
        }
        s += 7;
    }
}
fn put(out: &mut Vec<u8>, mut v: u64) {
    while v >= 128 {
        out.push(v as u8 | 128);
        v >>= 7;
    }
    out.push(v as u8);
}
fn fields(b: &[u8]) -> Vec<(u64, u8, std::ops::Range<usize>, u64)> {
    let mut at = 0;
    let mut r = vec![];
    while at < b.len() {
        let k = varint(b, &mut at);
        let (f, w) = (k >> 3, (k & 7) as u8);
        match w {
            0 => {
                let v = varint(b, &mut at);
                r.push((f, w, at..at, v));
            }
            1 => {
                r.push((f, w, at..at + 8, 0));
                at += 8;
            }
            2 => {
                let n = varint(b, &mut at) as usize;
                r.push((f, w, at..at + n, 0));
                at += n;
            }
            _ => {
                r.push((f, w, at..at + 4, 0));
                at += 4;
            }
        }
    }
    r
}
fn bake(model: &[u8], tensors: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![];
    for (f, w, r, v) in fields(model) {
        if f == 7 {
            let mut g = model[r].to_vec();
            for t in tensors {
                g.push(0x2a);
                put(&mut g, t.len() as u64);
                g.extend(t);
            }
            out.push(0x3a);
            put(&mut out, g.len() as u64);
            out.extend(g);
        } else {
            put(&mut out, f << 3 | u64::from(w));
            match w {
                0 => put(&mut out, v),
                2 => {
                    put(&mut out, r.len() as u64);
                    out.extend(&model[r]);
                }
                _ => out.extend(&model[r]),
            }
        }
    }
    out
}
struct Pb {
    name: String,
    ty: u64,
    dims: Vec<usize>,
    vals: Vec<f64>,
}
fn pb(b: &[u8]) -> Pb {
    let mut p = Pb { name: String::new(), ty: 0, dims: vec![], vals: vec![] };
    let mut raw: &[u8] = &[];
    for (f, w, r, v) in fields(b) {
        match (f, w) {
            (1, 0) => p.dims.push(v as usize),
            (1, _) => {
                let mut at = r.start;
                while at < r.end {
                    p.dims.push(varint(b, &mut at) as usize);
                }
            }
            (2, _) => p.ty = v,
            (8, _) => p.name = String::from_utf8_lossy(&b[r]).into(),
            (9, _) => raw = &b[r],
            (4, 2) => p.vals = b[r].chunks(4).map(|c| f64::from(f32::from_le_bytes(c.try_into().unwrap()))).collect(),
            (5 | 7, 2) => {
                let mut at = r.start;
                while at < r.end {
                    p.vals.push(varint(b, &mut at) as i64 as f64);
                }
            }
            _ => {}
        }
    }
    if !raw.is_empty() {
        p.vals = match p.ty {
            1 => raw.chunks(4).map(|c| f64::from(f32::from_le_bytes(c.try_into().unwrap()))).collect(),
            6 => raw.chunks(4).map(|c| f64::from(i32::from_le_bytes(c.try_into().unwrap()))).collect(),
            7 => raw.chunks(8).map(|c| i64::from_le_bytes(c.try_into().unwrap()) as f64).collect(),
            9 => raw.iter().map(|&c| f64::from(c)).collect(),
            _ => vec![],
        }
    }
    p
}
fn tensor(p: &Pb, dims: &[usize]) -> Result<Tensor> {
    match p.ty {
        1 => Tensor::f32(dims, p.vals.iter().map(|&v| v as f32).collect()),
        9 => Tensor::bool(dims, p.vals.iter().map(|&v| v != 0.0).collect()),
        _ => Tensor::i32(dims, p.vals.iter().map(|&v| v as i32).collect()),
    }
}
fn case(dir: &Path, all: u8) -> std::result::Result<(), String> {
    let model = std::fs::read(dir.join("model.onnx")).unwrap();
    let list = |kind: &str| -> Vec<Vec<u8>> {
        (0..40).filter_map(|k| std::fs::read(dir.join(format!("{kind}_{k}.pb"))).ok()).collect()
    };
    let (inputs, outputs) = (list("input"), list("output"));
    let first = inputs.first().cloned().unwrap_or_default();
    let (given, baked): (Vec<_>, Vec<_>) = inputs.into_iter().partition(|b| match all {
        0 => true,
        1 => pb(b).ty == 1,
        _ => pb(b).name == pb(&first).name,
    });
    let bytes = bake(&model, &baked);
    let text = |e: Error| format!("{e:?}").replace('\n', " ");
    let model = Model::from_onnx(bytes, &Memory::new(), LoadOptions::default()).map_err(text)?;
    let mut named = NamedTensors::new();
    let mut hidden = false;
    for (name, ty) in model.inputs() {
        let Some(p) = given.iter().map(|b| pb(b)).find(|p| p.name == name) else {
            return Err(format!("no input {name}"));
        };
        let mut dims = p.dims.clone();
        if dims.len() + 1 == ty.shape.rank() {
            dims.insert(0, 1);
            hidden = true;
        }
        named.insert(name, tensor(&p, &dims).map_err(text)?);
    }
    for device in [Device::Cpu] {
        let session = Session::open(&model, device).map_err(text)?;
        let got = session.predict(&named).map_err(text)?.outputs;
        for o in &outputs {
            let p = pb(o);
            let Some(t) = got.get(&p.name) else { return Err(format!("no output {}", p.name)) };
            let mut shape = t.shape().to_vec();
            if hidden || shape.len() == p.dims.len() + 1 {
                shape.remove(0);
            }
            let mut s2 = shape.clone();
            let mut d2 = p.dims.clone();
            if s2 != d2 {
                s2.sort();
                d2.sort();
                if s2.iter().product::<usize>() != d2.iter().product::<usize>() {
                    return Err(format!("{} shape {shape:?} not {:?}", p.name, p.dims));
                }
            }
            for (i, (a, b)) in t.to_f64().into_iter().zip(&p.vals).enumerate() {
                if !(a == *b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 + 1e-3 * b.abs()) {
                    return Err(format!("{}[{i}] {a} not {b} {:?}", p.name, model.graph().to_string()));
                }
            }
        }
    }
    Ok(())
}
fn models(dir: &Path) -> std::result::Result<String, String> {
    let text = |e: Error| format!("{e:?}").replace('\n', " ");
    let model = Model::load(dir, LoadOptions::default()).map_err(text)?;
    let mut files: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with("inputs_b"))
        .collect();
    files.sort();
    let mut worst = 0f64;
    for f in files {
        let read = |n: &str| tfjs_wgpu::tensor_file::read(&dir.join(n)).map_err(text);
        let (i, e) = (read(&f)?, read(&f.replace("inputs", "expected"))?);
        let session = Session::open(&model, Device::Cpu).map_err(text)?;
        let got = session.predict(&i).map_err(text)?.outputs;
        for (n, want) in e.iter() {
            let Some(t) = got.get(n) else { return Err(format!("no output {n}")) };
            let (a, b) = (t.to_f64(), want.to_f64());
            if a.len() != b.len() {
                return Err(format!("{n} {:?} not {:?}", t.shape(), want.shape()));
            }
            let big = b.iter().fold(0f64, |m, v| m.max(v.abs()));
            let d = a
                .iter()
                .zip(&b)
                .map(|(a, b)| if a.is_nan() && b.is_nan() { 0.0 } else { (a - b).abs() })
                .fold(0f64, f64::max)
                / big.max(1e-30);
            worst = if d.is_nan() { f64::INFINITY } else { worst.max(d) };
        }
    }
    let count = |model: &Model| -> String {
        use tfjs_wgpu::internals::{
            kernel::DeviceFacts,
            plan::{Plan, Retain},
        };
        let g = Passes::FUSED.run(model.graph(), &DeviceFacts::FLOOR).unwrap();
        if std::env::var("SHOW").is_ok() {
            println!("{g}");
        }
        let p = Plan::new(g.clone(), &DeviceFacts::FLOOR, Retain::Outputs).map(|p| p.counts(1).unwrap().dispatches);
        let c = Passes::FUSED.run(model.graph(), &DeviceFacts::HOST).unwrap();
        format!(
            "{p:?} dispatches {} cpu nodes",
            c.nodes().iter().filter(|n| matches!(n.source, tfjs_wgpu::internals::graph::Source::Op(_))).count()
        )
    };
    let name = dir.file_name().unwrap().to_string_lossy().into_owned();
    let twin = name
        .split_once('_')
        .filter(|(p, _)| *p == "t")
        .map(|(_, n)| Path::new("/work/main/tests/data/models").join(n))
        .or((name == "shop_rank").then(|| "/work/main/examples/shop_rank".into()));
    let twin = twin
        .filter(|t| t.exists())
        .map(|t| count(&Model::load(t, LoadOptions::default()).unwrap()))
        .unwrap_or_default();
    let n = format!("{} ({}) twin ({twin})", model.graph().nodes().len(), count(&model));
    if worst > 1e-5 { Err(format!("difference {worst:e}")) } else { Ok(format!("{worst:.1e} {n} nodes")) }
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let root = Path::new(&args[1]);
    let filter = args.get(2).cloned().unwrap_or_default();
    let mut names: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.contains(&filter))
        .collect();
    names.sort();
    let mut ok = 0;
    for n in &names {
        let dir = root.join(n);
        if dir.join("meta.json").exists() {
            match models(&dir) {
                Ok(s) => {
                    ok += 1;
                    println!("ok   {n}: {s}")
                }
                Err(e) => println!("FAIL {n}: {}", &e[..e.len().min(400)]),
            }
            continue;
        }
        let r = std::panic::catch_unwind(|| {
            case(&dir, 0)
                .or_else(|e| case(&dir, 1).or_else(|f| case(&dir, 2).map_err(|g| format!("{g} // {f} // {e}"))))
        })
        .unwrap_or_else(|_| Err("PANIC".into()));
        match r {
            Ok(()) => ok += 1,
            Err(e) => println!("FAIL {n}: {}", e.chars().take(330).collect::<String>()),
        }
    }
    println!("{ok} of {}", names.len());
}
