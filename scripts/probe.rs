//! `probe [PORT]` -> exit status 0 if `http://127.0.0.1:PORT/ready` answers 200 within two seconds.
//!
//! The health check of images that have no shell and no curl. Standard library only, so that
//! `rustc -O scripts/probe.rs` is the whole build.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(2);

fn status(port: u16) -> std::io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(b"GET /ready HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    // what is wrong is in the body, so people see it in the log of the health check
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}

fn main() -> ExitCode {
    let port = std::env::args().nth(1).map_or(Ok(9090), |text| text.parse());
    let answer = match port.map(status) {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            eprintln!("probe: {error}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("probe: PORT: {error}");
            return ExitCode::from(64);
        }
    };
    if answer.split(' ').nth(1) == Some("200") {
        return ExitCode::SUCCESS;
    }
    eprintln!("{answer}");
    ExitCode::FAILURE
}
