//! Stored tensors as values: a [`Tensor`], or the integers of a shape or an axis.
//!
//! float32 and float16 stay where they are in the file. Other floats become float32, integers int32 if they fit.

use super::decode::{Stored, floats, integers, range, stored};
use super::element_type::ElementType;
use super::external::TensorFiles;
use super::tensor_proto::{Storage, TensorProto, label};
use crate::error::{Context, Error, Result};
use crate::tensor::{Encoding, SharedBytes, Tensor, element_count, format_dims};

impl TensorProto<'_> {
    /// The type of the elements.
    ///
    /// # Errors
    ///
    /// An error that names the tensor if the type is not known.
    pub fn element_type(&self) -> Result<ElementType> {
        ElementType::try_from(self.data_type).at(|| label(self.name))
    }

    /// The dimensions.
    ///
    /// # Errors
    ///
    /// An error that names the tensor if a dimension is negative, or the product exceeds what memory can hold.
    pub fn shape(&self) -> Result<Vec<usize>> {
        self.sized().map(|(shape, _)| shape).at(|| label(self.name))
    }

    /// The elements of an integer type or of booleans, stored in the model itself.
    ///
    /// # Errors
    ///
    /// An error that names the tensor if it is of another type, in another file, or not as its shape says.
    pub fn int64s(&self) -> Result<Vec<i64>> {
        self.integers_of(&self.storage).at(|| label(self.name))
    }

    /// Like [`TensorProto::int64s`], also from another file.
    ///
    /// # Errors
    ///
    /// Those of [`TensorProto::int64s`], and those of reading the file.
    pub fn int64s_in(&self, files: &mut TensorFiles<'_>) -> Result<Vec<i64>> {
        let mut read = || match &self.storage {
            Storage::External(external) => self.integers_of(&Storage::Raw(&files.external(external)?)),
            storage => self.integers_of(storage),
        };
        read().at(|| label(self.name))
    }

    /// The tensor. float32 and float16 in raw storage stay in the file.
    ///
    /// # Errors
    ///
    /// An error that names the tensor if its type is not supported, it is not stored as its shape says, an integer does
    /// not fit int32, or its file cannot be read.
    pub fn tensor(&self, files: &mut TensorFiles<'_>) -> Result<Tensor> {
        self.read_tensor(files).at(|| label(self.name))
    }

    fn read_tensor(&self, files: &mut TensorFiles<'_>) -> Result<Tensor> {
        let kind = ElementType::try_from(self.data_type)?;
        let shared = match (&self.storage, kind) {
            (Storage::External(external), _) if kind.width().is_some() => Some(files.external(external)?),
            (Storage::Raw(bytes), ElementType::Float | ElementType::Float16) => Some(files.share(bytes)),
            _ => None,
        };
        let storage = shared.as_ref().map_or_else(|| self.storage.clone(), |bytes| Storage::Raw(bytes));
        let (shape, count) = self.expect_complete(&storage, kind)?;
        let packed = |encoding, bytes: &SharedBytes| Tensor::packed_in(&shape, encoding, bytes.clone());
        match (kind, &shared) {
            (ElementType::Float, Some(bytes)) => return packed(Encoding::F32, bytes),
            (ElementType::Float16, Some(bytes)) => return packed(Encoding::F16, bytes),
            _ => {}
        }
        if !kind.is_integer() {
            let mut values = Vec::with_capacity(count);
            values.extend(floats(&storage, kind)?);
            return Tensor::f32(&shape, values);
        }
        if kind == ElementType::Bool {
            let mut values = Vec::with_capacity(count);
            values.extend(integers(&storage, kind)?.map(|value| value != 0));
            return Tensor::bool(&shape, values);
        }
        let mut values = Vec::with_capacity(count);
        for (index, value) in integers(&storage, kind)?.enumerate() {
            expect_in_range(index, value, kind)?;
            values.push(i32::try_from(value).map_err(|_| {
                let error = Error::weights(format!("element {index} is {value}, which does not fit int32"));
                error.cause(format!("{kind} is computed as int32")).hint("export the model with ids below 2147483648")
            })?);
        }
        Tensor::i32(&shape, values)
    }

    fn integers_of(&self, storage: &Storage<'_>) -> Result<Vec<i64>> {
        let kind = ElementType::try_from(self.data_type)?;
        if let Storage::External(external) = storage {
            let error = Error::unsupported(format!("is in another file, `{}`", external.location));
            let error = error.cause("integers that decide on shapes are read from the model itself");
            return Err(error.hint("save the model as one file (`external_data=False`)"));
        }
        let (_, count) = self.expect_complete(storage, kind)?;
        if !kind.is_integer() {
            let error = Error::unsupported(format!("has the type {kind}")).cause("integers are needed here");
            return Err(error.hint("export the model again; shapes, axes and ids are integers"));
        }
        let mut values = Vec::with_capacity(count);
        for (index, value) in integers(storage, kind)?.enumerate() {
            expect_in_range(index, value, kind)?;
            values.push(i64::try_from(value).map_err(|_| {
                let error = Error::weights(format!("element {index} is {value}, which does not fit int64"));
                error.cause(format!("the type is {kind}")).hint("export the model with smaller integers")
            })?);
        }
        Ok(values)
    }

    /// The dimensions and their product.
    fn sized(&self) -> Result<(Vec<usize>, usize)> {
        let dim = |dim: &i64| {
            usize::try_from(*dim).map_err(|_| {
                let error = Error::weights(format!("has the shape {:?}", self.dims));
                let error = error.cause(format!("{dim} is no size of a stored tensor"));
                error.hint("the file is damaged; copy or export it again")
            })
        };
        let shape: Vec<usize> = self.dims.iter().map(dim).collect::<Result<_>>()?;
        let count = element_count(&shape)?;
        Ok((shape, count))
    }

    /// The shape and the number of elements of a tensor of which exactly that many are stored.
    fn expect_complete(&self, storage: &Storage<'_>, kind: ElementType) -> Result<(Vec<usize>, usize)> {
        let width = kind.width().ok_or_else(|| kind.unsupported())?;
        let (shape, count) = self.sized()?;
        let (found, wanted, unit) = match stored(storage) {
            Stored::Bytes(found) => (found, count.checked_mul(width), "bytes"),
            Stored::Values(found) => (found, Some(count), "values"),
        };
        if Some(found) != wanted {
            let dims = format_dims(&shape);
            let wanted = wanted.map_or("more than memory holds".into(), |wanted| wanted.to_string());
            let error = Error::weights(format!("has {found} {unit}, and its shape takes {wanted}"));
            let error = error.cause(format!("the shape is {dims} of {kind}"));
            return Err(error.hint("the file is damaged or was cut off; copy or export it again"));
        }
        Ok((shape, count))
    }
}

fn expect_in_range(index: usize, value: i128, kind: ElementType) -> Result<()> {
    if range(kind).contains(&value) {
        return Ok(());
    }
    let error = Error::weights(format!("element {index} is {value}, which does not fit {kind}"));
    Err(error.cause("it is stored in a wider field").hint("export the model again"))
}
