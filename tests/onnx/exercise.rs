//! Does with a file everything that the reader can do with one. Shared with the fuzzer.

use tfjs_wgpu::internals::onnx::file::{
    AttributeValue, ElementType, GraphProto, Names, TensorFiles, TensorProto, read, read_checked,
};
use tfjs_wgpu::weights::{Memory, SharedBytes};

/// Reads the file, and everything in it that can be read. Whether it is a model that passes all checks.
pub(crate) fn exercise(file: &[u8]) -> bool {
    let file = SharedBytes::from(file.to_vec());
    let source = Memory::new().shared("w.data", vec![0u8; 64]);
    let mut files = TensorFiles::new(file.clone(), &source);
    if let Ok(model) = read(&file) {
        graph(&model.graph, &mut files);
    }
    let names = Names::default();
    let checked = read_checked(&file, &names);
    if let Err(error) = &checked {
        assert!(error.cause_text().is_some() && error.hint_text().is_some() || is_of_shape(error), "{error:?}");
    }
    checked.is_ok()
}

/// Errors about shapes alone come from the tensors of the library.
fn is_of_shape(error: &tfjs_wgpu::Error) -> bool {
    error.to_string().contains("shape")
}

fn graph(graph: &GraphProto<'_>, files: &mut TensorFiles<'_>) {
    graph.initializers.iter().for_each(|stored| tensor(stored, files));
    for attribute in graph.nodes.iter().flat_map(|node| &node.attributes) {
        match &attribute.value {
            AttributeValue::Tensor(stored) => tensor(stored, files),
            AttributeValue::Tensors(list) => list.iter().for_each(|stored| tensor(stored, files)),
            AttributeValue::Graph(inner) => self::graph(inner, files),
            AttributeValue::Graphs(list) => list.iter().for_each(|inner| self::graph(inner, files)),
            _ => {}
        }
    }
}

fn tensor(stored: &TensorProto<'_>, files: &mut TensorFiles<'_>) {
    let elements = |dims: &[usize]| dims.iter().product::<usize>();
    let count = stored.shape().ok().map(|dims| elements(&dims));
    if let Ok(values) = stored.tensor(files) {
        assert_eq!(Some(values.to_f64().len()), count);
    }
    if let Ok(values) = stored.int64s_in(files) {
        assert_eq!(Some(values.len()), count);
        assert!(stored.element_type().is_ok_and(ElementType::is_integer));
    }
    let _ = stored.int64s();
}
