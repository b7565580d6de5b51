//! Statistics of samples: quantiles with a confidence interval, a rank test, a fitted line.
//!
//! Times are not normally distributed: they have a minimum and a long tail. The location is therefore the median, the
//! interval is a bootstrap interval, and two sets are compared by ranks.

use crate::random::SplitMix64;
use serde::{Deserialize, Serialize};

/// The number of bootstrap resamples.
const RESAMPLES: usize = 1000;

/// The maximum number of samples that the bootstrap draws from. Larger sets are reduced to evenly spaced order
/// statistics, whose distribution is the same to within the resolution of a clock.
const MOST_RESAMPLED: usize = 2000;

/// The seed of the bootstrap. Equal samples have equal intervals.
const SEED: u64 = 1;

/// The order statistics of samples, in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The number of samples.
    pub n: usize,
    /// The smallest.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile. With fewer than 100 samples it is close to the maximum.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// The 95 % confidence interval of the median, by the percentile bootstrap.
    pub p50_ci95: [f64; 2],
}

impl Summary {
    /// The summary of `samples`; `None` if there are no samples or one is NaN.
    pub fn of(samples: &[f64]) -> Option<Summary> {
        if samples.is_empty() || samples.iter().any(|sample| sample.is_nan()) {
            return None;
        }
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |fraction| quantile(&sorted, fraction);
        Some(Summary {
            n: sorted.len(),
            min: sorted[0],
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            max: sorted[sorted.len() - 1],
            p50_ci95: median_interval(&sorted),
        })
    }
}

/// The median; NaN without samples.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

/// The quantile of sorted samples, with linear interpolation (Hyndman and Fan's type 7); NaN without samples.
pub fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = fraction.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// The percentile bootstrap of the median of sorted samples.
fn median_interval(sorted: &[f64]) -> [f64; 2] {
    let mut medians = resampled_medians(sorted, &mut SplitMix64::new(SEED));
    medians.sort_by(f64::total_cmp);
    INTERVAL.map(|fraction| quantile(&medians, fraction))
}

/// The ratio of two medians.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MedianRatio {
    /// The median of the second set divided by that of the first.
    pub ratio: f64,
    /// The 95 % confidence interval of the ratio, by the percentile bootstrap.
    pub ci95: [f64; 2],
}

/// The median of `second` divided by that of `first`. `None` if a set is empty or has a sample that is not above 0.
pub fn median_ratio(first: &[f64], second: &[f64]) -> Option<MedianRatio> {
    let is_time = |sample: &f64| *sample > 0.0 && sample.is_finite();
    if first.is_empty() || second.is_empty() || !first.iter().chain(second).all(is_time) {
        return None;
    }
    let mut generator = SplitMix64::new(SEED);
    let [first, second] = [first, second].map(|samples| {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        (quantile(&sorted, 0.5), resampled_medians(&sorted, &mut generator))
    });
    let mut ratios: Vec<f64> = first.1.iter().zip(&second.1).map(|(first, second)| second / first).collect();
    ratios.sort_by(f64::total_cmp);
    Some(MedianRatio { ratio: second.0 / first.0, ci95: INTERVAL.map(|fraction| quantile(&ratios, fraction)) })
}

/// The quantiles that bound a 95 % interval.
const INTERVAL: [f64; 2] = [0.025, 0.975];

/// The medians of resamples of sorted samples.
fn resampled_medians(sorted: &[f64], generator: &mut SplitMix64) -> Vec<f64> {
    let few = sorted.len().min(MOST_RESAMPLED);
    let spaced = |index: usize| quantile(sorted, (index as f64 + 0.5) / few as f64);
    let thinned: Vec<f64> = if few < sorted.len() { (0..few).map(spaced).collect() } else { sorted.to_vec() };
    let mut counts = vec![0u32; few];
    // A resample of a reduced set has fewer draws than there are samples, so its medians spread too widely. Shrink the
    // spread accordingly.
    let shrink = (few as f64 / sorted.len() as f64).sqrt();
    let middle = quantile(sorted, 0.5);
    (0..RESAMPLES)
        .map(|_| {
            counts.fill(0);
            (0..few).for_each(|_| counts[generator.below(few)] += 1);
            middle + shrink * (median_of_counted(&thinned, &counts) - middle)
        })
        .collect()
}

/// The median of sorted values with multiplicities.
fn median_of_counted(sorted: &[f64], counts: &[u32]) -> f64 {
    let total: u32 = counts.iter().sum();
    let at = |place: u32| {
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen > place
        });
        found.map_or(f64::NAN, |index| sorted[index])
    };
    if total % 2 == 1 { at(total / 2) } else { 0.5 * (at(total / 2 - 1) + at(total / 2)) }
}

/// The result of a rank test of two sets of samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RankTest {
    /// Mann and Whitney's U of the second set: the number of pairs in which its sample is the larger. Ties count half.
    pub u: f64,
    /// The two-sided probability of a U at least as far from its mean if both sets have the same distribution.
    pub p_value: f64,
    /// Cliff's delta, -1 to 1: the fraction of pairs in which the second set's sample is larger, minus the fraction in
    /// which it is smaller.
    pub delta: f64,
}

/// The maximum number of samples per set, without ties, for the exact distribution of U.
const MOST_EXACT: usize = 20;

/// Mann and Whitney's rank test of whether `second` tends to be larger than `first`: exact for small sets, otherwise by
/// the normal approximation with corrections for ties and continuity. `None` if a set is empty or has a NaN.
pub fn rank_test(first: &[f64], second: &[f64]) -> Option<RankTest> {
    let (m, n) = (first.len(), second.len());
    if m == 0 || n == 0 || first.iter().chain(second).any(|sample| sample.is_nan()) {
        return None;
    }
    let mut pooled: Vec<(f64, bool)> =
        first.iter().map(|&value| (value, false)).chain(second.iter().map(|&value| (value, true))).collect();
    pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut before, mut rank_sum, mut ties) = (0.0, 0.0, 0.0);
    for group in pooled.chunk_by(|a, b| a.0 == b.0) {
        let size = group.len() as f64;
        let rank = before + 0.5 * (size + 1.0);
        before += size;
        rank_sum += rank * group.iter().filter(|(_, is_second)| *is_second).count() as f64;
        ties += size.powi(3) - size;
    }
    let pairs = (m * n) as f64;
    let u = rank_sum - 0.5 * (n * (n + 1)) as f64;
    let delta = 2.0 * u / pairs - 1.0;
    let p_value = if ties == 0.0 && m <= MOST_EXACT && n <= MOST_EXACT {
        exact_p_value(m, n, u)
    } else {
        let total = (m + n) as f64;
        let variance = pairs / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
        let distance = ((u - 0.5 * pairs).abs() - 0.5).max(0.0);
        if variance > 0.0 { erfc(distance / (2.0 * variance).sqrt()) } else { 1.0 }
    };
    Some(RankTest { u, p_value: p_value.min(1.0), delta })
}

/// The exact two-sided probability. The number of arrangements with a given U satisfies `w(m, n, u) = w(m - 1, n, u -
/// n) + w(m, n - 1, u)`.
fn exact_p_value(m: usize, n: usize, u: f64) -> f64 {
    let most = m * n;
    // `ways[j][u]` for the current m, where j is the size of the second set.
    let mut ways = vec![vec![0.0; most + 1]; n + 1];
    ways.iter_mut().for_each(|row| row[0] = 1.0);
    for _ in 1..=m {
        let mut next = vec![vec![0.0; most + 1]; n + 1];
        next[0][0] = 1.0;
        for j in 1..=n {
            for sum in 0..=most {
                let taken = if sum >= j { ways[j][sum - j] } else { 0.0 };
                next[j][sum] = taken + next[j - 1][sum];
            }
        }
        ways = next;
    }
    let far = (u - 0.5 * most as f64).abs();
    let is_as_far = |sum: usize| (sum as f64 - 0.5 * most as f64).abs() >= far - 1e-9;
    let total: f64 = ways[n].iter().sum();
    (0..=most).filter(|&sum| is_as_far(sum)).map(|sum| ways[n][sum]).sum::<f64>() / total
}

/// Holm's correction of the p-values of several tests (Holm 1979), which bounds the probability of any false positive.
/// The smallest of n is multiplied by n, the next by n - 1, and so on; none is smaller than the one before it.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let (mut corrected, mut least) = (vec![1.0; p_values.len()], 0f64);
    for (place, &index) in order.iter().enumerate() {
        least = least.max(p_values[index] * (p_values.len() - place) as f64).min(1.0);
        corrected[index] = least;
    }
    corrected
}

fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// A line `y = intercept + slope · x`, fitted by least squares of relative errors.
///
/// The spread of a time grows with the time, so each point is weighted by the inverse square of its y. Otherwise the
/// noise of the largest points would determine the intercept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The increase of y per unit of x.
    pub slope: f64,
    /// The value of y at x = 0.
    pub intercept: f64,
    /// The fraction of the weighted variance of y that the line explains.
    pub r_squared: f64,
}

/// The line through `points`, whose y must be above 0; `None` if the points do not determine a line.
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    if points.len() < 2 || points.iter().any(|(x, y)| !(x.is_finite() && y.is_finite() && *y > 0.0)) {
        return None;
    }
    let sum = |value: &dyn Fn(f64, f64) -> f64| points.iter().map(|&(x, y)| value(x, y) / (y * y)).sum::<f64>();
    let weight = sum(&|_, _| 1.0);
    let (mean_x, mean_y) = (sum(&|x, _| x) / weight, sum(&|_, y| y) / weight);
    let xx = sum(&|x, _| (x - mean_x).powi(2));
    let xy = sum(&|x, y| (x - mean_x) * (y - mean_y));
    let yy = sum(&|_, y| (y - mean_y).powi(2));
    if xx <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let r_squared = if yy > 0.0 { xy * xy / (xx * yy) } else { 1.0 };
    Some(Line { slope, intercept: mean_y - slope * mean_x, r_squared })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
    }

    /// Samples of a distribution by its quantile function.
    fn drawn(count: usize, seed: u64, quantile: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut generator = SplitMix64::new(seed);
        (0..count).map(|_| quantile(f64::from(generator.unit()))).collect()
    }

    #[test]
    fn quantiles_lie_between_samples() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]).expect("samples");
        assert_eq!((summary.n, summary.min, summary.mean, summary.max), (4, 1.0, 2.5, 4.0));
        close(summary.p50, 2.5, 1e-12);
        close(summary.p90, 3.7, 1e-12);
        let one = Summary::of(&[7.0]).expect("a sample");
        assert_eq!((one.p50, one.p99, one.p50_ci95), (7.0, 7.0, [7.0, 7.0]));
        assert!(Summary::of(&[]).is_none() && Summary::of(&[1.0, f64::NAN]).is_none());
    }

    #[test]
    fn a_long_list_has_the_quantiles_of_its_distribution() {
        // Exponential: the quantile of p is -ln(1 - p).
        let samples = drawn(20_000, 3, |p| -(1.0 - p).ln());
        let summary = Summary::of(&samples).expect("samples");
        close(summary.p50, 2f64.ln(), 0.03);
        close(summary.p90, 10f64.ln(), 0.06);
        close(summary.p99, 100f64.ln(), 0.2);
        close(summary.mean, 1.0, 0.03);
        // The median's standard error is 1 / (2 f √n) = 1 / √n here; the interval is 3.92 of them.
        let [low, high] = summary.p50_ci95;
        close(high - low, 3.92 / 20_000f64.sqrt(), 0.008);
    }

    #[test]
    fn the_interval_holds_the_median_about_as_often_as_it_says() {
        let holds = |seed| {
            let summary = Summary::of(&drawn(41, seed, |p| -(1.0 - p).ln())).expect("samples");
            summary.p50_ci95[0] <= 2f64.ln() && 2f64.ln() <= summary.p50_ci95[1]
        };
        let held = (0..400).filter(|&seed| holds(seed)).count();
        // 95 % of 400 is 380; the bootstrap of few samples is a little off.
        assert!((365..=396).contains(&held), "{held} of 400");
    }

    #[test]
    fn ranks_tell_sets_apart() {
        // Every sample of the second is larger: the smallest of the 2 · C(6, 3)⁻¹ tails.
        let apart = rank_test(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]).expect("samples");
        assert_eq!((apart.u, apart.delta), (9.0, 1.0));
        close(apart.p_value, 0.1, 1e-12);
        let same = rank_test(&[1.0, 4.0], &[2.0, 3.0]).expect("samples");
        assert_eq!((same.u, same.delta, same.p_value), (2.0, 0.0, 1.0));
        let tied = rank_test(&[1.0; 5], &[1.0; 5]).expect("samples");
        assert_eq!((tied.delta, tied.p_value), (0.0, 1.0));
        assert!(rank_test(&[], &[1.0]).is_none());
    }

    #[test]
    fn counted_and_approximated_probabilities_agree() {
        let first: Vec<f64> = (0..20).map(f64::from).collect();
        let second: Vec<f64> = (0..20).map(|index| f64::from(index) + 4.5).collect();
        let exact = rank_test(&first, &second).expect("samples");
        // With one tie the approximation is used.
        let (mut first, mut second) = (first, second);
        first.push(100.0);
        second.push(100.0);
        let approximate = rank_test(&first, &second).expect("samples");
        close(exact.p_value, approximate.p_value, 0.02);
    }

    #[test]
    fn sets_of_one_distribution_are_rarely_called_different() {
        let called = (0..1000).filter(|&seed| {
            let samples = drawn(60, seed, |p| -(1.0 - p).ln());
            rank_test(&samples[..30], &samples[30..]).expect("samples").p_value < 0.05
        });
        let called = called.count();
        assert!((30..=70).contains(&called), "{called} of 1000 at 5 %");
    }

    #[test]
    fn the_ratio_of_medians_has_an_interval() {
        let same = median_ratio(&[3.0; 9], &[6.0; 9]).expect("samples");
        assert_eq!((same.ratio, same.ci95), (2.0, [2.0, 2.0]));
        assert!(median_ratio(&[0.0], &[1.0]).is_none() && median_ratio(&[1.0], &[]).is_none());
        let holds = |seed| {
            let samples = drawn(82, seed, |p| 1.0 - (1.0 - p).ln());
            let double: Vec<f64> = samples[41..].iter().map(|sample| 2.0 * sample).collect();
            let [low, high] = median_ratio(&samples[..41], &double).expect("samples").ci95;
            low <= 2.0 && 2.0 <= high
        };
        // 95 % of 400 is 380; the bootstrap of few samples is a little wide.
        let held = (0..400).filter(|&seed| holds(seed)).count();
        assert!((365..=396).contains(&held), "{held} of 400");
    }

    #[test]
    fn several_tests_are_corrected_for_each_other() {
        // Holm's steps by hand: 4 · 0.01, 3 · 0.02, 2 · 0.03 raised to 0.06 by the one before, 0.5.
        let corrected = holm(&[0.03, 0.01, 0.5, 0.02]);
        for (found, expected) in corrected.into_iter().zip([0.06, 0.04, 0.5, 0.06]) {
            close(found, expected, 1e-12);
        }
        assert_eq!((holm(&[0.7, 0.9]), holm(&[])), (vec![1.0, 1.0], vec![]));
    }

    #[test]
    fn a_line_is_found_through_its_points() {
        let found = line(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]).expect("a line");
        close(found.slope, 2.0, 1e-12);
        close(found.intercept, 3.0, 1e-12);
        close(found.r_squared, 1.0, 1e-12);
        // A large point that is 10 % too high moves the intercept by less than 10 %.
        let noisy = line(&[(1.0, 1.1), (2.0, 1.2), (4.0, 1.4), (128.0, 1.1 * 13.8)]).expect("a line");
        assert!((noisy.intercept - 1.0).abs() < 0.1, "{noisy:?}");
        for none in [&[(1.0, 5.0), (1.0, 7.0)][..], &[(1.0, 2.0)], &[(1.0, 0.0), (2.0, 1.0)]] {
            assert!(line(none).is_none());
        }
    }
}
