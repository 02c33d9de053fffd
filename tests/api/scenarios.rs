//! Scenarios: how they are stored, matched and answered.

mod documents;
mod exact_numbers;
mod faults;
mod live;
mod over_http;
mod races;
mod shipped;
mod template_attacks;
mod template_messages;
