use crate::case::{Case, checks, refuses};
use crate::values::{ints, ints_by};
use tfjs_wgpu::internals::ops::HashBucket;

fn hash(bins: u32, masked: Option<i32>) -> HashBucket {
    HashBucket { bins, masked, salt: None }
}

fn salted(bins: u32, masked: Option<i32>, salt: [u64; 2]) -> HashBucket {
    HashBucket { bins, masked, salt: Some(salt) }
}

/// One number for every length in decimal digits, with and without a sign.
const IDS: [i32; 22] = [
    0,
    1,
    -1,
    7,
    12,
    -12,
    123,
    999,
    1234,
    -123,
    12345,
    123456,
    1234567,
    12345678,
    -1234567,
    123456789,
    -12345678,
    1234567890,
    -123456789,
    i32::MAX,
    -1234567890,
    i32::MIN,
];

/// The results of `tf.strings.to_hash_bucket_fast(tf.as_string(IDS), buckets)`.
const IN_7: [i32; 22] = [2, 5, 4, 2, 3, 2, 2, 0, 1, 6, 6, 5, 4, 2, 1, 3, 3, 1, 2, 5, 5, 1];
const IN_100003: [i32; 22] = [
    77148, 17457, 10728, 46316, 85694, 46608, 99592, 30868, 11155, 36846, 1964, 30232, 86179, 55580, 507, 78051, 29727,
    50445, 82307, 23827, 44315, 25858,
];
const IN_65536: [i32; 22] = [
    33343, 3041, 30798, 13464, 17232, 25761, 49995, 60858, 56494, 37279, 48376, 8150, 33959, 46826, 5209, 56426, 39781,
    26302, 24928, 39221, 49613, 245,
];
const IN_MAX: [i32; 22] = [
    1633463888, 342560855, 1833158626, 1080489176, 1832549722, 360679, 1786308055, 73863083, 118103575, 1044512823,
    1572853542, 788128577, 2014225347, 692280247, 1819822146, 1684752350, 557182415, 1883116541, 192542825, 1331686642,
    882810075, 1508909984,
];

/// The results of `tf.strings.to_hash_bucket_strong(tf.as_string(IDS), buckets, key)` for the key 133, 133.
const SALTED_IN_7: [i32; 22] = [1, 5, 4, 5, 3, 0, 4, 3, 0, 5, 4, 6, 2, 2, 4, 5, 1, 2, 5, 3, 6, 6];
/// For the key 2⁵³ − 1, −3.
const SALTED_IN_100003: [i32; 22] = [
    97806, 29588, 13854, 73944, 34562, 47745, 68692, 56244, 55471, 61562, 17409, 25400, 55872, 12482, 48205, 68834,
    83175, 30777, 32882, 10314, 74497, 91279,
];
/// For the key 1, 2⁴⁰ + 5.
const SALTED_IN_MAX: [i32; 22] = [
    1945005827, 299744773, 245600745, 1220606089, 388052558, 1096052799, 725264327, 612636479, 761124306, 642106853,
    1534113642, 253230504, 1906774581, 1769392587, 1015419039, 1683469929, 166208443, 422689336, 920919049, 685806217,
    1712620575, 1603361558,
];

fn cases() -> Vec<Case> {
    let mut cases = by_tensorflow();
    for (bins, masked) in [(2, None), (65537, None), (i32::MAX as u32, Some(3)), (1000, Some(0)), (2, Some(-1))] {
        // Ids of every magnitude, so that texts of every length are frequent.
        let ids = ints_by(&[67, 33], |index| {
            let scrambled = (index as u32).wrapping_mul(2_654_435_761);
            scrambled as i32 >> (index % 31)
        });
        for op in [hash(bins, masked), salted(bins, masked, [u64::MAX, 1 << 32])] {
            cases.push(Case::new(format!("{op:?}"), op).input(ids.clone()));
        }
    }
    cases
}

fn by_tensorflow() -> Vec<Case> {
    let answers = |op: HashBucket, buckets: [i32; 22]| {
        Case::new(format!("{op:?} as TensorFlow answers"), op)
            .input(ints(&[2, 11], &IDS))
            .gives(ints(&[2, 11], &buckets))
    };
    let case = |bins, masked, buckets| answers(hash(bins, masked), buckets);
    // The masked id uses one of 8 bins.
    let masked = |masked: i32| {
        let mut buckets = IN_7.map(|bucket| bucket + 1);
        buckets[IDS.iter().position(|&id| id == masked).expect("one of the ids")] = 0;
        case(8, Some(masked), buckets)
    };
    vec![
        case(1, None, [0; 22]),
        case(7, None, IN_7),
        case(65536, None, IN_65536),
        case(100_003, None, IN_100003),
        case(i32::MAX as u32, None, IN_MAX),
        masked(0),
        masked(i32::MIN),
        masked(123),
        case(8, Some(5), IN_7.map(|bucket| bucket + 1)),
        answers(salted(7, None, [133, 133]), SALTED_IN_7),
        answers(salted(100_003, None, [(1 << 53) - 1, -3i64 as u64]), SALTED_IN_100003),
        answers(salted(i32::MAX as u32, None, [1, (1 << 40) + 5]), SALTED_IN_MAX),
        answers(salted(8, Some(5), [133, 133]), SALTED_IN_7.map(|bucket| bucket + 1)),
    ]
}

checks!(cases);

#[test]
fn operands_that_do_not_fit_are_rejected() {
    refuses(hash(7, None), &["int32[N, 2]", "int32[N, 2]"], "takes 1 inputs, not 2");
    refuses(hash(7, None), &["float32[N, 2]"], "takes int32 and not float32[N, 2]");
    refuses(hash(0, None), &["int32[N, 2]"], "cannot hash into 0 bins");
    refuses(hash(1, Some(0)), &["int32[N, 2]"], "cannot hash into 1 bins");
    refuses(hash(1 << 31, None), &["int32[N, 2]"], "cannot hash into 2147483648 bins");
}
