//! The plots of docs/benchmarks, as SVG: lines over logarithmic axes, and bars on a logarithmic
//! scale.
//!
//! ```text
//!   figures of a benchmark  -->  Lines, Bars  -->  svg()  -->  a file in docs/benchmarks
//! ```
//!
//! Every benchmark and the report of `mydht sim` draw with this, so that their plots look alike.

#![forbid(unsafe_code)]

mod bars;
mod lines;

pub use bars::Bars;
pub use lines::Lines;

/// Format of a number on an axis or beside a bar.
pub type Show = fn(f64) -> String;

/// Told apart by people who see colours differently: Okabe and Ito, "Color Universal Design", 2008.
const COLOURS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a6d00",
];

/// The first lines of a drawing of this size in pixels, on white.
fn open(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    )
}

/// A text as it may stand in SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Returns true if a value can be drawn on a logarithmic scale.
fn drawable(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// The span of `values` as whole powers of `base`; at least one power wide.
fn powers(values: impl Iterator<Item = f64>, base: f64) -> (i32, i32) {
    let (low, high) = values
        .map(|value| value.log(base))
        .fold((f64::MAX, f64::MIN), |(low, high), power| {
            (low.min(power), high.max(power))
        });
    if low > high {
        return (0, 1);
    }
    // A value that is a power but for rounding is on the edge, not beyond it.
    let low = (low + 1e-9).floor() as i32;
    let high = (high - 1e-9).ceil() as i32;
    (low, high.max(low + 1))
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_whole_powers() {
        assert_eq!(powers([3.0, 250.0].into_iter(), 10.0), (0, 3));
        assert_eq!(powers([10.0, 1000.0].into_iter(), 10.0), (1, 3));
        assert_eq!(powers([4096.0, 2_097_152.0].into_iter(), 2.0), (12, 21));
        assert_eq!(powers([7.0].into_iter(), 10.0), (0, 1));
        assert_eq!(powers([10.0].into_iter(), 10.0), (1, 2));
        assert_eq!(powers(std::iter::empty(), 10.0), (0, 1));
    }
}
