//! `iat`, `nbf` and `exp`: the validity period of an assertion (T2; RFC 7519, 4.1).

use super::fate::{Bench, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// Maximum lifetime of an assertion, from `iat` to `exp`, in seconds (T2).
pub const LONGEST_LIFE: i64 = 300;

/// The clock that judges an assertion, and its tolerance.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The sandbox's current time.
    pub now: Timestamp,
    /// The system's current time, if an assertion that is valid by it is accepted as well.
    pub system_now: Option<Timestamp>,
    /// How far the client's clock may be off.
    pub skew: SignedDuration,
}

/// The times of an assertion, in seconds since 1970. A claim that is not a time counts as missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    iat: Option<f64>,
    nbf: Option<f64>,
    exp: Option<f64>,
}

impl Times {
    pub(super) fn of(claims: &Map<String, Value>) -> Self {
        let seconds = |name| claims.get(name).and_then(Value::as_f64);
        Self { iat: seconds("iat"), nbf: seconds("nbf"), exp: seconds("exp") }
    }

    /// The last second at which the assertion could be valid.
    pub(super) fn end(&self, skew: SignedDuration) -> i64 {
        let end = self.exp.unwrap_or_default() + skew.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
        let end = end.ceil() as i64;
        end
    }

    /// Judges all three. Returns whether they are valid only by the system's clock, not by the sandbox's.
    pub(super) fn judge(&self, claims: &Map<String, Value>, when: When, bench: &mut Bench) -> bool {
        let by_system = when
            .system_now
            .filter(|system| !self.is_in_time(when.now, when.skew) && self.is_in_time(*system, when.skew));
        let now = by_system.unwrap_or(when.now);
        self.judge_iat(claims, now, when.skew, bench);
        self.judge_exp(claims, now, when.skew, bench);
        self.judge_nbf(claims, now, when.skew, bench);
        by_system.is_some()
    }

    fn is_in_time(&self, now: Timestamp, skew: SignedDuration) -> bool {
        let (now, skew) = (seconds(now), skew.as_secs_f64());
        self.iat.is_none_or(|iat| iat - skew <= now)
            && self.nbf.is_none_or(|nbf| nbf - skew <= now)
            && self.exp.is_none_or(|exp| now < exp + skew)
    }

    fn judge_iat(&self, claims: &Map<String, Value>, now: Timestamp, skew: SignedDuration, bench: &mut Bench) {
        bench.judge("iat", self.iat.ok_or_else(|| no_time(claims.get("iat"))).and_then(|iat| begun(iat, now, skew)));
    }

    fn judge_exp(&self, claims: &Map<String, Value>, now: Timestamp, skew: SignedDuration, bench: &mut Bench) {
        let judged = self.exp.ok_or_else(|| no_time(claims.get("exp"))).and_then(|exp| {
            let life = self.iat.map(|iat| exp - iat);
            #[expect(clippy::cast_precision_loss, reason = "five minutes in seconds convert exactly")]
            let longest = LONGEST_LIFE as f64;
            match life {
                Some(life) if life <= 0.0 => Err(format!(
                    "it is {}, which is not after iat; set it to at most {LONGEST_LIFE} s after iat",
                    time(exp)
                )),
                Some(life) if life > longest => {
                    Err(format!("it is {} s after iat; it must be at most {LONGEST_LIFE} s after iat", rounded(life)))
                }
                _ if seconds(now) >= exp + skew.as_secs_f64() => {
                    let ago = rounded(seconds(now) - exp);
                    Err(format!("it expired {ago} s ago, at {}{}", time(exp), by(now, skew)))
                }
                _ => Ok(()),
            }
        });
        bench.judge("exp", judged);
    }

    fn judge_nbf(&self, claims: &Map<String, Value>, now: Timestamp, skew: SignedDuration, bench: &mut Bench) {
        match (claims.get("nbf"), self.nbf) {
            (None, _) => bench.tell("nbf", Verdict::Absent),
            (Some(nbf), None) => bench.refuse("nbf", no_time(Some(nbf))),
            (Some(_), Some(nbf)) => bench.judge("nbf", begun(nbf, now, skew)),
        }
    }
}

/// Whether a time has been reached.
fn begun(at: f64, now: Timestamp, skew: SignedDuration) -> Result<(), String> {
    if at - skew.as_secs_f64() <= seconds(now) {
        return Ok(());
    }
    let ahead = rounded(at - seconds(now));
    let hint = if at > 1e11 { "; is it in milliseconds? NumericDate counts seconds" } else { "" };
    Err(format!("it is {ahead} s in the future, at {}{}{hint}", time(at), by(now, skew)))
}

fn no_time(value: Option<&Value>) -> String {
    match value {
        None => "it is missing; expected a number of seconds since 1970".to_owned(),
        Some(Value::String(_)) => "it is a string; expected a number of seconds since 1970, without quotes".to_owned(),
        Some(other) => format!("it is {}; expected a number of seconds since 1970", super::claims::kind(other)),
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// The clock and its tolerance, as the end of a sentence.
fn by(now: Timestamp, skew: SignedDuration) -> String {
    format!(" (the clock shows {}, and {} s of skew are allowed)", time(seconds(now)), rounded(skew.as_secs_f64()))
}

fn time(at: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
    let second = at.floor() as i64;
    Timestamp::from_second(second).map_or_else(|_| rounded(at), |at| at.to_string())
}

/// At most three decimals. A number beyond the range of times is shown by its order of magnitude.
fn rounded(seconds: f64) -> String {
    if seconds.abs() < 1e15 {
        ((seconds * 1000.0).round() / 1000.0).to_string()
    } else {
        format!("more than {}1000000000000000", if seconds < 0.0 { "-" } else { "" })
    }
}
