//! Cases that every spawner must pass: all commands are in the channel before the service starts,
//! and its streams open by themselves.

use crate::channel::{NoChannel, NoRecv, NoSend};
use crate::{Error, SpawnChannel, SpawnHandle, SpawnRecv, SpawnSend, SpawnUnyield, Spawner};

use super::services::{Blocks, Copy, Echo, Gate, Gated, Stream};
use super::world::{World, failure, reported_once};

/// Runs all cases of this module, each in a world and with a spawner and a channel of its own.
///
/// The cases in which a service panics are left out where a panic aborts the program.
///
/// # Panics
/// When the spawner breaks a promise.
pub fn conforms<W, P, Ch>(
    world: impl Fn() -> W,
    spawner: impl Fn(&W) -> P,
    channel: impl Fn() -> Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>
        + Spawner<Copy, Ch::Send, Ch::Recv>
        + Spawner<Gated, Ch::Send, Ch::Recv>
        + Spawner<Echo, NoSend, Ch::Recv>
        + Spawner<Echo, NoSend, NoRecv>,
{
    crate::__conformance_cases!(batch, [call world, spawner, channel]);
    #[cfg(panic = "unwind")]
    crate::__conformance_cases!(batch_panics, [call world, spawner, channel]);
}

fn drain<R: SpawnRecv<u32>>(results: &mut R) -> Vec<u32> {
    std::iter::from_fn(|| results.recv().unwrap_or(None)).collect()
}

fn filled<Ch: SpawnChannel<u32>>(channel: &mut Ch, commands: &[u32]) -> Ch::Recv {
    let (mut send, recv) = channel.new_channel().unwrap();
    for command in commands {
        send.send(*command).unwrap();
    }
    recv
}

/// Checks that 200 commands give 200 results, in order.
pub fn every_command_is_answered_once_and_in_order<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let commands: Vec<u32> = (0..200).collect();
    let recv = filled(&mut channel, &commands);
    let (out, mut results) = channel.new_channel().unwrap();
    let mut handle = spawner.spawn(Echo::default(), out, None, recv, 0).unwrap();
    assert!(world.finish(&mut handle).is_empty());
    let (service, out, _, ended) = handle.unwrap_state().unwrap();
    ended.unwrap();
    assert_eq!(service.seen, commands);
    assert_eq!(
        drain(&mut results),
        (0..200).map(|n| n + 1000 * n).collect::<Vec<_>>()
    );
    drop(out);
    assert!(matches!(results.recv(), Err(Error::Closed)));
}

/// Checks that the command given to `spawn` runs before those of the channel.
pub fn the_first_command_comes_before_the_channel<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let recv = filled(&mut channel, &[1, 2]);
    let (out, _results) = channel.new_channel().unwrap();
    let mut handle = spawner
        .spawn(Echo::default(), out, Some(0), recv, 0)
        .unwrap();
    assert!(world.finish(&mut handle).is_empty());
    assert_eq!(handle.unwrap_state().unwrap().0.seen, [0, 1, 2]);
}

/// Checks that `nb_loop` counts completed commands and no yields.
pub fn nb_loop_bounds_the_commands<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Copy, Ch::Send, Ch::Recv>,
{
    for (blocks, first) in [
        (Blocks::At(usize::MAX), Some(2)),
        (Blocks::Always, Some(2)),
        (Blocks::Always, None),
    ] {
        // Yields, however many, are no commands.
        let mut recv = filled(
            &mut channel,
            if first.is_some() {
                &[2, 2, 2]
            } else {
                &[2, 2, 2, 2]
            },
        );
        let (out, mut results) = channel.new_channel().unwrap();
        let service = Copy::new(Stream::new(vec![1; 100], blocks));
        let mut handle = spawner.spawn(service, out, first, recv, 3).unwrap();
        assert!(world.finish(&mut handle).is_empty());
        let (service, _, back, ended) = handle.unwrap_state().unwrap();
        recv = back;
        ended.unwrap();
        assert_eq!(service.stream.taken, 6);
        assert_eq!(drain(&mut results), [2, 2, 2]);
        // What was not run is still in the channel.
        assert_eq!(recv.recv().unwrap(), Some(2));
        assert!(matches!(recv.recv(), Err(Error::Closed)));
    }
}

/// Checks that a closed, empty channel, or none, ends the service without a failure.
pub fn nothing_to_do_is_an_end<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv> + Spawner<Echo, NoSend, NoRecv>,
{
    let recv = filled(&mut channel, &[]);
    let (out, _results) = channel.new_channel().unwrap();
    let mut handle = spawner.spawn(Echo::default(), out, None, recv, 0).unwrap();
    assert!(world.finish(&mut handle).is_empty());
    handle.unwrap_state().unwrap().3.unwrap();

    let (out, recv) = SpawnChannel::<u32>::new_channel(&mut NoChannel).unwrap();
    let mut handle = spawner
        .spawn(Echo::default(), out, Some(5), recv, 0)
        .unwrap();
    assert!(world.finish(&mut handle).is_empty());
    assert_eq!(handle.unwrap_state().unwrap().0.seen, [5]);
}

/// Checks that no byte is lost or doubled, whichever read, write or flush yields.
pub fn a_yield_at_every_single_call_of_a_stream_loses_nothing<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Copy, Ch::Send, Ch::Recv>,
{
    let bytes: Vec<u8> = (1..=12).collect();
    // 12 reads, 12 writes and 3 flushes; the last one never blocks.
    let mut patterns: Vec<Blocks> = (0..28).map(Blocks::At).collect();
    patterns.push(Blocks::Always);
    for blocks in patterns {
        let recv = filled(&mut channel, &[5, 0, 7]);
        let (out, mut results) = channel.new_channel().unwrap();
        let service = Copy::new(Stream::new(bytes.clone(), blocks.clone()));
        let mut handle = spawner.spawn(service, out, None, recv, 0).unwrap();
        assert!(world.finish(&mut handle).is_empty(), "{blocks:?}");
        let (service, _, _, ended) = handle.unwrap_state().unwrap();
        ended.unwrap();
        assert_eq!(service.stream.call, 27, "{blocks:?}");
        assert_eq!(*service.stream.output.lock().unwrap(), bytes, "{blocks:?}");
        assert_eq!(drain(&mut results), [15, 0, 63], "{blocks:?}");
    }
}

/// Fails at the second command.
fn failing(n: u32) -> crate::Result<u32> {
    match n {
        7 => Err(Error::service("seven is too much")),
        8 => Err(Error::End),
        9 => panic!("nine"),
        n => Ok(n),
    }
}

/// Runs 1, `bad`, 2 through a service that yields in each command or never, and gives how it ended.
fn ends_at<W, P, Ch>(
    world: &mut W,
    spawner: &mut P,
    channel: &mut Ch,
    bad: u32,
    yields: bool,
) -> (Vec<Error>, crate::Result<()>)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Gated, Ch::Send, Ch::Recv>,
{
    let gate = if yields {
        Gate::stubborn()
    } else {
        Gate::default()
    };
    gate.open(3);
    let recv = filled(channel, &[1, bad, 2]);
    let (out, mut results) = channel.new_channel().unwrap();
    let service = Gated::new(&gate, failing);
    let mut handle = spawner.spawn(service, out, None, recv, 0).unwrap();
    let mut failures = world.finish(&mut handle);
    // Once, also when it is asked again.
    failures.extend(handle.unyield().err());
    failures.extend(handle.unyield().err());
    assert!(handle.is_finished());
    let (service, _, mut recv, ended) = handle.unwrap_state().unwrap();
    assert_eq!(service.calls.load(std::sync::atomic::Ordering::SeqCst), 2);
    assert_eq!(drain(&mut results), [1]);
    // The command after it was not taken.
    assert_eq!(recv.recv().unwrap(), Some(2));
    (failures, ended)
}

macro_rules! ending {
    ($doc:literal, $name:ident, $bad:expr, $yields:expr, $failure:expr) => {
        #[doc = $doc]
        pub fn $name<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
        where
            W: World,
            Ch: SpawnChannel<u32>,
            P: Spawner<Gated, Ch::Send, Ch::Recv>,
        {
            let (failures, ended) = ends_at(world, &mut spawner, &mut channel, $bad, $yields);
            let expected: Option<&str> = $failure;
            match expected {
                Some(message) => {
                    assert_eq!(failure(ended), message);
                    reported_once(world, &failures);
                    assert!(failures.iter().all(|error| error.to_string() == message));
                }
                None => {
                    ended.unwrap();
                    assert!(failures.is_empty());
                }
            }
        }
    };
}

const PANIC: &str = "the service panicked: nine";
ending!(
    "Checks that an error ends the service and is in its handle.",
    an_error_ends_the_service_and_reaches_the_handle,
    7,
    false,
    Some("seven is too much")
);
ending!(
    "Checks that an error after a yield ends the service and is in its handle.",
    an_error_after_a_yield_reaches_the_handle,
    7,
    true,
    Some("seven is too much")
);
ending!(
    "Checks that `Error::End` ends the service without a failure.",
    an_end_is_no_failure,
    8,
    false,
    None
);
ending!(
    "Checks that `Error::End` after a yield ends the service without a failure.",
    an_end_after_a_yield_is_no_failure,
    8,
    true,
    None
);
ending!(
    "Checks that a panic ends the service and is in its handle.",
    a_panic_is_contained,
    9,
    false,
    Some(PANIC)
);
ending!(
    "Checks that a panic after a yield ends the service and is in its handle.",
    a_panic_after_a_yield_is_contained,
    9,
    true,
    Some(PANIC)
);

/// Checks that a result which nobody can receive ends the service with `Error::Closed`.
pub fn a_closed_out_channel_is_a_failure<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let recv = filled(&mut channel, &[1, 2]);
    let (out, results) = channel.new_channel().unwrap();
    drop(results);
    let mut handle = spawner.spawn(Echo::default(), out, None, recv, 0).unwrap();
    let failures = world.finish(&mut handle);
    reported_once(world, &failures);
    let (service, _, mut recv, ended) = handle.unwrap_state().unwrap();
    assert!(matches!(ended, Err(Error::Closed)));
    assert_eq!(service.seen, [1]);
    assert_eq!(recv.recv().unwrap(), Some(2));
}

/// Checks that a service without a channel for results runs.
pub fn results_that_nobody_reads_are_not_sent<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, NoSend, Ch::Recv>,
{
    let recv = filled(&mut channel, &[1, 2, 3]);
    let mut handle = spawner
        .spawn(Echo::default(), NoSend, None, recv, 0)
        .unwrap();
    assert!(world.finish(&mut handle).is_empty());
    assert_eq!(handle.unwrap_state().unwrap().0.seen, [1, 2, 3]);
}

/// Checks that the service and its channel ends can be spawned again.
pub fn the_state_comes_back<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    // Service and channel ends are good for a second life.
    let (mut commands, mut recv) = channel.new_channel().unwrap();
    let (mut out, mut results) = channel.new_channel().unwrap();
    let mut service = Echo::default();
    for round in 0..3 {
        commands.send(round).unwrap();
        let mut handle = spawner.spawn(service, out, None, recv, 1).unwrap();
        assert!(world.finish(&mut handle).is_empty());
        let ended;
        (service, out, recv, ended) = handle.unwrap_state().unwrap();
        ended.unwrap();
    }
    assert_eq!(service.seen, [0, 1, 2]);
    assert_eq!(drain(&mut results), [0, 1001, 2002]);
}
