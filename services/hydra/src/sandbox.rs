//! The sandbox of the roles that run models: the files and ports of their configuration, no others.

use crate::{cli::Role, config::Config, models::runtime_config};
use hydra_boot::{Bounds, Sandbox, SandboxError};
use std::path::PathBuf;

/// Roles that run models, and nothing else that would need more.
const BOUND: [Role; 2] = [Role::Infer, Role::Gradcam];

/// Enters the sandbox where these roles have one; `None` where they have none, or it is turned
/// off. Comes before the first thread.
///
/// # Errors
/// When the kernel refuses.
pub fn enter(roles: &[Role], config: &Config) -> Result<Option<Bounds>, SandboxError> {
    let bound = config.work.sandbox && roles.iter().all(|role| BOUND.contains(role));
    if bound { sandbox(config).enter().map(Some) } else { Ok(None) }
}

fn sandbox(config: &Config) -> Sandbox {
    let mut read = config.library.trusted_keys.clone();
    read.extend(config.broker.ca_file.clone());
    // what the database's address names: authorities and certificates
    let (_, options) = config.database.url.split_once('?').unwrap_or_default();
    let values = options.split('&').filter_map(|option| option.split_once('='));
    read.extend(values.map(|(_, value)| PathBuf::from(value.replace("%2F", "/"))));
    // authorities that are not the system's (rustls-native-certs)
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(std::env::var_os);
    read.extend(named.map(PathBuf::from));
    // the runtime may load what lies beside it, and be a link to elsewhere
    for library in hydra_model::places(&runtime_config(config)) {
        let there = library.canonicalize().ok();
        let both = [Some(library), there].into_iter().flatten();
        read.extend(both.filter_map(|file| Some(file.parent()?.to_owned())));
    }
    let mut write = vec![std::env::temp_dir()];
    write.extend(config.blobs.folder());
    write.extend(config.database.folder());
    for folder in &write {
        // one that is made at its first use must be there now; whoever needs it says what is wrong
        let _best_effort = std::fs::create_dir_all(folder);
    }
    let urls = [&config.broker.url, &config.database.url, &config.telemetry.otlp_endpoint];
    let connect = urls.into_iter().filter_map(|url| port(url)).collect();
    Sandbox { read, write, connect, listen: vec![config.health.address.port()] }
}

/// The TCP port of an address.
fn port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    // an address of version 6 has colons of its own, in brackets
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    if let Some((_, port)) = after.rsplit_once(':') {
        return port.parse().ok();
    }
    Some(match scheme {
        "amqp" => 5672,
        "amqps" => 5671,
        "mysql" | "mariadb" => 3306,
        "postgres" | "postgresql" => 5432,
        "https" => 443,
        _ => 80,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found_in_addresses() {
        for (url, wanted) in [
            ("amqp://guest:guest@127.0.0.1:5673/%2f", Some(5673)),
            ("amqps://u:p@rabbit/hall", Some(5671)),
            ("mysql://u:p:@@db/hydra?ssl-ca=/etc/ca.crt", Some(3306)),
            ("postgres://u:p@[::1]:5433/hydra", Some(5433)),
            ("postgres://u:p@[::1]/hydra", Some(5432)),
            ("http://traces:4317", Some(4317)),
            ("sqlite:.hydra/hydra.db", None),
            ("", None),
        ] {
            assert_eq!(port(url), wanted, "{url}");
        }
    }
}
