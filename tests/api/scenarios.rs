//! Scenarios: how they are stored, matched and answered.

mod documents;
mod exact_numbers;
mod faults;
mod over_http;
mod races;
mod template_attacks;
mod template_messages;
