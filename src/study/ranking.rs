//! The agreement of two rankings of the same items. The order of a recommender matters, not its scores.

use std::cmp::Ordering;

/// The agreement of a ranking with a reference ranking of the same items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankAgreement {
    /// The number of ranked items.
    pub n: usize,
    /// The number of top positions that the fields below look at.
    pub k: usize,
    /// Kendall's τ-b over all items: 1 for the same order, -1 for the reverse. Also 1 if all items are tied in both
    /// rankings.
    pub kendall_tau: f64,
    /// Normalised discounted cumulative gain of the first k. The gain of an item is k for the reference's best item, 1
    /// for its k-th, 0 beyond.
    pub ndcg: f64,
    /// The fraction of the reference's first k that are among the first k.
    pub top_k_overlap: f64,
    /// Whether the best item is the same.
    pub same_best: bool,
    /// The number of positions in the first k that hold another item than in the reference.
    pub moved_in_top_k: usize,
}

/// The agreement of the orders of `scores` and `reference`: highest first, equal scores in item order. `None` if there
/// are no items, or the numbers differ.
pub(super) fn rank_agreement(reference: &[f64], scores: &[f64], k: usize) -> Option<RankAgreement> {
    let n = reference.len();
    if n == 0 || n != scores.len() || k == 0 {
        return None;
    }
    let k = k.min(n);
    let (ideal, order) = (order(reference), order(scores));
    let gain = |item: usize| ideal[..k].iter().position(|&other| other == item).map_or(0, |place| k - place) as f64;
    let discounted =
        |order: &[usize]| -> f64 { (0..k).map(|place| gain(order[place]) / (place as f64 + 2.0).log2()).sum() };
    let shared = order[..k].iter().filter(|item| ideal[..k].contains(item)).count();
    Some(RankAgreement {
        n,
        k,
        kendall_tau: kendall_tau(reference, scores),
        ndcg: discounted(&order) / discounted(&ideal),
        top_k_overlap: shared as f64 / k as f64,
        same_best: order[0] == ideal[0],
        moved_in_top_k: (0..k).filter(|&place| order[place] != ideal[place]).count(),
    })
}

/// Items by score: highest first, NaN last, equal scores in item order.
fn order(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    // Of equal scores, which NaN are among themselves, the sort keeps the order.
    order.sort_by(|&a, &b| {
        let (a, b) = (scores[a], scores[b]);
        a.is_nan().cmp(&b.is_nan()).then(b.partial_cmp(&a).unwrap_or(Ordering::Equal))
    });
    order
}

/// Kendall's τ-b: concordant minus discordant pairs, divided by the geometric mean of the numbers of untied pairs on
/// each side (Kendall 1945). All pairs are compared: rankings have hundreds of items.
fn kendall_tau(first: &[f64], second: &[f64]) -> f64 {
    let (mut agreement, mut untied_first, mut untied_second) = (0i64, 0i64, 0i64);
    for a in 0..first.len() {
        for b in a + 1..first.len() {
            let (x, y) = (sign(first[a], first[b]), sign(second[a], second[b]));
            agreement += x * y;
            untied_first += x * x;
            untied_second += y * y;
        }
    }
    match (untied_first, untied_second) {
        (0, 0) => 1.0,
        (0, _) | (_, 0) => 0.0,
        (x, y) => agreement as f64 / ((x as f64) * (y as f64)).sqrt(),
    }
}

fn sign(a: f64, b: f64) -> i64 {
    match a.partial_cmp(&b) {
        Some(Ordering::Less) => -1,
        Some(Ordering::Greater) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(reference: &[f64], scores: &[f64], k: usize) -> RankAgreement {
        rank_agreement(reference, scores, k).expect("rankings of the same items")
    }

    #[test]
    fn the_same_order_agrees_whatever_the_scores() {
        let found = agreement(&[0.1, 0.9, 0.5, 0.3], &[-3.0, 8.0, 7.0, -2.0], 2);
        assert_eq!((found.kendall_tau, found.ndcg, found.top_k_overlap), (1.0, 1.0, 1.0));
        assert!(found.same_best && found.moved_in_top_k == 0);
    }

    #[test]
    fn the_reverse_order_is_as_wrong_as_can_be() {
        let found = agreement(&[4.0, 3.0, 2.0, 1.0], &[1.0, 2.0, 3.0, 4.0], 2);
        assert_eq!((found.kendall_tau, found.ndcg, found.top_k_overlap), (-1.0, 0.0, 0.0));
        assert!(!found.same_best && found.moved_in_top_k == 2);
    }

    #[test]
    fn one_swap_is_worth_what_the_formulas_say() {
        // Items 0 and 1 are swapped: of 6 pairs 5 agree and 1 does not.
        let found = agreement(&[4.0, 3.0, 2.0, 1.0], &[3.0, 4.0, 2.0, 1.0], 3);
        assert!((found.kendall_tau - 4.0 / 6.0).abs() < 1e-12);
        let discount = |place: f64| 1.0 / (place + 1.0).log2();
        let ideal = 3.0 * discount(1.0) + 2.0 * discount(2.0) + discount(3.0);
        let swapped = 2.0 * discount(1.0) + 3.0 * discount(2.0) + discount(3.0);
        assert!((found.ndcg - swapped / ideal).abs() < 1e-12);
        assert_eq!((found.top_k_overlap, found.moved_in_top_k), (1.0, 2));
    }

    #[test]
    fn ties_and_nan_have_a_place() {
        // τ-b of a tie in one side: 5 pairs agree, 6 and 5 are untied.
        let found = agreement(&[4.0, 3.0, 2.0, 1.0], &[4.0, 3.0, 1.0, 1.0], 4);
        assert!((found.kendall_tau - 5.0 / 30f64.sqrt()).abs() < 1e-12);
        let found = agreement(&[2.0, 1.0], &[f64::NAN, 1.0], 1);
        assert!(!found.same_best);
        assert_eq!(order(&[f64::NAN, f64::NEG_INFINITY, 0.0]), [2, 1, 0]);
        assert_eq!(agreement(&[1.0, 1.0], &[2.0, 2.0], 1).kendall_tau, 1.0);
        assert!(rank_agreement(&[], &[], 1).is_none() && rank_agreement(&[1.0], &[1.0, 2.0], 1).is_none());
    }
}
