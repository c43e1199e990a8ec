//! Services that are woken by nothing but an event loop, over evented channels: both of evloop's
//! loops.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

use std::time::Duration;

use mydht_evloop::traits::{Events, Ready, Registerable, UserSources};
use mydht_spawner::channel::{LocalRcChannel, MioChannel, MpscChannel};
use mydht_spawner::{
    RestartOrError, Result, Service, ServiceRestartable, SpawnChannel, SpawnRecv, SpawnSend,
    SpawnUnyield, Spawner, SpawnerYield,
};

const SERVICES: usize = 50;

/// Answers with its own number and the command.
struct Tagger(usize);

impl Service for Tagger {
    type CommandIn = u32;
    type CommandOut = (usize, u32);
    fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<(usize, u32)> {
        Ok((self.0, n))
    }
}

impl ServiceRestartable for Tagger {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<(usize, u32)>> {
        Ok(None)
    }
}

/// Runs the services until all of them have ended, with `send` called once before and once after
/// each poll. Gives what each one answered.
fn run<P, Ch>(
    poll: &P,
    channel: Ch,
    mut send: impl FnMut(&mut Vec<<MioChannel<Ch, P> as SpawnChannel<u32>>::Send>),
) -> Vec<Vec<u32>>
where
    P: UserSources,
    Ch: SpawnChannel<u32>,
{
    let mut channel = MioChannel::<Ch, P>::new(channel);
    let (out, mut results) = LocalRcChannel::unbounded().new_channel().unwrap();
    let (mut senders, mut handles) = (Vec::new(), Vec::new());
    for service in 0..SERVICES {
        let (send, recv) = channel.new_channel().unwrap();
        assert!(recv.register(poll, service, Ready::Readable).unwrap());
        senders.push(send);
        handles.push(
            RestartOrError::new()
                .spawn(Tagger(service), out.clone(), None, recv, 0)
                .unwrap(),
        );
    }
    let mut answers = vec![Vec::new(); SERVICES];
    let mut events = P::Events::with_capacity(16);
    while handles.iter_mut().any(|handle| !handle.is_finished()) {
        send(&mut senders);
        let found = poll.poll(&mut events, Some(Duration::from_secs(60)));
        assert_ne!(found.unwrap(), 0, "a wake was lost");
        for event in &mut events {
            handles[event.token].unyield().unwrap();
        }
        while let Ok(Some((service, n))) = results.recv() {
            answers[service].push(n);
        }
    }
    answers
}

#[test]
fn services_on_a_same_thread_loop_answer_everything_and_see_the_closing() {
    let mut rounds = 0;
    let poll = mydht_evloop::local::Poll::new().unwrap();
    let answers = run(&poll, LocalRcChannel::unbounded(), |senders| {
        rounds += 1;
        if rounds <= 20 {
            for send in senders {
                send.send(rounds).unwrap();
                send.send(100 * rounds).unwrap();
            }
        } else {
            senders.clear();
        }
    });
    let expected: Vec<u32> = (1..=20).flat_map(|n| [n, 100 * n]).collect();
    assert!(answers.iter().all(|answer| *answer == expected));
}

#[test]
fn services_on_a_loop_answer_what_other_threads_send() {
    let poll = mydht_evloop::Poll::new().unwrap();
    let mut threads = Vec::new();
    let answers = run(&poll, MpscChannel::unbounded(), |senders| {
        // Once: the threads take the senders with them, and close them one after the other.
        if !senders.is_empty() {
            let second = senders.split_off(SERVICES / 2);
            for mut part in [std::mem::take(senders), second] {
                threads.push(std::thread::spawn(move || {
                    for n in 0..200 {
                        for send in &mut part {
                            send.send(n).unwrap();
                        }
                    }
                }));
            }
        }
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let expected: Vec<u32> = (0..200).collect();
    assert!(answers.iter().all(|answer| *answer == expected));
}
