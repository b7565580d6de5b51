//! Files with bytes changed at random: they are read or refused, and nothing panics.
//!
//! The number of files is set by `ONNX_MUTATIONS`.

use crate::writer::sample;
use proptest::prelude::*;

#[path = "exercise.rs"]
mod exercise;

use exercise::exercise;

/// How many files are made if nothing else is said.
const FILES: u64 = 20_000;

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }
}

/// Changes one place of a file.
fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(file.len());
    let end = (at + 1 + random.below(12)).min(file.len());
    match random.below(8) {
        0 if !file.is_empty() => file[at] ^= 1 << random.below(8),
        1 if !file.is_empty() => file[at] = random.next() as u8,
        2 if !file.is_empty() => file[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        3 => file.truncate(at),
        4 => drop(file.drain(at..end)),
        5 => {
            let copy = file[at..end].to_vec();
            let to = random.below(file.len());
            file.splice(to..to, copy);
        }
        6 => drop(file.splice(at..at, crate::writer::varint(random.next()))),
        _ => file.insert(at, random.next() as u8),
    }
}

#[test]
fn files_that_are_changed_at_random_never_panic() {
    let count = std::env::var("ONNX_MUTATIONS").ok().map(|count| count.parse().expect("a number of files"));
    let mut random = Random(7);
    let mut passed = 0;
    let count = count.unwrap_or(FILES);
    for _ in 0..count {
        let mut file = sample();
        for _ in 0..=random.below(4) {
            mutate(&mut file, &mut random);
        }
        passed += u64::from(exercise(&file));
    }
    // Changes of names and numbers leave models whole; if none did, the files would test little.
    assert!(passed > count / 50, "{passed} of {count}");
    assert!(exercise(&sample()));
}

#[test]
fn files_that_are_cut_off_are_refused() {
    let file = sample();
    for end in 0..file.len() {
        exercise(&file[..end]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_are_anything_never_panic(file in proptest::collection::vec(any::<u8>(), 0..300)) {
        exercise(&file);
    }
}
