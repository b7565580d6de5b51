//! Classes of layers that do not load: those left out on purpose, those not here yet, and custom ones.

use crate::error::Error;

struct LeftOut {
    classes: &'static [&'static str],
    cause: &'static str,
    hint: &'static str,
}

const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        classes: &["Lambda"],
        cause: "it holds Python code, which TF.js does not run either",
        hint: TWO_WAYS_OUT,
    },
    LeftOut {
        classes: &["RandomHeight", "RandomWidth"],
        cause: "it resizes at random even when it predicts, in TF.js",
        hint: "leave it out of the model that is shipped",
    },
    LeftOut {
        classes: &["StringLookup", "TextVectorization"],
        cause: "it takes strings, and inputs are numbers",
        hint: "look the ids up before the model, and ship the model that takes ids",
    },
    LeftOut {
        classes: &["HashedCrossing"],
        cause: "it hashes several ids together, by a function that is not here yet",
        hint: "hash the ids before the model, and ship the model that takes the hashes",
    },
    LeftOut {
        classes: &["SpectralNormalization"],
        cause: "it only changes how a layer is trained",
        hint: "ship the layer inside it",
    },
    LeftOut {
        classes: &["CachedMultiHeadAttention", "TransformerDecoder"],
        cause: "it is none of Keras' layers: TF.js cannot give it weights that were saved, and KerasNLP saves another layer",
        hint: "MultiHeadAttention, LayerNormalization and Dense are the same in single layers",
    },
    LeftOut {
        classes: &["TransformerEncoder", "Backbone", "GPT2Backbone", "GPT2CausalLM"],
        cause: "it is a part of language models, and TF.js does not load it either",
        hint: "MultiHeadAttention, LayerNormalization and Dense are the same in single layers",
    },
    LeftOut {
        classes: &["AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"],
        cause: "it counts how often each brightness occurs in an image, or looks for the extremes",
        hint: "prepare the images before the model",
    },
    LeftOut {
        classes: &["MelSpectrogram", "STFTSpectrogram"],
        cause: "it takes Fourier transforms of sound",
        hint: "ship the model that takes spectrograms",
    },
    LeftOut {
        classes: &["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"],
        cause: "it calls a program of another framework, which is not in the file",
        hint: "write it as layers of Keras",
    },
    LeftOut {
        classes: &["Pipeline"],
        cause: "it is a list of preprocessing layers, made for data sets",
        hint: "put the layers that it holds into the model",
    },
    LeftOut {
        classes: &["DenseFeatures", "DynamicEmbedding", "DynamicLookup", "RandomFourierFeatures"],
        cause: "it was an experiment of Keras, or its state is not saved with its weights",
        hint: "Embedding, IntegerLookup, Hashing and Dense take its place",
    },
    LeftOut {
        classes: &[
            "BytePairTokenizer",
            "GPT2CausalLMPreprocessor",
            "GPT2Preprocessor",
            "GPT2Tokenizer",
            "Preprocessor",
            "StartEndPacker",
        ],
        cause: "it takes strings, and inputs are numbers",
        hint: "tokenize before the model",
    },
];

/// Layers of Keras that are not here yet.
const NOT_YET: &[&str] = &[
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "ConvLSTM1D",
    "ConvLSTM3D",
    "GroupQueryAttention",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "ReversibleEmbedding",
];

/// What to do about a layer whose code is not in the file.
const TWO_WAYS_OUT: &str = "express it in supported layers and operations (docs/layers.md lists them), which are saved by name, or export \
    the parts before and after it as models of their own and compute it between them";

/// What a model with a layer of this class gets, which is none of those that load.
pub(super) fn error(class: &str) -> Error {
    if let Some(known) = LEFT_OUT.iter().find(|unsupported| unsupported.classes.contains(&class)) {
        let error = Error::unsupported(format!("layers of class `{class}` are left out on purpose"));
        return error.cause(known.cause).hint(known.hint);
    }
    if NOT_YET.contains(&class) {
        let error = Error::unsupported(format!("layers of class `{class}` are not supported yet"));
        return error.hint(TWO_WAYS_OUT);
    }
    Error::unsupported(format!("layers of class `{class}` are not supported"))
        .cause("it is a custom class, or one of another package: the file has its options, but not its Python code")
        .hint(TWO_WAYS_OUT)
}
