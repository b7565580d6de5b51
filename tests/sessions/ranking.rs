//! The best rows of a batch: the same on every engine, and on the GPU without the other scores coming back.

use crate::harness::gpu;
use crate::{engines, open};
use std::path::PathBuf;
use std::sync::Barrier;
use tfjs_wgpu::LimitsPreset;
use tfjs_wgpu::Ranking;
use tfjs_wgpu::emulation::{Emulation, Execution, Submits};
use tfjs_wgpu::internals::graph::Builder;
use tfjs_wgpu::internals::ops::{Binary, BinaryFunction};
use tfjs_wgpu::internals::session::random_inputs;
use tfjs_wgpu::telemetry::{Counter, Stage};
use tfjs_wgpu::{DType, Shape, TensorType};
use tfjs_wgpu::{Device, LoadOptions, Model, NamedTensors, Session, SessionOptions, Tensor};

/// The input is the score.
fn echo(ty: TensorType) -> Model {
    let mut builder = Builder::new();
    let x = builder.input("x", ty).expect("an input");
    Model::from_graph("echo", builder.finish(vec![("x".into(), x)]).expect("a graph"))
}

/// The score is what user and candidate say together; there is an output besides.
fn sum() -> Model {
    let mut builder = Builder::new();
    let mut input = |name| builder.input(name, TensorType::f32(Shape::batched(&[1]))).expect("an input");
    let inputs = [input("user"), input("x")];
    let y = builder.op("y", Binary { function: BinaryFunction::Add }, &inputs).expect("an operator");
    let outputs = vec![("y".into(), y), ("x".into(), inputs[1])];
    Model::from_graph("sum", builder.finish(outputs).expect("a graph"))
}

fn floats() -> TensorType {
    TensorType::f32(Shape::batched(&[1]))
}

fn column(name: &str, values: &[f32]) -> (String, Tensor) {
    (name.into(), Tensor::f32(&[values.len(), 1], values.to_vec()).expect("a column"))
}

/// Rows, scores as text, so that NaN is NaN, and what is said of all scores.
fn described(ranking: &Ranking) -> (Vec<usize>, String, usize, usize, Option<usize>) {
    let scores = format!("{:?} {:?}", ranking.scores.shape(), ranking.scores.to_f64());
    (ranking.rows.clone(), scores, ranking.batch, ranking.not_finite, ranking.first_not_finite)
}

#[test]
fn every_engine_ranks_as_the_host_does() {
    let (nan, most) = (f32::NAN, f32::INFINITY);
    let long: Vec<f32> = (0..5000).map(|row| if row == 4000 { nan } else { (row * 37 % 101) as f32 / 8.0 }).collect();
    let lists: [&[f32]; 5] =
        [&[0.25], &[nan], &[0.5, 0.25, 0.5, 0.75, 0.25], &[nan, -most, 0.0, -0.0, most, nan, 1.0, -1.0], &long];
    for device in engines() {
        let [echo, sum] = [echo(floats()), sum()].map(|model| Session::open(&model, device).expect("a session"));
        for list in lists {
            let all = Tensor::f32(&[list.len()], list.to_vec()).expect("a list");
            for count in [1, 3, list.len(), list.len() + 7] {
                let expected = described(&Ranking::of(&all, count).expect("a ranking"));
                let alone: NamedTensors = [column("x", list)].into_iter().collect();
                let ranked = echo.rank(&alone, count).expect("a ranking");
                assert_eq!(described(&ranked.ranking), expected, "{device:?}, the best {count} of {}", list.len());
                for users in [1, list.len()] {
                    let inputs = [column("user", &vec![0.0; users]), column("x", list)].into_iter().collect();
                    let ranked = sum.rank(&inputs, count).expect("a ranking").ranking;
                    assert_eq!(ranked.rows, expected.0, "{device:?}, {users} users, the best {count}");
                    assert_eq!((ranked.not_finite, ranked.first_not_finite), (expected.3, expected.4));
                }
            }
            let none = echo.rank(&[column("x", list)].into_iter().collect(), 0).expect("a ranking").ranking;
            assert_eq!((none.rows, none.batch), (Vec::new(), list.len()));
        }
        let empty = echo.rank(&[column("x", &[])].into_iter().collect(), 3).expect("a ranking").ranking;
        assert_eq!((empty.rows, empty.batch), (Vec::new(), 0));
    }
}

#[test]
fn only_the_best_come_back_in_one_submit() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/shop_rank");
    let shop = Model::load(folder, LoadOptions::default()).expect("the example loads");
    for model in [shop, sum()] {
        let session = open(&model, LimitsPreset::Full);
        let inputs = random_inputs(&model, 1000, 1).expect("inputs");
        let outputs = model.graph().outputs().len() as u64;
        // What one leaves behind, mapped memory too, the other finds as it needs it.
        for repetition in 0..3 {
            let prediction = session.predict(&inputs).expect("a prediction");
            let ranked = session.rank(&inputs, 10).expect("a ranking");
            let (_, scores) = prediction.outputs.iter().next().expect("an output");
            assert_eq!(ranked.ranking, Ranking::of(scores, 10).expect("a ranking"));
            let counts = |name| [&prediction.timeline, &ranked.timeline].map(|timeline| timeline.counter(name));
            // Ten scores and positions, and two numbers about all scores.
            assert_eq!(counts(Counter::DownloadBytes), [outputs * 4000, 88]);
            assert_eq!((counts(Counter::Submits), counts(Counter::Waits)), ([1, 1], [1, 1]));
            assert_eq!(counts(Counter::UploadBytes)[0], counts(Counter::UploadBytes)[1]);
            assert!(counts(Counter::Dispatches)[0] < counts(Counter::Dispatches)[1]);
            if repetition > 0 {
                assert_eq!((counts(Counter::Allocations), counts(Counter::Pipelines)), ([0, 0], [0, 0]));
            }
        }
    }
}

#[test]
fn what_ranks_is_made_once_and_is_held_memory() {
    let (model, session) = (sum(), open(&sum(), LimitsPreset::Full));
    let inputs = random_inputs(&model, 100, 1).expect("inputs");
    let made = |count: usize| {
        let timeline = session.rank(&inputs, count).expect("a ranking").timeline;
        timeline.spans().iter().filter(|span| span.stage == Stage::OpenRanking).count()
    };
    session.predict(&inputs).expect("a prediction");
    let before = session.memory();
    assert_eq!([made(5), made(5), made(6), made(5)], [1, 0, 1, 0]);
    assert_eq!([made(200), made(100)], [1, 0], "there are no more than a hundred");
    assert!(session.memory().activation_bytes > before.activation_bytes);
    assert_eq!([made(1), made(2), made(5)], [1, 1, 0], "four are kept");
    assert_eq!(made(6), 1, "the one longest unused went");
}

#[test]
fn threads_rank_and_predict_side_by_side() {
    let (model, session) = (sum(), open(&sum(), LimitsPreset::Full));
    let together = Barrier::new(6);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (model, session, together) = (&model, &session, &together);
            scope.spawn(move || {
                let inputs = random_inputs(model, 40 + thread % 2, thread as u64).expect("inputs");
                together.wait();
                for _ in 0..10 {
                    let prediction = session.predict(&inputs).expect("a prediction");
                    let scores = prediction.outputs.get("y").expect("the scores");
                    let ranked = session.rank(&inputs, 7).expect("a ranking");
                    assert_eq!(ranked.ranking, Ranking::of(scores, 7).expect("a ranking"));
                }
            });
        }
    });
}

#[test]
fn the_host_ranks_where_the_device_cannot() {
    let integers = echo(TensorType::new(Shape::batched(&[]), DType::I32));
    let list = Tensor::i32(&[4], vec![16_777_216, 16_777_217, -5, 16_777_217]).expect("a list");
    for device in engines() {
        let session = Session::open(&integers, device).expect("a session");
        let inputs: NamedTensors = [("x", list.clone())].into_iter().collect();
        let ranking = session.rank(&inputs, 3).expect("a ranking").ranking;
        assert_eq!(ranking.rows, [1, 3, 0]);
        assert_eq!(ranking.scores.as_i32().expect("integers"), [16_777_217, 16_777_217, 16_777_216]);
    }
}

#[test]
fn the_host_ranks_what_is_submitted_per_kernel() {
    gpu::require(LimitsPreset::Full);
    let execution = Execution { submits: Submits::PerKernel, ..Execution::default() };
    let options = SessionOptions::default().device(Device::Gpu).emulate(Emulation::default().execution(execution));
    let session = Session::open_with(&sum(), options).expect("a session");
    let inputs = random_inputs(&sum(), 9, 1).expect("inputs");
    let ranked = session.rank(&inputs, 2).expect("a ranking");
    let scores = session.predict(&inputs).expect("a prediction").outputs;
    assert_eq!(ranked.ranking, Ranking::of(scores.get("y").expect("scores"), 2).expect("a ranking"));
    assert!(ranked.timeline.counter(Counter::Submits) > 1, "it shows what one by one costs");
}

#[test]
fn what_has_several_numbers_a_row_is_not_ranked() {
    let model = echo(TensorType::f32(Shape::batched(&[2])));
    let inputs: NamedTensors = [("x", Tensor::f32(&[3, 2], vec![0.0; 6]).expect("rows"))].into_iter().collect();
    for device in engines() {
        let error = Session::open(&model, device).expect("a session").rank(&inputs, 1).expect_err("two numbers a row");
        assert_eq!(error.to_string(), "rows are ranked by the first output, which must have one number per row");
        assert_eq!(error.cause_text(), Some("output `x` has shape [N, 2]"));
    }
}
