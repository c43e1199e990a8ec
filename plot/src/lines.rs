use std::fmt::Write;

use crate::{COLOURS, Show, drawable, escaped, open, powers};

const LEFT: f64 = 80.0;
const TOP: f64 = 20.0;
const INNER: (f64, f64) = (470.0, 370.0);
const NAMES: f64 = 200.0;
const BOTTOM: f64 = 50.0;
/// Least distance between the names of lines.
const LINE: f64 = 14.0;
/// More gridlines than this would be grey.
const GRID: i32 = 10;

/// Lines over two logarithmic axes: a slope of one is linear, of two quadratic. The name of each
/// stands at its end.
///
/// ```
/// let mut lines = plot::Lines::new(("bytes", |n| format!("{n}")), ("µs", |us| format!("{us}")));
/// lines.line("ours", [(1024.0, 3.0), (4096.0, 12.0)]);
/// assert!(lines.svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug)]
pub struct Lines {
    x: (String, Show),
    y: (String, Show),
    lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Lines {
    /// Axes with these names. The one along the bottom has its marks at powers of two, the other at
    /// powers of ten.
    pub fn new(x: (&str, Show), y: (&str, Show)) -> Self {
        Self {
            x: (x.0.into(), x.1),
            y: (y.0.into(), y.1),
            lines: Vec::new(),
        }
    }

    /// Adds a line. Points that have no logarithm are left out.
    pub fn line(&mut self, name: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let points = points
            .into_iter()
            .filter(|(x, y)| drawable(*x) && drawable(*y))
            .collect();
        self.lines.push((name.into(), points));
    }

    /// The drawing.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let (x0, x1) = powers(points().map(|point| point.0), 2.0);
        let (y0, y1) = powers(points().map(|point| point.1), 10.0);
        let x = |value: f64| LEFT + (value.log2() - f64::from(x0)) / f64::from(x1 - x0) * INNER.0;
        let y = |value: f64| TOP + (f64::from(y1) - value.log10()) / f64::from(y1 - y0) * INNER.1;
        let (right, bottom) = (LEFT + INNER.0, TOP + INNER.1);
        let mut svg = open(right + NAMES, bottom + BOTTOM);
        for power in y0..=y1 {
            let at = y(10f64.powi(power));
            let label = escaped(&(self.y.1)(10f64.powi(power)));
            // Infallible, here and below: the target is a String.
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                at + 4.0
            );
        }
        let step = ((x1 - x0) / GRID + 1) as usize;
        for power in (x0..=x1).step_by(step) {
            let at = x(2f64.powi(power));
            let label = escaped(&(self.x.1)(2f64.powi(power)));
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#eee\"/><text x=\"{at:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\" font-size=\"10\">{label}</text>",
                bottom + 16.0
            );
        }
        for ((_, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let path: Vec<_> = points
                .iter()
                .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            );
        }
        for (name, colour, x, y) in self.names(|point| (x(point.0), y(point.1))) {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{}</text>",
                x + 6.0,
                y + 4.0,
                escaped(name)
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n</svg>",
            LEFT + INNER.0 / 2.0,
            bottom + 38.0,
            escaped(&self.x.0),
            TOP + INNER.1 / 2.0,
            escaped(&self.y.0)
        );
        svg
    }

    /// Names with their colours and places: at the lines' ends, pushed down where one would cover
    /// another.
    fn names(
        &self,
        place: impl Fn((f64, f64)) -> (f64, f64),
    ) -> Vec<(&str, &'static str, f64, f64)> {
        let mut names: Vec<_> = self
            .lines
            .iter()
            .zip(COLOURS.iter().cycle())
            .filter_map(|((name, points), colour)| {
                let (x, y) = place(*points.last()?);
                Some((name.as_str(), *colour, x, y))
            })
            .collect();
        names.sort_by(|a, b| a.3.total_cmp(&b.3));
        for i in 1..names.len() {
            let above = names[..i]
                .iter()
                .filter(|other| (other.2 - names[i].2).abs() < NAMES)
                .map(|other| other.3 + LINE)
                .fold(f64::MIN, f64::max);
            names[i].3 = names[i].3.max(above);
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        Lines::new(("size", |n| format!("{n}")), ("time", |n| format!("{n}")))
    }

    #[test]
    fn a_line_goes_where_its_points_are() {
        let mut lines = lines();
        lines.line("one", [(1.0, 1.0), (2.0, 10.0)]);
        let svg = lines.svg();
        // From the lower left corner to the upper right one: the y of a picture goes down.
        assert!(svg.contains("points=\"80.0,390.0 550.0,20.0\""), "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn what_has_no_logarithm_is_left_out() {
        let mut lines = lines();
        lines.line("one", [(0.0, 1.0), (1.0, f64::NAN), (4.0, 7.0)]);
        lines.line("none", []);
        let svg = lines.svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!svg.contains("none</text>"));
    }

    #[test]
    fn names_do_not_cover_each_other() {
        let mut lines = lines();
        for name in ["a", "b", "c<d"] {
            lines.line(name, [(1.0, 5.0), (8.0, 5.0)]);
        }
        let at: Vec<f64> = lines
            .names(|(x, y)| (x, y))
            .into_iter()
            .map(|name| name.3)
            .collect();
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= LINE));
        assert!(lines.svg().contains("c&lt;d"));
    }
}
