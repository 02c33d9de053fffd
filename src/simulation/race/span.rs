//! Formats durations for people.

use std::fmt::Write;

/// Exact to the millisecond: `1d 2h 3m 4.005s`.
pub(super) fn exact(ms: u64) -> String {
    let mut text = String::new();
    let (seconds, rest) = (ms / 1_000, ms % 1_000);
    for (count, unit) in [(seconds / 86_400, 'd'), (seconds / 3_600 % 24, 'h'), (seconds / 60 % 60, 'm')] {
        if count > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{count}{unit} ");
        }
    }
    if seconds % 60 > 0 || rest > 0 || text.is_empty() {
        let _ = write!(text, "{}", seconds % 60);
        if rest > 0 {
            let fraction = format!(".{rest:03}");
            text.push_str(fraction.trim_end_matches('0'));
        }
        text.push('s');
    }
    text.trim_end().to_owned()
}

/// Rounded for reading: `4.01s`, `3m 4s`, `2h 3m`, `1d 2h`.
pub(super) fn about(ms: u64) -> String {
    let grain = match ms {
        0..10_000 => 10,
        10_000..60_000 => 100,
        60_000..3_600_000 => 1_000,
        3_600_000..86_400_000 => 60_000,
        _ => 3_600_000,
    };
    exact(if ms < 1_000 { ms } else { (ms + grain / 2) / grain * grain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_printed_with_units() {
        let spans = [0, 5, 999, 1_000, 60_000, 61_050, 3_600_000, 93_784_005, 8_640_000_000];
        let told = ["0s", "0.005s", "0.999s", "1s", "1m", "1m 1.05s", "1h", "1d 2h 3m 4.005s", "100d"];
        assert_eq!(spans.map(exact), told);
        let rough = ["0s", "0.005s", "0.999s", "1s", "1m", "1m 1s", "1h", "1d 2h", "100d"];
        assert_eq!(spans.map(about), rough);
        assert_eq!([4_006, 59_960, 3_599_700].map(about), ["4.01s", "1m", "1h"]);
    }

    #[test]
    fn a_printed_span_reads_back() {
        for ms in [0, 5, 1_234, 61_050, 93_784_005, 8_640_000_000] {
            let span = crate::base::clock::read_span(&exact(ms)).unwrap();
            assert_eq!(span.as_millis(), i128::from(ms));
        }
    }
}
