//! Loads a model, predicts once, and prints the outputs: the smallest program that uses the library.
//!
//! ```sh
//! cargo run --release --example predict -- examples/shop_rank examples/shop_rank/input.safetensors
//! ```

use tfjs_wgpu::{Device, LoadOptions, Model, Session, tensor_file};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(model), Some(input)) = (arguments.next(), arguments.next()) else {
        return Err("usage: predict MODEL INPUT".into());
    };
    let model = Model::load(model, LoadOptions::default())?;
    let session = Session::open(&model, Device::Auto)?;
    let prediction = session.predict(&tensor_file::read(input)?)?;
    for (name, output) in prediction.outputs.iter() {
        println!("{name}: {output:?}");
    }
    Ok(())
}
