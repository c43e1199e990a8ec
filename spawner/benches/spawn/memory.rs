//! Weight of suspended services: the heap by a counting allocator, and the resident pages (which
//! stacks are in), in a process of their own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Resident bytes of this process; 0 where the system does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<usize>().ok())
        .unwrap_or(0)
        * 1024
}

/// Prints what `make` added to both.
pub fn weigh(make: impl FnOnce() -> Box<dyn std::any::Any>) {
    let (heap, pages) = (BYTES.load(Relaxed), resident());
    let held = make();
    let heap = BYTES.load(Relaxed).saturating_sub(heap);
    let pages = resident().saturating_sub(pages);
    println!("{heap} {pages}");
    // A hundred thousand stacks need not be unwound.
    std::mem::forget(held);
    std::process::exit(0);
}

/// Bytes of heap and of resident pages of one of `crowd` services.
pub fn of_one(name: &str, crowd: usize) -> (f64, f64) {
    let exe = std::env::current_exe().expect("this program has a path");
    let output = Command::new(exe)
        .args(["--weigh", name, "--crowd", &crowd.to_string()])
        .output()
        .expect("this program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split_whitespace().map(|n| n.parse::<f64>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(heap)), Some(Ok(pages))) => (heap / crowd as f64, pages / crowd as f64),
        _ => panic!(
            "no weight of {name}: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}
