//! `--dim`: sizes of the open dimensions of a model.

use std::ffi::OsString;
use tfjs_wgpu::{OpenDimension, Sizes};

/// Sizes for the open dimensions of a model.
#[derive(Debug, clap::Args)]
pub(crate) struct DimArguments {
    /// The size of an open dimension other than the batch, such as the length of a history. Without a name it applies
    /// to all open dimensions without a size of their own. AXIS counts from the batch, which is 0; it is required if
    /// the input has several open dimensions. Inputs from a file determine their sizes themselves
    #[arg(long = "dim", alias = "open-size", value_name = "[INPUT[:AXIS]=]SIZE", value_parser = DimArgument::parse)]
    dims: Vec<DimArgument>,
}

/// One `--dim`.
#[derive(Debug, Clone)]
struct DimArgument {
    /// The argument as given.
    text: String,
    /// The input and the axis, if given; `None` for all dimensions without a size of their own.
    place: Option<(String, Option<usize>)>,
    size: usize,
}

impl DimArgument {
    fn parse(text: &str) -> Result<DimArgument, String> {
        let (place, size) = match text.rsplit_once('=') {
            Some((place, size)) => (Some(place), size),
            None => (None, text),
        };
        let size = size.parse::<u32>().ok().filter(|&size| size > 0);
        let size = size.ok_or("give a size from 1, or INPUT=SIZE, or INPUT:AXIS=SIZE")? as usize;
        let place = place.map(|place| match place.rsplit_once(':').map(|(input, axis)| (input, axis.parse())) {
            Some((input, Ok(axis))) => (input.to_string(), Some(axis)),
            _ => (place.to_string(), None),
        });
        Ok(DimArgument { text: text.into(), place, size })
    }
}

impl DimArguments {
    pub(crate) fn sizes(&self) -> Sizes {
        self.dims.iter().fold(Sizes::default(), |sizes, dim| match &dim.place {
            Some((input, axis)) => sizes.with(input, *axis, dim.size),
            None => sizes.others(dim.size),
        })
    }

    /// The command-line arguments that repeat these options for another process.
    pub(crate) fn words(&self) -> Vec<OsString> {
        self.dims.iter().flat_map(|dim| ["--dim".into(), dim.text.clone().into()]).collect()
    }
}

/// The command-line arguments that give these dimensions their sizes.
pub(crate) fn words_of(dimensions: &[OpenDimension]) -> Vec<OsString> {
    let words = |open: &OpenDimension| {
        let size = format!("{}:{}={}", open.input, open.axis, open.graph_size);
        ["--dim".into(), size.into()]
    };
    dimensions.iter().flat_map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_with_the_input_and_the_axis_before_it() {
        let read = |text: &str| DimArgument::parse(text).map(|dim| (dim.place, dim.size));
        assert_eq!(read("20"), Ok((None, 20)));
        assert_eq!(read("history=20"), Ok((Some(("history".into(), None)), 20)));
        assert_eq!(read("image:2=5"), Ok((Some(("image".into(), Some(2))), 5)));
        assert_eq!(read("a=b:c=5"), Ok((Some(("a=b:c".into(), None)), 5)));
        for wrong in ["", "0", "x=", "x=-1", "=x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
