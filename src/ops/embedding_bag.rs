//! Fused embedding bag: all embedding lookups of a model, their pooling, products and sums, and the numeric columns
//! beside them, written directly into the input of the next layer.
//!
//! The output `[N, width]`, float32, is divided into [`Block`]s of columns. A block combines the values of its
//! [`Feature`]s elementwise: the sum (Keras Add over lookups, the wide part of a model), the product (Multiply, the
//! generalised matrix factorisation of NCF), or the factorisation machine `(Σ e)² − Σ e²`. Most blocks have a single
//! feature. A feature reads one source `[N, …]`:
//!
//! - without a table: `steps` elements of the source, unchanged (integers become floats);
//! - with a table `[V, D]`: the elements are ids (floats are truncated toward zero). Their rows are concatenated, or
//!   pooled over the steps: sum, mean, maximum, or the mean over the steps whose id is not 0. The last is Keras'
//!   GlobalAveragePooling1D after `mask_zero`; without such a step it is NaN, as 0 / 0.
//!
//! A source is an input of the model (float32, int32 or bool) or a computed float32 value. A source with one shared row
//! is read for every sample. This is the only operator that reads several tables, which is why all tables are in one
//! buffer. One dispatch reads all inputs of the model and at most one computed source.

mod kernels;
mod plain;
mod rows;

use super::embedding::BadId;
use super::operator::{ConcreteType, Cost, KernelRequest, Operator, expect_dtype};
use super::row_form::RowForm;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::tensor::{DType, Dim, Shape, Tensor, TensorType, Tolerance};
use std::fmt;

pub(super) use kernels::SHADERS;

/// Assembles rows from many sources.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmbeddingBag {
    /// The number of columns.
    pub width: usize,
    /// The blocks of columns; every column is in exactly one.
    pub blocks: Vec<Block>,
}

/// Consecutive columns of the output.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Block {
    /// The first column.
    pub column: usize,
    /// The number of columns.
    pub width: usize,
    /// The function that combines the features.
    pub combine: Combine,
    /// The features.
    pub features: Vec<Feature>,
}

/// The function that combines the features of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Combine {
    /// `Σ e`
    Sum,
    /// `Π e`
    Product,
    /// `(Σ e)² − Σ e²`
    FactorizationMachine,
}

/// Columns read from one source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Feature {
    /// The source, as a position among the operator's inputs.
    pub source: usize,
    /// The index of the first element in the source's sample.
    pub first: usize,
    /// The number of elements read from the source's sample.
    pub steps: usize,
    /// The table in which the elements are looked up.
    pub lookup: Option<Lookup>,
}

/// Rows of a table by id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// The table, as a position among the operator's inputs.
    pub table: usize,
    /// The pooling over several steps.
    pub pooling: Pooling,
    /// The result of an id outside the table.
    pub bad_id: BadId,
}

/// The pooling over several steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// None: the rows are concatenated.
    Flatten,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The maximum of each column; it propagates NaN.
    Maximum,
    /// The mean over the steps whose id is not 0.
    MaskedMean,
}

impl EmbeddingBag {
    /// All features, in the order of the blocks.
    pub fn features(&self) -> impl Iterator<Item = &Feature> {
        self.blocks.iter().flat_map(|block| &block.features)
    }

    fn is_lookup_table(&self, position: usize) -> bool {
        self.features().filter_map(|feature| feature.lookup.as_ref()).any(|lookup| lookup.table == position)
    }

    fn expect_feature(&self, feature: &Feature, width: usize, inputs: &[&TensorType]) -> Result<()> {
        let Some(source) = inputs.get(feature.source) else {
            return Err(Error::shape(format!("there is no source {}", feature.source)));
        };
        if !source.shape.is_batched() {
            return Err(Error::shape(format!("source {source} has no batch")));
        }
        let end = feature.first.checked_add(feature.steps);
        if end.is_none_or(|end| end > source.shape.sample_len()) {
            return Err(Error::shape(format!("{source} has no {} elements from {}", feature.steps, feature.first)));
        }
        let columns = match &feature.lookup {
            None => feature.steps,
            Some(lookup) => {
                let table = inputs.get(lookup.table).ok_or_else(|| Error::shape("there is no such table"))?;
                expect_dtype(source, &[DType::F32, DType::I32])?;
                expect_dtype(table, &[DType::F32])?;
                let &[Dim::Fixed(rows), Dim::Fixed(dim)] = table.shape.dims() else {
                    return Err(Error::shape(format!("table {table} is not a matrix")));
                };
                if rows == 0 || rows > i32::MAX as usize {
                    return Err(Error::shape(format!("table {table} cannot be looked up by int32 ids")));
                }
                if lookup.pooling == Pooling::Maximum && feature.steps == 0 {
                    return Err(Error::shape("no steps have no largest row"));
                }
                if lookup.pooling == Pooling::Flatten { feature.steps.saturating_mul(dim) } else { dim }
            }
        };
        if columns != width {
            return Err(Error::shape(format!("a feature of {columns} columns in a block of {width}")));
        }
        Ok(())
    }
}

/// `0..16: $0[0..1] in $1, 16..40: mean $2[0..20] in $3, …`: columns, and the inputs from which they are read, by
/// position.
impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}: ", self.column, self.column + self.width)?;
        let features: Vec<String> = self.features.iter().map(ToString::to_string).collect();
        match (self.combine, features.len()) {
            (Combine::Sum, 1) => f.write_str(&features[0]),
            (Combine::Sum, _) => write!(f, "sum({})", features.join(", ")),
            (Combine::Product, _) => write!(f, "product({})", features.join(", ")),
            (Combine::FactorizationMachine, _) => write!(f, "fm({})", features.join(", ")),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = format!("${}[{}..{}]", self.source, self.first, self.first + self.steps);
        let Some(lookup) = &self.lookup else { return f.write_str(&elements) };
        f.write_str(match lookup.pooling {
            Pooling::Flatten => "",
            Pooling::Sum => "sum ",
            Pooling::Mean => "mean ",
            Pooling::Maximum => "max ",
            Pooling::MaskedMean => "masked mean ",
        })?;
        let clamped = if lookup.bad_id == BadId::Clamp { " clamped" } else { "" };
        write!(f, "{elements}{clamped} in ${}", lookup.table)
    }
}

impl Operator for EmbeddingBag {
    fn name(&self) -> &'static str {
        "embedding_bag"
    }

    fn attributes(&self) -> String {
        let blocks: Vec<String> = self.blocks.iter().map(ToString::to_string).collect();
        format!("{{ {} }}", blocks.join(", "))
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let mut next = 0;
        for block in &self.blocks {
            if block.column != next || block.features.is_empty() {
                return Err(Error::shape(format!(
                    "the block at column {} has a gap before it, or is empty",
                    block.column
                )));
            }
            next += block.width;
            for feature in &block.features {
                self.expect_feature(feature, block.width, inputs)?;
            }
        }
        if next != self.width {
            return Err(Error::shape(format!("blocks of {next} columns do not make {}", self.width)));
        }
        let batched = self.features().any(|feature| !inputs[feature.source].shape.is_shared());
        let shape = if batched { Shape::batched(&[self.width]) } else { Shape::shared(&[self.width]) };
        Ok(vec![TensorType::f32(shape)])
    }

    fn eval(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![plain::eval(self, inputs)?])
    }

    fn kernels(&self, request: &KernelRequest<'_>) -> Result<Vec<Kernel>> {
        kernels::kernels(self, request)
    }

    fn row_form(&self, form: &mut RowForm<'_>) -> Option<()> {
        rows::form(self, form)
    }

    fn is_table(&self, position: usize) -> bool {
        self.is_lookup_table(position)
    }

    fn takes_packed(&self, position: usize) -> bool {
        self.is_lookup_table(position)
    }

    /// The tolerance of the widest sum. Copied columns must be equal ([`Operator::allowance`]).
    fn tolerance(&self, _: &[&Tensor]) -> Tolerance {
        let most = self.blocks.iter().map(plain::rounded_terms).max().unwrap_or(0);
        if most == 0 { Tolerance::Exact } else { Tolerance::Sum { terms: most } }
    }

    fn magnitude(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        Ok(vec![plain::magnitude(self, inputs)?])
    }

    fn allowance(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        Ok(vec![plain::allowance(self, inputs)?])
    }

    fn flops(&self, _: &[ConcreteType], outputs: &[ConcreteType]) -> u64 {
        let rows = outputs[0].shape[0];
        let flops = |block: &Block| (rows * block.width).saturating_mul(plain::rounded_terms(block)) as u64;
        self.blocks.iter().map(flops).fold(0, u64::saturating_add)
    }

    /// Only the rows that are looked up are read.
    fn cost(&self, inputs: &[ConcreteType], outputs: &[ConcreteType]) -> Cost {
        let rows = outputs[0].shape[0];
        let dim = |lookup: &Lookup| inputs[lookup.table].shape[1];
        let read = |feature: &Feature| feature.steps.saturating_mul(1 + feature.lookup.as_ref().map_or(0, dim));
        let of_row = self.features().map(read).fold(0, usize::saturating_add);
        let words = rows.saturating_mul(of_row).saturating_add(outputs[0].len());
        Cost { flops: self.flops(inputs, outputs), bytes: (words as u64).saturating_mul(4) }
    }
}
