use std::fmt::Write;

use crate::{Show, drawable, escaped, open, powers};

const LEFT: f64 = 230.0;
const BAR: f64 = 330.0;
const LINE: f64 = 22.0;
const OURS: &str = "#0072b2";
const PEERS: &str = "#a0aec0";

/// Panels of horizontal bars, each on its own logarithmic scale; ours stand out from the peers'.
///
/// ```
/// let mut bars = plot::Bars::default();
/// bars.panel("Switch (ns)", |ns| format!("{ns} ns"), [("ours", true, 20.0), ("a peer", false, 400.0)]);
/// assert!(bars.svg().contains("a peer"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Bars {
    panels: Vec<Panel>,
}

#[derive(Clone, Debug)]
struct Panel {
    title: String,
    show: Show,
    rows: Vec<(String, bool, f64)>,
}

impl Bars {
    /// Adds a panel of rows: the name, whether it is ours, the value. A value that has no logarithm
    /// has no bar.
    pub fn panel<'a>(
        &mut self,
        title: &str,
        show: Show,
        rows: impl IntoIterator<Item = (&'a str, bool, f64)>,
    ) {
        self.panels.push(Panel {
            title: title.into(),
            show,
            rows: rows
                .into_iter()
                .map(|(name, ours, value)| (name.into(), ours, value))
                .collect(),
        });
    }

    /// The drawing.
    pub fn svg(&self) -> String {
        let lines: f64 = self
            .panels
            .iter()
            .map(|panel| panel.rows.len() as f64 + 2.5)
            .sum();
        let mut svg = open(LEFT + BAR + 110.0, 40.0 + lines * LINE);
        let mut y = 30.0;
        for panel in &self.panels {
            let values = panel.rows.iter().map(|row| row.2);
            let (low, high) = powers(values.filter(|value| drawable(*value)), 10.0);
            let scale = BAR / f64::from(high - low);
            // Infallible, here and below: the target is a String.
            let _ = writeln!(
                svg,
                "<text x=\"{LEFT}\" y=\"{y}\" font-weight=\"bold\">{} (log)</text>",
                escaped(&panel.title)
            );
            y += 10.0;
            for (name, ours, value) in &panel.rows {
                let length = match drawable(*value) {
                    true => ((value.log10() - f64::from(low)) * scale).max(2.0),
                    false => 0.0,
                };
                let fill = if *ours { OURS } else { PEERS };
                let _ = writeln!(
                    svg,
                    "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                     <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{fill}\"/>\
                     <text x=\"{:.1}\" y=\"{}\">{}</text>",
                    LEFT - 8.0,
                    y + LINE - 7.0,
                    escaped(name),
                    LINE - 4.0,
                    LEFT + length + 6.0,
                    y + LINE - 7.0,
                    escaped(&(panel.show)(*value)),
                );
                y += LINE;
            }
            y += LINE * 1.5;
        }
        svg.push_str("</svg>\n");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_logarithms() {
        let mut bars = Bars::default();
        let rows = [("a", true, 1.0), ("b", false, 10.0), ("c", false, 100.0)];
        bars.panel("t", |n| format!("{n}"), rows);
        let svg = bars.svg();
        assert!(svg.contains("width=\"2.0\""), "{svg}");
        assert!(svg.contains("width=\"165.0\""), "{svg}");
        assert!(svg.contains("width=\"330.0\""), "{svg}");
    }

    #[test]
    fn what_has_no_logarithm_has_no_bar() {
        let mut bars = Bars::default();
        bars.panel("t", |n| format!("{n}"), [("a", true, 0.0)]);
        assert!(bars.svg().contains("width=\"0.0\""));
        assert!(Bars::default().svg().ends_with("</svg>\n"));
    }
}
