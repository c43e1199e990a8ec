//! A TCP echo server on one thread, 64 connections that send 64 bytes and wait for them. Requests
//! per second and the server's processor time per request, relative to mio 1.
//!
//! Servers read until `WouldBlock`, as edges are usually handled; those marked "short" stop at a
//! read that did not fill the buffer, unless the peer has stopped writing: docs/semantics.md says
//! why that is enough.

use evloop_bench::cpu_time;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 64;
const SIZE: usize = 64;

/// One measurement: requests per second, server nanoseconds of processor time per request.
type Sample = (f64, f64);

/// A server takes the connected sockets and a flag that says when to stop; it gives the requests it
/// served.
type Server = fn(Vec<TcpStream>, &AtomicBool) -> usize;

fn echo(stream: &mut (impl Read + Write), short: bool) -> usize {
    let mut buf = [0; 4096];
    let mut served = 0;
    loop {
        match stream.read(&mut buf) {
            Ok(0) => return served,
            Ok(count) => {
                stream.write_all(&buf[..count]).unwrap();
                served += count / SIZE;
                if short && count < buf.len() {
                    return served;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return served,
            Err(_) => return served,
        }
    }
}

fn ours<const SHORT: bool>(streams: Vec<TcpStream>, stop: &AtomicBool) -> usize {
    use mydht_evloop::{Events, Poll, PollOpt, Ready, Token, net};
    let poll = Poll::new().unwrap();
    let mut streams: Vec<_> = streams
        .into_iter()
        .map(|stream| net::TcpStream::from_stream(stream).unwrap())
        .collect();
    for (token, stream) in streams.iter().enumerate() {
        let interest = Ready::readable() | Ready::read_hup();
        poll.register(stream, Token(token), interest, PollOpt::edge())
            .unwrap();
    }
    let mut events = Events::with_capacity(256);
    let mut served = 0;
    while !stop.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(100)))
            .unwrap();
        for event in &events {
            let short = SHORT && !event.readiness().contains(Ready::read_hup());
            served += echo(&mut streams[event.token().0], short);
        }
    }
    served
}

fn mio06(streams: Vec<TcpStream>, stop: &AtomicBool) -> usize {
    use mio06::{Events, Poll, PollOpt, Ready, Token, net};
    let poll = Poll::new().unwrap();
    let mut streams: Vec<_> = streams
        .into_iter()
        .map(|stream| net::TcpStream::from_stream(stream).unwrap())
        .collect();
    for (token, stream) in streams.iter().enumerate() {
        poll.register(stream, Token(token), Ready::readable(), PollOpt::edge())
            .unwrap();
    }
    let mut events = Events::with_capacity(256);
    let mut served = 0;
    while !stop.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(100)))
            .unwrap();
        for event in &events {
            served += echo(&mut streams[event.token().0], false);
        }
    }
    served
}

fn mio1<const SHORT: bool>(streams: Vec<TcpStream>, stop: &AtomicBool) -> usize {
    use mio::{Events, Interest, Poll, Token, net};
    let mut poll = Poll::new().unwrap();
    let mut streams: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            stream.set_nonblocking(true).unwrap();
            net::TcpStream::from_std(stream)
        })
        .collect();
    for (token, stream) in streams.iter_mut().enumerate() {
        poll.registry()
            .register(stream, Token(token), Interest::READABLE)
            .unwrap();
    }
    let mut events = Events::with_capacity(256);
    let mut served = 0;
    while !stop.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(100)))
            .unwrap();
        for event in &events {
            let short = SHORT && !event.is_read_closed();
            served += echo(&mut streams[event.token().0], short);
        }
    }
    served
}

/// The clients: the same for all servers, on a thread of their own.
fn load(address: SocketAddr, stop: &AtomicBool, ready: &mpsc::Sender<()>) {
    use mio::{Events, Interest, Poll, Token, net};
    let mut poll = Poll::new().unwrap();
    let mut streams: Vec<_> = (0..CONNECTIONS)
        .map(|token| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            let mut stream = net::TcpStream::from_std(stream);
            poll.registry()
                .register(&mut stream, Token(token), Interest::READABLE)
                .unwrap();
            stream
        })
        .collect();
    ready.send(()).unwrap();
    for stream in &mut streams {
        stream.write_all(&[7; SIZE]).unwrap();
    }
    let mut received = [0; CONNECTIONS];
    let mut events = Events::with_capacity(256);
    while !stop.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(100)))
            .unwrap();
        for event in &events {
            let token = event.token().0;
            let mut buf = [0; 4096];
            while let Ok(count @ 1..) = streams[token].read(&mut buf) {
                received[token] += count;
                if received[token] == SIZE {
                    received[token] = 0;
                    streams[token].write_all(&[7; SIZE]).unwrap();
                }
            }
        }
    }
}

fn measure(server: Server) -> Sample {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, ready) = mpsc::channel();
    let clients = {
        let stop = stop.clone();
        std::thread::spawn(move || load(address, &stop, &sender))
    };
    let streams: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let stream = listener.accept().unwrap().0;
            stream.set_nodelay(true).unwrap();
            stream
        })
        .collect();
    ready.recv().unwrap();
    let thread = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let (start, cpu) = (Instant::now(), cpu_time());
            let served = server(streams, &stop) as f64;
            let cpu = (cpu_time() - cpu).as_nanos() as f64;
            (served / start.elapsed().as_secs_f64(), cpu / served)
        })
    };
    std::thread::sleep(Duration::from_millis(700));
    stop.store(true, Ordering::Relaxed);
    clients.join().unwrap();
    thread.join().unwrap()
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// The table, over the medians of `rounds` measurements.
pub fn table(rounds: usize) -> String {
    let servers: [(&str, Server); 5] = [
        ("mio 1", mio1::<false>),
        ("mio 1, short", mio1::<true>),
        ("mio 0.6.23", mio06),
        ("**ours**", ours::<false>),
        ("**ours, short**", ours::<true>),
    ];
    // In turns, so that a change of the machine's load hits all of them.
    let mut samples = servers.map(|_| Vec::new());
    for _ in 0..rounds {
        for (samples, (_, server)) in samples.iter_mut().zip(servers) {
            samples.push(measure(server));
        }
    }
    let medians = samples.map(|samples| {
        let (rates, costs) = samples.into_iter().unzip();
        (median(rates), median(costs))
    });
    let mut text =
        "| 64 connections × 64 B | requests/s | of mio 1 | server CPU per request | of mio 1 |\n\
                    |---|---|---|---|---|\n"
            .to_owned();
    for ((name, _), (rate, cost)) in servers.iter().zip(medians) {
        text += &format!(
            "| {name} | {rate:.0} | {:.2} | {cost:.0} ns | {:.2} |\n",
            rate / medians[0].0,
            cost / medians[0].1
        );
    }
    text
}
