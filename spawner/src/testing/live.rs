//! Cases for spawners whose services are suspended while their caller does something else.

use std::sync::atomic::Ordering::SeqCst;

use crate::channel::{MpscChannel, NoRecv, NoSend};
use crate::{Error, SpawnChannel, SpawnHandle, SpawnRecv, SpawnSend, SpawnUnyield, Spawner};

use super::batch;
use super::services::{Blocks, Copy, Drops, Echo, Gate, Gated, Stream};
use super::world::{World, failure};

/// Sender of a channel with room for a few results.
type Bounded = <MpscChannel as SpawnChannel<u32>>::Send;

/// Runs all cases of this module and of [`batch`], each in a world and with a spawner and a channel
/// of its own.
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
        + Spawner<Echo, NoSend, NoRecv>
        + Spawner<Echo, Bounded, Ch::Recv>
        + Spawner<Gated, Bounded, Ch::Recv>,
{
    batch::conforms(&world, &spawner, &channel);
    crate::__conformance_cases!(live, [call world, spawner, channel]);
    #[cfg(panic = "unwind")]
    crate::__conformance_cases!(live_panics, [call world, spawner, channel]);
}

/// Unyields until a result is there.
fn next<W: World, R: SpawnRecv<u32>>(
    world: &mut W,
    handle: &mut impl SpawnUnyield,
    results: &mut R,
) -> u32 {
    let mut result = None;
    world.run_until(handle, || {
        result = results.recv().unwrap();
        result.is_some()
    });
    result.unwrap()
}

/// Checks that a suspended service answers each command when it arrives.
pub fn commands_one_by_one<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let mut handle = spawner.spawn(Echo::default(), out, None, recv, 0).unwrap();
    for n in 0..100 {
        commands.send(n).unwrap();
        assert_eq!(next(world, &mut handle, &mut results), n + 1000 * n);
        assert_eq!(results.recv().unwrap(), None);
    }
}

/// Checks that an empty channel suspends the service, and a closed one ends it.
pub fn an_empty_channel_suspends_and_a_closed_one_ends<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let mut handle = spawner.spawn(Echo::default(), out, None, recv, 0).unwrap();
    world.nothing_happens(&mut handle, || results.recv().unwrap().is_some());
    assert!(!handle.is_finished());
    // What was sent before the closing is still answered.
    commands.send(3).unwrap();
    drop(commands);
    assert!(world.finish(&mut handle).is_empty());
    assert_eq!(results.recv().unwrap(), Some(3));
    handle.unwrap_state().unwrap().3.unwrap();
    assert!(matches!(results.recv(), Err(Error::Closed)));
}

/// Checks that an unyield does not complete or repeat a command that still waits.
pub fn unyield_of_a_service_that_still_waits_changes_nothing<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Gated, Ch::Send, Ch::Recv>,
{
    let gate = Gate::default();
    let (_commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let service = Gated::new(&gate, Ok);
    let calls = service.calls.clone();
    let mut handle = spawner.spawn(service, out, Some(4), recv, 0).unwrap();
    world.run_until(&mut handle, || calls.load(SeqCst) == 1);
    world.nothing_happens(&mut handle, || results.recv().unwrap().is_some());
    assert!(!handle.is_finished());
    gate.open(1);
    assert_eq!(next(world, &mut handle, &mut results), 4);
    world.nothing_happens(&mut handle, || results.recv().unwrap().is_some());
    assert_eq!(calls.load(SeqCst), 1);
}

/// Checks that a finished service stays finished, for its weak unyielder too.
pub fn unyield_of_a_finished_service_does_nothing<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let mut handle = spawner
        .spawn(Echo::default(), out, Some(1), recv, 1)
        .unwrap();
    assert!(world.finish(&mut handle).is_empty());
    assert_eq!(results.recv().unwrap(), Some(1));
    let mut weak = handle.weak().unwrap();
    assert!(weak.is_finished());
    let _ = commands.send(2);
    weak.unyield().unwrap();
    world.nothing_happens(&mut handle, || results.recv().is_ok_and(|r| r.is_some()));
    assert!(handle.is_finished());
    assert_eq!(handle.unwrap_state().unwrap().0.seen, [1]);
    weak.unyield().unwrap();
    assert!(weak.is_finished());
}

/// Checks that a command which yielded completes before the next one starts.
pub fn a_yielded_command_goes_on_before_the_next_one<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Gated, Ch::Send, Ch::Recv>,
{
    let gate = Gate::default();
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    // `Gated` fails if a command comes inside another one.
    let service = Gated::new(&gate, Ok);
    let calls = service.calls.clone();
    let mut handle = spawner.spawn(service, out, Some(1), recv, 0).unwrap();
    world.run_until(&mut handle, || calls.load(SeqCst) == 1);
    commands.send(2).unwrap();
    commands.send(3).unwrap();
    world.nothing_happens(&mut handle, || calls.load(SeqCst) != 1);
    for n in 1..=3 {
        gate.open(1);
        assert_eq!(next(world, &mut handle, &mut results), n);
    }
    assert_eq!(calls.load(SeqCst), 3);
}

/// Checks that a weak unyielder wakes the service, and does not keep it alive.
pub fn a_weak_unyielder_wakes_and_keeps_nothing_alive<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let drops = Drops::default();
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let handle = spawner
        .spawn(Echo::dropping(&drops), out, None, recv, 0)
        .unwrap();
    let mut weak = handle.weak().unwrap();
    let mut other = weak.clone();
    for n in 0..10 {
        commands.send(n).unwrap();
        assert_eq!(next(world, &mut weak, &mut results), n + 1000 * n);
    }
    assert!(!other.is_finished());
    drop(handle);
    world.wait(|| drops.count() == 1);
    other.unyield().unwrap();
    weak.unyield().unwrap();
    assert_eq!(drops.count(), 1);
    world.wait(|| weak.is_finished() && other.is_finished());
    // Both channels see it.
    world.wait(|| matches!(commands.send(1), Err(Error::Closed)));
    world.wait(|| matches!(results.recv(), Err(Error::Closed)));
}

/// Checks that the failure of the service is left for the owner of its handle.
pub fn a_failure_is_not_given_to_a_weak_unyielder<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Gated, Ch::Send, Ch::Recv>,
{
    let gate = Gate::default();
    let (_commands, recv) = channel.new_channel().unwrap();
    let (out, _results) = channel.new_channel().unwrap();
    let service = Gated::new(&gate, |_| Err(Error::service("no")));
    let mut handle = spawner.spawn(service, out, Some(1), recv, 0).unwrap();
    let mut weak = handle.weak().unwrap();
    gate.open(1);
    assert!(world.finish(&mut weak).is_empty());
    if W::REPORTS {
        assert_eq!(handle.unyield().unwrap_err().to_string(), "no");
    }
    handle.unyield().unwrap();
    assert_eq!(failure(handle.unwrap_state().unwrap().3), "no");
}

/// Checks that a handle dropped before the first command drops the service and closes its channels.
pub fn dropping_before_the_first_command<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let drops = Drops::default();
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let handle = spawner
        .spawn(Echo::dropping(&drops), out, None, recv, 0)
        .unwrap();
    drop(handle);
    world.wait(|| drops.count() == 1);
    world.wait(|| matches!(results.recv(), Err(Error::Closed)));
    world.wait(|| matches!(commands.send(1), Err(Error::Closed)));
    assert_eq!(drops.count(), 1);
}

/// Drops a service that was let through `permits` calls of its stream and hangs at the next one.
fn drop_inside<W, P, Ch>(world: &mut W, spawner: &mut P, channel: &mut Ch, permits: usize)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Copy, Ch::Send, Ch::Recv>,
{
    let (drops, gate) = (Drops::default(), Gate::default());
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let stream = Stream::new(vec![7; 100], Blocks::Gated(gate.clone()));
    let output = stream.output.clone();
    let service = Copy::dropping(stream, &drops);
    gate.open(permits);
    let mut handle = spawner.spawn(service, out, Some(50), recv, 0).unwrap();
    world.run_until(&mut handle, || gate.left() == 0);
    world.nothing_happens(&mut handle, || results.recv().unwrap().is_some());
    assert_eq!(output.lock().unwrap().len(), permits / 2);
    drop(handle);
    world.wait(|| drops.count() == 1);
    world.wait(|| matches!(results.recv(), Err(Error::Closed)));
    world.wait(|| matches!(commands.send(1), Err(Error::Closed)));
    // It did not go on.
    assert_eq!(output.lock().unwrap().len(), permits / 2);
}

/// Checks that a handle dropped during a read drops the service, which does not go on.
pub fn dropping_in_the_middle_of_a_read<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Copy, Ch::Send, Ch::Recv>,
{
    for permits in [0, 2, 6] {
        drop_inside(world, &mut spawner, &mut channel, permits);
    }
}

/// Checks that a handle dropped during a write drops the service, which does not go on.
pub fn dropping_in_the_middle_of_a_write<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Copy, Ch::Send, Ch::Recv>,
{
    for permits in [1, 3, 7] {
        drop_inside(world, &mut spawner, &mut channel, permits);
    }
}

/// Checks that commands in the channel are not started once the handle is dropped.
pub fn dropping_with_commands_waiting<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Gated, Ch::Send, Ch::Recv>,
{
    let (drops, gate) = (Drops::default(), Gate::default());
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    for n in 0..5 {
        commands.send(n).unwrap();
    }
    let service = Gated::dropping(&gate, Ok, &drops);
    let calls = service.calls.clone();
    let mut handle = spawner.spawn(service, out, None, recv, 0).unwrap();
    world.run_until(&mut handle, || calls.load(SeqCst) == 1);
    drop(handle);
    world.wait(|| drops.count() == 1);
    world.wait(|| matches!(commands.send(9), Err(Error::Closed)));
    world.wait(|| matches!(results.recv(), Err(Error::Closed)));
    assert_eq!(calls.load(SeqCst), 1);
}

/// Checks that a finished service is dropped with its handle, and its results remain.
pub fn dropping_a_finished_service<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let drops = Drops::default();
    let (_commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let mut handle = spawner
        .spawn(Echo::dropping(&drops), out, Some(1), recv, 1)
        .unwrap();
    assert!(world.finish(&mut handle).is_empty());
    assert_eq!(drops.count(), 0);
    drop(handle);
    world.wait(|| drops.count() == 1);
    assert_eq!(results.recv().unwrap(), Some(1));
    world.wait(|| matches!(results.recv(), Err(Error::Closed)));
}

/// Checks that a failed or panicked service is dropped although nobody asked for the failure.
pub fn dropping_a_failed_service<W, P, Ch>(world: &mut W, mut spawner: P, mut channel: Ch)
where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Gated, Ch::Send, Ch::Recv>,
{
    let fail: fn(u32) -> crate::Result<u32> = |n| match n {
        0 => Err(Error::service("zero")),
        _ => panic!("not zero"),
    };
    for first in [0, 1] {
        let (drops, gate) = (Drops::default(), Gate::default());
        gate.open(1);
        let (mut commands, recv) = channel.new_channel().unwrap();
        let (out, mut results) = channel.new_channel().unwrap();
        let service = Gated::dropping(&gate, fail, &drops);
        let mut handle = spawner.spawn(service, out, Some(first), recv, 0).unwrap();
        // The failure is never asked for.
        world.wait(|| handle.is_finished());
        drop(handle);
        world.wait(|| drops.count() == 1);
        world.wait(|| matches!(commands.send(9), Err(Error::Closed)));
        world.wait(|| matches!(results.recv(), Err(Error::Closed)));
    }
}

/// Checks that a full channel for results suspends the service, and no result is lost.
pub fn a_full_out_channel_delays_and_loses_nothing<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Echo, Bounded, Ch::Recv>,
{
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = MpscChannel::bounded(2).new_channel().unwrap();
    for n in 0..20 {
        commands.send(n).unwrap();
    }
    let mut handle = spawner.spawn(Echo::default(), out, None, recv, 20).unwrap();
    for n in 0..18 {
        assert!(!handle.is_finished());
        assert_eq!(next(world, &mut handle, &mut results), n + 1000 * n);
    }
    // The last two fit.
    assert!(world.finish(&mut handle).is_empty());
    assert_eq!(results.recv().unwrap(), Some(18 + 1000 * 18));
    assert_eq!(results.recv().unwrap(), Some(19 + 1000 * 19));
    handle.unwrap_state().unwrap().3.unwrap();
}

/// Checks that a handle dropped while a result waits for room drops both.
pub fn dropping_with_a_result_that_did_not_fit<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Gated, Bounded, Ch::Recv>,
{
    let (drops, gate) = (Drops::default(), Gate::default());
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = MpscChannel::bounded(1).new_channel().unwrap();
    for n in 0..5 {
        commands.send(n).unwrap();
    }
    gate.open(5);
    let service = Gated::dropping(&gate, Ok, &drops);
    let mut handle = spawner.spawn(service, out, None, recv, 0).unwrap();
    // The second one was made and does not fit; no third one is made.
    world.run_until(&mut handle, || gate.left() == 3);
    world.nothing_happens(&mut handle, || gate.left() != 3);
    drop(handle);
    world.wait(|| drops.count() == 1);
    assert_eq!(results.recv().unwrap(), Some(0));
    world.wait(|| matches!(results.recv(), Err(Error::Closed)));
    world.wait(|| matches!(commands.send(9), Err(Error::Closed)));
}

/// Checks that a panic does not disturb another service of the same spawner.
pub fn another_service_lives_on_after_a_panic<W, P, Ch>(
    world: &mut W,
    mut spawner: P,
    mut channel: Ch,
) where
    W: World,
    Ch: SpawnChannel<u32>,
    P: Spawner<Gated, Ch::Send, Ch::Recv> + Spawner<Echo, Ch::Send, Ch::Recv>,
{
    let (mut commands, recv) = channel.new_channel().unwrap();
    let (out, mut results) = channel.new_channel().unwrap();
    let mut echo = spawner.spawn(Echo::default(), out, None, recv, 0).unwrap();
    for round in 0..5 {
        let gate = Gate::default();
        let (_bad_commands, recv) = channel.new_channel().unwrap();
        let (out, _bad_results) = channel.new_channel().unwrap();
        let service = Gated::new(&gate, |_| panic!("bad service"));
        let mut bad = spawner.spawn(service, out, Some(1), recv, 0).unwrap();
        gate.open(1);
        world.finish(&mut bad);
        commands.send(round).unwrap();
        assert_eq!(next(world, &mut echo, &mut results), round + 1000 * round);
        assert_eq!(
            failure(bad.unwrap_state().unwrap().3),
            "the service panicked: bad service"
        );
    }
}
