//! Races as SVG pictures without external resources, for light and dark pages.

mod bars;
mod lanes;

use std::fmt::{Display, Write};

/// Width of a picture.
const WIDTH: f64 = 960.0;

/// Left edge of the names and of other labels.
const LEFT: f64 = 24.0;
const PLOT: f64 = 216.0;
const PLOT_END: f64 = 836.0;

/// Maximum number of agents shown in a picture.
const MOST_SHOWN: usize = 100;

/// Colours by purpose. The rules for dark pages come last and take precedence.
const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.title{font-size:18px;font-weight:600}.strong{font-weight:600}.small{font-size:11px}\
.muted{fill:#59636e}.end{text-anchor:end}.middle{text-anchor:middle}\
.paper{fill:#fff}.band{fill:#dafbe1}.grid{stroke:#d1d9e0}.edge{stroke:#818b98}\
.bar{fill:#54aeff}.bar-win{fill:#2da44e}.bar-none{fill:#afb8c1}\
.waits{stroke:#818b98;stroke-width:2}.reads{stroke:#0969da;stroke-width:4}.holds{stroke:#2da44e;stroke-width:8}\
.gone{stroke:#afb8c1;stroke-width:2;stroke-dasharray:2 4}.moment{stroke:#1a7f37;stroke-dasharray:4 3}\
.invited,.released{fill:#fff;stroke:#818b98;stroke-width:2}.opened{fill:#0969da}.accepted,.signed{fill:#1a7f37}\
.tick{fill:none;stroke:#fff;stroke-width:2}.declined{fill:#cf222e}.refused{stroke:#cf222e;stroke-width:2.5;fill:none}\
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.muted{fill:#9198a1}.paper{fill:#0d1117}.band{fill:#12261e}\
.grid{stroke:#30363d}.edge{stroke:#656c76}.bar{fill:#1f6feb}.bar-win{fill:#238636}.bar-none{fill:#484f58}\
.waits{stroke:#656c76}.reads{stroke:#4493f8}.holds{stroke:#238636}.gone{stroke:#484f58}.moment{stroke:#3fb950}\
.invited,.released{fill:#0d1117;stroke:#9198a1}.opened{fill:#4493f8}.accepted,.signed{fill:#3fb950}\
.tick{stroke:#0d1117}.declined{fill:#f85149}.refused{stroke:#f85149}}";

/// A picture in progress.
struct Picture {
    body: String,
    label: String,
}

impl Picture {
    fn new(label: &str) -> Self {
        Self { body: String::new(), label: escaped(label) }
    }

    /// Appends raw SVG. Writing to a string cannot fail.
    fn add(&mut self, piece: impl Display) {
        let _ = writeln!(self.body, "{piece}");
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.add(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text)));
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"));
    }

    /// A rectangle with a tooltip.
    fn rect(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), title: &str) {
        let ((x, y), (width, height)) = (corner, size);
        let title = if title.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(title)) };
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\">{title}</rect>"
        ));
    }

    /// Returns the complete picture.
    fn finish(self, height: f64) -> String {
        let Self { body, label } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
             height=\"{height:.0}\" role=\"img\" aria-label=\"{label}\">\n<style>{STYLE}</style>\n\
             <rect class=\"paper\" width=\"{WIDTH:.0}\" height=\"{height:.0}\"/>\n{body}</svg>\n"
        )
    }
}

/// Converts an axis position from 0 to 1 to an x coordinate in the plot.
fn across(place: f64) -> f64 {
    PLOT + place * (PLOT_END - PLOT)
}

/// Escapes a text for XML and removes characters that XML does not allow.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            char if char.is_control() || matches!(char, '\u{FFFE}' | '\u{FFFF}') => escaped.push(' '),
            char => escaped.push(char),
        }
    }
    escaped
}

/// Shortens a name so that it fits beside the plot.
fn short(name: &str) -> String {
    const FITS: usize = 24;
    if name.chars().count() <= FITS {
        return name.to_owned();
    }
    name.chars().take(FITS - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_escaped_and_shortened() {
        let escaped = escaped("</text><script a=\"b\">&\u{1b}\u{ffff}");
        assert_eq!(escaped, "&lt;/text&gt;&lt;script a=&quot;b&quot;&gt;&amp;  ");
        assert_eq!(short("Maximiliane von und zu Wolkenstein"), "Maximiliane von und z...");
    }
}
