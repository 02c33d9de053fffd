//! The distribution of times, computed exactly from all of them.

use super::axis::Axis;
use serde::Serialize;
use utoipa::ToSchema;

/// Maximum number of bins in a histogram.
const MOST_BINS: u32 = 40;

/// At this ratio of the longest to the shortest time, bins of equal width become too coarse.
const FAR: u64 = 20;

/// A distribution of times. Percentiles are exact: each is a time that occurred.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RaceSpread)]
pub struct Spread {
    /// Number of times.
    #[schema(minimum = 1)]
    pub runs: u64,
    pub min_ms: u64,
    pub p10_ms: u64,
    pub median_ms: u64,
    pub p90_ms: u64,
    pub p99_ms: u64,
    pub max_ms: u64,
    pub mean_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
}

/// Counts of times.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RaceHistogram)]
pub struct Histogram {
    #[schema(inline)]
    pub scale: Scale,
    /// Adjacent bins, shortest times first.
    #[schema(max_items = 40)]
    pub bins: Vec<Bin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// All bins have the same width.
    Linear,
    /// Each bin is wider than the previous one by the same factor.
    Log,
}

/// A range of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RaceBin)]
pub struct Bin {
    /// First time in the bin.
    pub from_ms: u64,
    /// First time after the bin.
    pub to_ms: u64,
    /// Number of times in the bin.
    pub runs: u64,
}

impl Spread {
    /// `None` without times.
    pub(super) fn of(mut times: Vec<u64>, with_histogram: bool) -> Option<Self> {
        times.sort_unstable();
        let (min_ms, max_ms) = (*times.first()?, *times.last()?);
        let count = times.len();
        let percentile = |percent: usize| {
            let rank = (count * percent).div_ceil(100).max(1);
            times.get(rank - 1).copied().unwrap_or(max_ms)
        };
        let runs = count as u64;
        let sum: u128 = times.iter().map(|time| u128::from(*time)).sum();
        let mean = (sum + u128::from(runs / 2)) / u128::from(runs);
        Some(Self {
            runs,
            min_ms,
            p10_ms: percentile(10),
            median_ms: percentile(50),
            p90_ms: percentile(90),
            p99_ms: percentile(99),
            max_ms,
            mean_ms: u64::try_from(mean).unwrap_or(max_ms),
            histogram: with_histogram.then(|| Histogram::of(&times, min_ms, max_ms)),
        })
    }
}

impl Histogram {
    /// The histogram of sorted times.
    fn of(times: &[u64], min: u64, max: u64) -> Self {
        let (scale, edges) = if max / min.max(1) >= FAR {
            (Scale::Log, Axis::log(min.max(1), max + 1).edges(MOST_BINS, min))
        } else {
            (Scale::Linear, super::axis::even_edges(min, max, MOST_BINS))
        };
        let below = |edge: u64| times.partition_point(|time| *time < edge);
        let bins = edges.windows(2).filter_map(|pair| match *pair {
            [from_ms, to_ms] => Some(Bin { from_ms, to_ms, runs: (below(to_ms) - below(from_ms)) as u64 }),
            _ => None,
        });
        Self { scale, bins: bins.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_observed_times() {
        let spread = Spread::of((1..=1000).rev().collect(), true).unwrap();
        let told = [spread.min_ms, spread.p10_ms, spread.median_ms, spread.p90_ms, spread.p99_ms, spread.max_ms];
        assert_eq!((told, spread.mean_ms), ([1, 100, 500, 900, 990, 1000], 501));
        let one = Spread::of(vec![7], true).unwrap();
        assert_eq!([one.min_ms, one.p10_ms, one.median_ms, one.p99_ms, one.max_ms, one.mean_ms], [7; 6]);
        assert_eq!(Spread::of(Vec::new(), true), None);
    }

    proptest! {
        #[test]
        fn every_time_is_in_one_bin(times in prop::collection::vec(prop_oneof![0..50_u64, 0..100_000_u64, 0..9_000_000_000_u64], 1..200)) {
            let count = times.len() as u64;
            let spread = Spread::of(times, true).unwrap();
            let bins = spread.histogram.unwrap().bins;
            prop_assert!(bins.len() <= MOST_BINS as usize, "{} bins", bins.len());
            prop_assert_eq!(bins.iter().map(|bin| bin.runs).sum::<u64>(), count);
            prop_assert!(bins.iter().all(|bin| bin.from_ms < bin.to_ms));
            prop_assert!(bins.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms));
            prop_assert!(bins[0].from_ms <= spread.min_ms && spread.max_ms < bins[bins.len() - 1].to_ms);
        }
    }
}
