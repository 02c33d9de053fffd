//! Writes an exchange to the journal and the log, before its answer is delayed and when it is closed.

use super::{CUT_OFF, Findings, OpenExchange};
use crate::{
    base::position::{brief, shorten},
    domain::{
        journal::{Exchange, RecordedAnswer, mask_shapes},
        scenario::{Chosen, ChosenBy},
    },
    sandbox::Sandbox,
};
use std::sync::Arc;

impl OpenExchange {
    /// Records the exchange, or completes the pending one, and logs it. Returns its number.
    pub(super) fn record(
        &mut self,
        answer: Option<RecordedAnswer>,
        status: Option<&'static str>,
        is_refused: bool,
        reason: &str,
    ) -> u64 {
        let findings = std::mem::take(&mut self.findings);
        let head = std::mem::take(&mut self.head);
        self.enter_sandbox(findings.sandbox.as_ref());
        let exchange = Exchange { answer, status, ..self.exchange(findings, head) };
        log(&exchange, is_refused, reason);
        let number = match self.pending.take() {
            Some(pending) => {
                self.sandbox.finish_exchange(&pending, exchange);
                pending.number
            }
            None => self.sandbox.record(exchange),
        };
        self.app.make_room();
        number
    }

    /// Records the exchange before its answer is delayed. [`Self::record`] completes it.
    pub(super) fn record_pending(&mut self) {
        let sandbox = self.findings.sandbox.take();
        self.enter_sandbox(sandbox.as_ref());
        let exchange = self.exchange(self.findings.clone(), self.head.clone());
        self.pending = Some(self.sandbox.begin_exchange(Exchange { pending: true, ..exchange }));
        self.app.make_room();
    }

    /// Moves the exchange to the sandbox that the request's body identifies.
    fn enter_sandbox(&mut self, sandbox: Option<&Arc<Sandbox>>) {
        if let Some(sandbox) = sandbox {
            self.at = sandbox.clock.now();
            self.sandbox = Arc::clone(sandbox);
        }
    }

    /// Builds the exchange without its answer.
    fn exchange(&self, findings: Findings, head: Box<str>) -> Exchange {
        Exchange {
            at: self.at,
            client: findings.client,
            head,
            body: findings.body,
            answer: None,
            pending: false,
            violations: findings.violations,
            omitted_violations: findings.omitted_violations,
            advices: findings.advices,
            chosen: findings.chosen.unwrap_or_else(|| Chosen { by: ChosenBy::Nobody, why: CUT_OFF.into() }),
            scenarios: findings.scenarios,
            agent_session: findings.agent_session,
            token: findings.token,
            assertion: findings.assertion,
            status: None,
            duration: self.started.elapsed(),
            request_id: self.request_id.to_str().unwrap_or_default().into(),
        }
    }
}

/// Logs one line per request: refused ones at `info`, others at `debug`. The HTTP status does not tell them apart,
/// because the signing service answers errors with 200.
fn log(exchange: &Exchange, refused: bool, reason: &str) {
    if !(tracing::enabled!(tracing::Level::DEBUG) || refused && tracing::enabled!(tracing::Level::INFO)) {
        return;
    }
    let http_status = exchange.answer.as_ref().map_or(0, |answer| answer.status);
    let request = mask_shapes(exchange.head.lines().next().unwrap_or_default());
    let request = &*brief(&request);
    let reason = mask_shapes(reason);
    let reason = shorten(&reason);
    let nothing = if exchange.answer.is_some() { "none" } else { "no answer" };
    let (request_id, status) = (&*exchange.request_id, exchange.status.unwrap_or(nothing));
    let duration_us = u64::try_from(exchange.duration.as_micros()).unwrap_or(u64::MAX);
    if refused {
        tracing::info!(request_id, request, http_status, status, duration_us, "refused: {reason}");
    } else {
        tracing::debug!(request_id, request, http_status, status, duration_us, "answered: {reason}");
    }
}
