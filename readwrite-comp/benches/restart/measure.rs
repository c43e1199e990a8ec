//! Time (medians), instructions (callgrind) and peak memory of one case.

use crate::case::{Case, Prepared};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub struct Measure {
    quick: bool,
    /// Instructions that were counted, by case; none if they cannot be.
    counted: Option<RefCell<HashMap<String, Option<f64>>>>,
}

/// In nanoseconds: what takes longer is not counted.
const SLOW: f64 = 3e7;

#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// The median.
    pub nanoseconds: f64,
    pub fastest: f64,
    pub instructions: Option<f64>,
    pub peak: usize,
    pub attempts: f64,
}

impl Measure {
    /// Quickly, or with instructions too where there is valgrind.
    pub fn new(quick: bool) -> Self {
        let valgrind = || Command::new("valgrind").arg("--version").output().is_ok();
        Self {
            quick,
            counted: (!quick && valgrind()).then(RefCell::default),
        }
    }

    pub fn quick(&self) -> bool {
        self.quick
    }

    fn instructions(&self, case: Case, nanoseconds: f64) -> Option<f64> {
        // valgrind takes fifty times as long, and counts a long copy as one instruction for each byte.
        if nanoseconds > SLOW || case.field() {
            return None;
        }
        // The floor knows no turns.
        let case = if case.is_floor() { case.floor() } else { case };
        let mut counted = self.counted.as_ref()?.borrow_mut();
        *counted
            .entry(case.name())
            .or_insert_with(|| instructions(case))
    }

    /// The cost of a case and of its floor, in turns so that both see the same machine.
    pub fn cost(&self, case: Case) -> (Cost, Cost) {
        let (mut own, mut floor) = (Prepared::new(case), Prepared::new(case.floor()));
        let mut floor_times = Vec::new();
        let own_times = self.times(&mut own, || {
            // As many as fit the time of one, so that the floor's median is as good.
            floor_times.extend((0..4).map(|_| timed(&mut floor)));
        });
        let cost = |prepared: &mut Prepared, times: Vec<f64>, case: Case| {
            let before = prepared.attempts();
            let peak = peak(|| prepared.once());
            let after = prepared.attempts();
            let fastest = times.iter().copied().fold(f64::MAX, f64::min);
            let nanoseconds = median(times);
            Cost {
                nanoseconds,
                fastest,
                instructions: self.instructions(case, nanoseconds),
                peak,
                attempts: (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64,
            }
        };
        (
            cost(&mut own, own_times, case),
            cost(&mut floor, floor_times, case.floor()),
        )
    }

    /// The median time of a case, in nanoseconds.
    pub fn time(&self, case: Case) -> f64 {
        median(self.times(&mut Prepared::new(case), || {}))
    }

    fn times(&self, prepared: &mut Prepared, mut between: impl FnMut()) -> Vec<f64> {
        let budget = Duration::from_millis(if self.quick { 30 } else { 200 });
        let mut times = Vec::new();
        let begun = Instant::now();
        // The quadratic ones take seconds, and a few of those do.
        while (times.len() < 5 && begun.elapsed() < 10 * budget) || begun.elapsed() < budget {
            times.push(timed(prepared));
            between();
        }
        times
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

/// Instructions of one run, by the difference between one and none.
fn instructions(case: Case) -> Option<f64> {
    let count = |times: &str| {
        let out = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().ok()?)
            .args(["--case", &case.name(), "--times", times])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        let line = text.lines().find(|line| line.contains("Collected"))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    std::thread::scope(|scope| {
        let none = scope.spawn(|| count("0"));
        let one = count("1")?;
        Some(one - none.join().ok()??)
    })
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

/// The most bytes that were allocated beyond those before `run`. What is kept between messages does
/// not show here.
fn peak(run: impl FnOnce()) -> usize {
    NOW.store(0, Relaxed);
    PEAK.store(0, Relaxed);
    COUNTS.store(true, Relaxed);
    run();
    COUNTS.store(false, Relaxed);
    PEAK.load(Relaxed).max(0) as usize
}
