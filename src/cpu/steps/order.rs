//! TopK and ArgReduce: elements of a line by sort key, in the same order as on the GPU.

use super::step::{Fast, Request, Step};
use crate::cpu::frame::{Element, Frame, Operand, Output};
use crate::cpu::vector::vectorised;
use crate::error::Result;
use crate::ops::{self, lateness};
use crate::tensor::DType;
use pulp::Arch;
use std::marker::PhantomData;

/// The number of elements that are compared at once: most chunks of a long line contain none of the best.
const CHUNK: usize = 64;

/// Minimum number of candidates to collect before the best are selected from them.
const ROOM: usize = 1024;

/// An element type with a total order.
trait Ordered: Element + std::fmt::Debug {
    const IS_INTEGER: bool;

    fn word(self) -> u32;
}

impl Ordered for f32 {
    const IS_INTEGER: bool = false;

    #[inline(always)]
    fn word(self) -> u32 {
        self.to_bits()
    }
}

impl Ordered for i32 {
    const IS_INTEGER: bool = true;

    #[inline(always)]
    fn word(self) -> u32 {
        self as u32
    }
}

/// The sort key of an element; the best element has the smallest.
#[inline(always)]
fn late<T: Ordered>(value: T, largest: bool) -> u32 {
    lateness(value.word(), T::IS_INTEGER, largest)
}

/// The sort key of an element, made unique within a line by its position: earlier elements win ties.
#[inline(always)]
fn key<T: Ordered>(value: T, position: usize, largest: bool) -> u64 {
    (u64::from(late(value, largest)) << 32) | position as u64
}

#[derive(Debug)]
struct TopK<T> {
    largest: bool,
    count: usize,
    x: Operand,
    /// The number of elements along the axis, and after it.
    along: usize,
    after: usize,
    outputs: Vec<Output>,
    arch: Arch,
    elements: PhantomData<fn() -> T>,
}

pub(super) fn top_k(operator: &ops::TopK, request: &Request<'_>) -> Fast {
    fn step<T: Ordered>(operator: &ops::TopK, request: &Request<'_>) -> Box<dyn Step> {
        let [_, along, after] = request.around(0, operator.axis);
        Box::new(TopK::<T> {
            largest: operator.largest,
            count: operator.count,
            x: request.operands[0].clone(),
            along,
            after,
            outputs: request.outputs.clone(),
            arch: request.arch,
            elements: PhantomData,
        })
    }
    match request.operands[0].dtype {
        DType::I32 => Some(step::<i32>(operator, request)),
        _ => Some(step::<f32>(operator, request)),
    }
}

impl<T: Ordered> Step for TopK<T> {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<T>(&self.outputs[0], |frame, mut values| {
            frame.write::<i32>(&self.outputs[1], |frame, mut positions| {
                let x = frame.read::<T>(&self.x)?;
                let (mut keys, mut line) = (Vec::new(), Vec::new());
                for (index, (values, positions)) in values.iter().zip(positions.iter()).enumerate() {
                    let x = &x[index * self.x.width..][..self.x.width];
                    for at in 0..values.len() / self.count.max(1) {
                        let (before, inner) = (at / self.after, at % self.after);
                        let x = &x[before * self.along * self.after + inner..];
                        if self.after == 1 {
                            self.choose(&x[..self.along], &mut keys);
                        } else {
                            line.clear();
                            line.extend(x.iter().step_by(self.after).take(self.along));
                            self.choose(&line, &mut keys);
                        }
                        for (rank, key) in keys.iter().enumerate() {
                            let to = (before * self.count + rank) * self.after + inner;
                            let position = *key as u32 as usize;
                            values[to] = x[position * self.after];
                            positions[to] = position as i32;
                        }
                    }
                }
                Ok(())
            })
        })
    }
}

impl<T: Ordered> TopK<T> {
    /// The keys of the best elements of a line, in order.
    fn choose(&self, line: &[T], keys: &mut Vec<u64>) {
        keys.clear();
        let room = ROOM.max(2 * self.count);
        // Elements that are no better than the worst candidate so far are skipped.
        let mut last = u64::MAX;
        vectorised!(self.arch, {
            for (chunk, values) in line.chunks(CHUNK).enumerate() {
                let last_late = (last >> 32) as u32;
                if !values.iter().fold(false, |found, &value| found | (late(value, self.largest) <= last_late)) {
                    continue;
                }
                for (offset, &value) in values.iter().enumerate() {
                    let key = key(value, chunk * CHUNK + offset, self.largest);
                    if key < last {
                        keys.push(key);
                    }
                }
                if keys.len() >= room {
                    keys.select_nth_unstable(self.count - 1);
                    keys.truncate(self.count);
                    last = keys[self.count - 1];
                }
            }
        });
        if keys.len() > self.count {
            keys.select_nth_unstable(self.count);
            keys.truncate(self.count);
        }
        keys.sort_unstable();
    }
}

#[derive(Debug)]
struct ArgReduce<T> {
    largest: bool,
    x: Operand,
    /// The number of elements along the axis, and after it.
    along: usize,
    after: usize,
    output: Output,
    arch: Arch,
    elements: PhantomData<fn() -> T>,
}

pub(super) fn arg_reduce(operator: &ops::ArgReduce, request: &Request<'_>) -> Fast {
    fn step<T: Ordered>(operator: &ops::ArgReduce, request: &Request<'_>) -> Box<dyn Step> {
        let [_, along, after] = request.around(0, operator.axis);
        Box::new(ArgReduce::<T> {
            largest: operator.largest,
            x: request.operands[0].clone(),
            along,
            after,
            output: request.output(),
            arch: request.arch,
            elements: PhantomData,
        })
    }
    match request.operands[0].dtype {
        DType::F32 => Some(step::<f32>(operator, request)),
        DType::I32 => Some(step::<i32>(operator, request)),
        DType::Bool => None,
    }
}

impl<T: Ordered> Step for ArgReduce<T> {
    fn run(&self, frame: &mut Frame<'_, '_>) -> Result<()> {
        frame.write::<i32>(&self.output, |frame, mut rows| {
            let x = frame.read::<T>(&self.x)?;
            vectorised!(self.arch, {
                for (index, row) in rows.iter().enumerate() {
                    let x = &x[index * self.x.width..][..self.x.width];
                    for (at, out) in row.iter_mut().enumerate() {
                        let (before, inner) = (at / self.after, at % self.after);
                        let x = &x[before * self.along * self.after + inner..];
                        *out = if self.after == 1 {
                            self.first_of(&x[..self.along])
                        } else {
                            let line = x.iter().step_by(self.after).take(self.along).enumerate();
                            let keys = line.map(|(position, &value)| key(value, position, self.largest));
                            keys.min().unwrap_or(0) as i32
                        };
                    }
                }
            });
            Ok(())
        })
    }
}

impl<T: Ordered> ArgReduce<T> {
    /// The position of the best element of a contiguous line; the first one if there are several.
    #[inline(always)]
    fn first_of(&self, line: &[T]) -> i32 {
        let best = line.iter().fold(u32::MAX, |best, &value| best.min(late(value, self.largest)));
        line.iter().position(|&value| late(value, self.largest) == best).unwrap_or(0) as i32
    }
}
