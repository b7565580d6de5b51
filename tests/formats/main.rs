//! Good and hostile files: what is wrong is refused in words, and nothing panics.

mod artifact;
mod foreign;
mod hostile;
mod keras3;
mod limits;
mod model_json;
mod mutated;
mod options;
mod random_weights;
mod sizes;
mod sources;
mod tensor_file;
mod topologies;
mod weight_names;
