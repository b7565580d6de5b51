use crate::case::{Case, checks, refuses};
use crate::values::{AWKWARD, floats, random};
use tfjs_wgpu::internals::ops::{BinaryFunction, Elementwise, Function, Step};

fn apply(function: Function) -> Step {
    Step::Apply(function)
}

fn with(function: BinaryFunction, input: usize) -> Step {
    Step::Combine { function, input, is_right: false }
}

fn chain(steps: &[Step]) -> Elementwise {
    Elementwise { steps: steps.to_vec() }
}

fn cases() -> Vec<Case> {
    let from = |function, input| Step::Combine { function, input, is_right: true };
    let mut cases = vec![
        Case::new("(x + y) / 2 - x by hand", {
            chain(&[with(BinaryFunction::Add, 1), with(BinaryFunction::Divide, 2), with(BinaryFunction::Subtract, 0)])
        })
        .input(floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]))
        .input(floats(&[2, 2], &[5.0, 6.0, 7.0, -8.0]))
        .constant(floats(&[], &[2.0]))
        .gives(floats(&[2, 2], &[2.0, 2.0, 2.0, -6.0])),
        Case::new("y - x, then y / that", chain(&[from(BinaryFunction::Subtract, 1), from(BinaryFunction::Divide, 1)]))
            .input(floats(&[1, 3], &[1.0, 2.0, 4.0]))
            .input(floats(&[1, 3], &[3.0, 2.0, 2.0]))
            .gives(floats(&[1, 3], &[1.5, f32::INFINITY, -1.0])),
        Case::new("nothing", chain(&[])).input(floats(&[1, 10], &AWKWARD)).gives(floats(&[1, 10], &AWKWARD)),
        Case::new("one shared row", chain(&[with(BinaryFunction::Multiply, 1), apply(Function::RELU)]))
            .shared(floats(&[1, 2], &[2.0, -3.0]))
            .input(floats(&[2, 2], &[1.0, 1.0, -1.0, -1.0]))
            .gives(floats(&[2, 2], &[2.0, 0.0, 0.0, 3.0])),
    ];
    let functions = [
        Function::relu(Some(6.0), 0.1, 0.5),
        Function::Elu { alpha: 0.7 },
        Function::Selu,
        Function::Sigmoid,
        Function::HardSigmoid { slope: 0.2 },
        Function::Softplus,
        Function::Softsign,
        Function::Tanh,
        Function::Gelu,
        Function::GeluTanh,
        Function::Mish,
        Function::Swish,
    ];
    for function in functions {
        let case = Case::new("awkward values", chain(&[apply(function), with(BinaryFunction::PRelu, 1)]));
        cases.push(case.input(floats(&[1, 10], &AWKWARD)).constant(floats(&[1], &[0.25])));
        let steps = [apply(function), with(BinaryFunction::Add, 1), apply(function), with(BinaryFunction::Maximum, 1)];
        let case = Case::new("twice", chain(&steps));
        cases.push(case.input(random(&[3, 65], 1)).input(random(&[3, 65], 2)));
    }
    let all = [
        BinaryFunction::Add,
        BinaryFunction::Subtract,
        BinaryFunction::Multiply,
        BinaryFunction::Maximum,
        BinaryFunction::Minimum,
        BinaryFunction::PRelu,
    ];
    let steps: Vec<Step> = all.iter().flat_map(|&function| [with(function, 1), from(function, 2)]).collect();
    for batch in [1, 3, 67] {
        let case = Case::new(format!("every function, batch {batch}"), chain(&steps)).input(random(&[batch, 5, 7], 3));
        cases.push(case.input(random(&[batch, 5, 1], 4)).constant(random(&[7], 5)));
    }
    cases
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(chain(&[]), &[], "takes at least one input");
    refuses(chain(&[with(BinaryFunction::Add, 1)]), &["float32[N, 2]"], "an input that there is not");
    refuses(chain(&[with(BinaryFunction::Add, 1)]), &["float32[N, 2]", "float32[N, 3]"], "do not broadcast");
    refuses(chain(&vec![apply(Function::Tanh); 17]), &["float32[N, 2]"], "16 steps at most");
    refuses(chain(&[]), &["int32[N, 2]"], "takes float32 and not int32[N, 2]");
}
