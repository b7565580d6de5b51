//! The format of numbers in reports.

/// A number with three significant digits, because repeated measurements differ in the third. A dash if the value is
/// not finite.
pub fn digits(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    if value != 0.0 && value.abs() < 1e-5 {
        return format!("{value:.2e}");
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let decimals = usize::try_from((2 - magnitude).clamp(0, 7)).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    // 9.996 becomes 10.0, not 10.00.
    let significant = text.chars().filter(char::is_ascii_digit).skip_while(|digit| *digit == '0').count();
    if significant > 3 && decimals > 0 { format!("{value:.0$}", decimals - 1) } else { text }
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn numbers_have_three_digits() {
        let cases = [
            (0.0, "0.00"),
            (1.19e-7, "1.19e-7"),
            (0.001_234, "0.00123"),
            (0.9996, "1.00"),
            (9.996, "10.0"),
            (12.34, "12.3"),
            (999.7, "1000"),
            (12_345.0, "12345"),
            (-0.5, "-0.500"),
            (f64::NAN, "–"),
        ];
        for (value, expected) in cases {
            assert_eq!(digits(value), expected);
        }
    }
}
