//! Time (medians), instructions (callgrind) and peak memory of one case.

use crate::data::{self, Gulps, Message};
use crate::{decode, encode};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// One cell of a table: way, byte field or structs, message size, bytes per turn.
#[derive(Clone, Copy, Debug)]
pub enum Case {
    Decode(decode::Way, bool, usize, usize),
    Encode(encode::Way, bool, usize, usize),
}

pub struct Measure {
    pub quick: bool,
    pub instructions: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub nanoseconds: f64,
    pub instructions: Option<f64>,
    pub peak: usize,
    pub attempts: f64,
}

impl Case {
    fn name(self) -> String {
        match self {
            Case::Decode(way, field, size, turn) => format!("decode/{way:?}/{field}/{size}/{turn}"),
            Case::Encode(way, field, size, turn) => format!("encode/{way:?}/{field}/{size}/{turn}"),
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        let parts: Vec<_> = name.split('/').collect();
        let [side, way, field, size, turn] = parts[..] else {
            return None;
        };
        let (field, size, turn) = (field.parse().ok()?, size.parse().ok()?, turn.parse().ok()?);
        if side == "decode" {
            let way = decode::Way::ALL
                .into_iter()
                .chain(decode::Way::DIRECT)
                .find(|w| format!("{w:?}") == way)?;
            Some(Case::Decode(way, field, size, turn))
        } else {
            let way = encode::Way::ALL
                .into_iter()
                .find(|w| format!("{w:?}") == way)?;
            Some(Case::Encode(way, field, size, turn))
        }
    }

    /// Runs the case `times` times: what callgrind counts.
    pub fn run(self, times: usize) {
        let mut prepared = Prepared::new(self);
        for _ in 0..times {
            prepared.once();
        }
    }

    fn floor(self) -> Self {
        match self {
            Case::Decode(_, field, size, _) => Case::Decode(decode::Way::OneShot, field, size, 1),
            Case::Encode(_, field, size, _) => Case::Encode(encode::Way::OneShot, field, size, 1),
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "one exists at a time")]
enum Prepared {
    Decode(decode::Decoder, Vec<u8>, usize),
    Encode(encode::Encoder, Message, Gulps),
}

impl Prepared {
    fn new(case: Case) -> Self {
        let message = |field, size| match field {
            true => data::field(size),
            false => data::records(size),
        };
        match case {
            Case::Decode(way, field, size, chunk) => {
                let message = message(field, size);
                let wire = way.wire(&data::encode(&message));
                let mut decoder = decode::Decoder::new(way);
                let decoded = decoder.run(&wire, chunk);
                if way != decode::Way::Turns {
                    assert_eq!(decoded, message, "{way:?}");
                }
                Self::Decode(decoder, wire, chunk)
            }
            Case::Encode(way, field, size, gulp) => {
                let message = message(field, size);
                let plain = data::encode(&message);
                let mut sink = Gulps::new(gulp, plain.len() + (plain.len() >> 8) + 64);
                let mut encoder = encode::Encoder::new(way);
                encoder.run(&message, &mut sink);
                if way != encode::Way::Framed {
                    assert!(sink.taken == plain, "{way:?}");
                }
                sink.clear();
                Self::Encode(encoder, message, sink)
            }
        }
    }

    #[inline(never)]
    fn once(&mut self) {
        match self {
            Self::Decode(decoder, wire, chunk) => {
                black_box(decoder.run(black_box(wire), *chunk));
            }
            Self::Encode(encoder, message, sink) => {
                sink.clear();
                encoder.run(black_box(message), sink);
                black_box(&sink.taken);
            }
        }
    }

    fn attempts(&self) -> (u64, u64) {
        match self {
            Self::Decode(decoder, ..) => (decoder.stats().attempts, decoder.stats().messages),
            Self::Encode(encoder, ..) => (encoder.stats().attempts, encoder.stats().messages),
        }
    }
}

impl Measure {
    /// The cost of a case and of its floor, in turns so that both see the same machine.
    pub fn cost(&self, case: Case) -> (Cost, Cost) {
        let (mut own, mut floor) = (Prepared::new(case), Prepared::new(case.floor()));
        let budget = Duration::from_millis(if self.quick { 60 } else { 600 });
        let (mut own_times, mut floor_times) = (Vec::new(), Vec::new());
        let begun = Instant::now();
        while own_times.len() < 5 || begun.elapsed() < budget {
            own_times.push(timed(&mut own));
            // As many as fit the time of one, so that the floor's median is as good.
            for _ in 0..4 {
                floor_times.push(timed(&mut floor));
            }
        }
        let cost = |prepared: &mut Prepared, times, case: Case| {
            let before = prepared.attempts();
            let peak = peak(|| prepared.once());
            let after = prepared.attempts();
            Cost {
                nanoseconds: median(times),
                instructions: self.instructions.then(|| instructions(case)).flatten(),
                peak,
                attempts: (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64,
            }
        };
        (
            cost(&mut own, own_times, case),
            cost(&mut floor, floor_times, case.floor()),
        )
    }
}

fn timed(prepared: &mut Prepared) -> f64 {
    let begun = Instant::now();
    prepared.once();
    begun.elapsed().as_nanos() as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Instructions of one run, by the difference between a few runs and one; none without valgrind.
fn instructions(case: Case) -> Option<f64> {
    let count = |times: usize| {
        let out = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().ok()?)
            .args(["--case", &case.name(), "--times", &times.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        let line = text.lines().find(|line| line.contains("Collected"))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    Some((count(4)? - count(1)?) / 3.0)
}

/// Counts bytes while it is told to.
struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static NOW: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

fn count(bytes: isize) {
    if COUNTS.load(Relaxed) {
        let now = NOW.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(now, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged; the counting touches atomics only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that were allocated beyond those before `run`. What is kept between messages does not show here.
fn peak(run: impl FnOnce()) -> usize {
    NOW.store(0, Relaxed);
    PEAK.store(0, Relaxed);
    COUNTS.store(true, Relaxed);
    run();
    COUNTS.store(false, Relaxed);
    PEAK.load(Relaxed).max(0) as usize
}
