//! Ports that nobody listens on.

use std::net::TcpListener;

/// A free TCP port of 127.0.0.1, for servers that cannot choose one themselves. Another process
/// may take it before the server does; with ports from the kernel's ephemeral range that is rare.
///
/// # Panics
/// When the machine has no port left.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
