//! The faulty network does what it is told, seen from an echo server behind it.

#![allow(clippy::unwrap_used)]

use hydra_testkit::{Direction, Proxy, Rules, dropping_confirms, eventually};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const SOON: Duration = Duration::from_secs(10);
const A_WHILE: Duration = Duration::from_millis(100);

/// A proxy in front of a server that sends back what it gets.
async fn echo_behind_proxy() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ended = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    Proxy::start(&address.to_string()).await
}

async fn echo(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut back = vec![0; text.len()];
    timeout(SOON, stream.read_exact(&mut back)).await.expect("an echo in time")?;
    Ok(back)
}

#[tokio::test]
async fn without_rules_bytes_pass_both_ways() {
    let proxy = echo_behind_proxy().await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(echo(&mut client, b"hello").await.unwrap(), b"hello");
    assert_eq!(proxy.connections(), 1);
    drop(client);
    eventually("the connection is forgotten", async || proxy.connections() == 0).await;
}

#[tokio::test]
async fn delay_and_rate_slow_a_living_connection_down() {
    let proxy = echo_behind_proxy().await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    echo(&mut client, b"x").await.unwrap();
    let delay = Duration::from_millis(50);
    proxy.set_both(Rules { delay, rate: Some(1_000), ..Rules::default() });
    let start = Instant::now();
    echo(&mut client, &[7; 100]).await.unwrap();
    assert!(start.elapsed() >= 2 * (delay + Duration::from_millis(100)), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_black_hole_swallows_one_way_and_no_stream_goes_on_with_a_gap() {
    let proxy = echo_behind_proxy().await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    proxy.set(Direction::ToClient, Rules { black_hole: true, ..Rules::default() });
    client.write_all(b"lost").await.unwrap();
    let mut back = [0; 4];
    assert!(timeout(A_WHILE, client.read_exact(&mut back)).await.is_err());
    assert_eq!(proxy.connections(), 1, "nobody is told");
    proxy.heal();
    let error = echo(&mut client, b"gap").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(echo(&mut client, b"seen").await.unwrap(), b"seen");
}

#[tokio::test]
async fn a_cut_resets_and_a_refusal_resets_new_ones() {
    let proxy = echo_behind_proxy().await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    echo(&mut client, b"x").await.unwrap();
    proxy.cut();
    let error = timeout(SOON, client.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    proxy.refuse(true);
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    assert!(timeout(SOON, client.read_u8()).await.unwrap().is_err());
    proxy.heal();
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(echo(&mut client, b"x").await.unwrap(), b"x");
}

#[tokio::test]
async fn a_half_close_ends_one_direction_only() {
    let proxy = echo_behind_proxy().await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    echo(&mut client, b"x").await.unwrap();
    proxy.half_close(Direction::ToClient);
    let mut back = Vec::new();
    assert_eq!(timeout(SOON, client.read_to_end(&mut back)).await.unwrap().unwrap(), 0);
    client.write_all(b"still taken").await.unwrap();
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn single_bytes_arrive_whole_and_corrupt_bytes_do_not() {
    let proxy = echo_behind_proxy().await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    proxy.set_both(Rules { single_bytes: true, ..Rules::default() });
    assert_eq!(echo(&mut client, b"whole").await.unwrap(), b"whole");
    proxy.heal();
    let corrupt = Rules { corrupt_every: Some(8), ..Rules::default() };
    proxy.set(Direction::ToServer, corrupt);
    let back = echo(&mut client, &[0; 16]).await.unwrap();
    assert_eq!(back.iter().filter(|b| **b != 0).count(), 2);
}

#[tokio::test]
async fn confirms_are_lost_and_other_frames_are_not_wherever_they_are_split() {
    let frame = |method: [u8; 4]| {
        let mut frame = vec![1, 0, 1, 0, 0, 0, 6];
        frame.extend(method);
        frame.extend([9, 9, 0xce]);
        frame
    };
    let (confirm, delivery) = (frame([0, 60, 0, 80]), frame([0, 60, 0, 60]));
    let all = [delivery.clone(), confirm, delivery.clone()].concat();
    for split in 0..=all.len() {
        let mut filter = dropping_confirms();
        let mut out = filter(&all[..split]).to_vec();
        out.extend_from_slice(&filter(&all[split..]));
        assert_eq!(out, [delivery.clone(), delivery.clone()].concat(), "split at {split}");
    }
}
