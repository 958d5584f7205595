//! The shared broker: a random virtual host on it for every test.

use crate::{Management, unique};
use std::env;

/// A virtual host of one's own on the broker of the standard ports (`scripts/services.sh
/// start`), deleted when dropped.
pub struct Rabbit {
    /// `amqp://user:password@host:port/vhost`.
    pub url: String,
    /// Host and port of the AMQP listener, for a proxy.
    pub address: String,
    /// Name of the virtual host.
    pub vhost: String,
    /// Its management API.
    pub api: Management,
}

impl Rabbit {
    /// Makes the virtual host. Other addresses than the standard ones come from
    /// `HYDRA_TEST_RABBITMQ` (AMQP) and `HYDRA_TEST_RABBITMQ_API` (management).
    ///
    /// # Panics
    /// When there is no broker.
    pub async fn start() -> Self {
        let amqp = env::var("HYDRA_TEST_RABBITMQ");
        let amqp = amqp.unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672".into());
        let api = env::var("HYDRA_TEST_RABBITMQ_API");
        let api = api.unwrap_or_else(|_| "http://guest:guest@127.0.0.1:15672".into());
        let vhost = unique("hydra_test");
        let management = Management::new(&api, &vhost);
        let (user, address) = user_and_address(&amqp);
        if let Err(error) = management.create_vhost(user).await {
            panic!("no RabbitMQ on {api} ({error:#}); run scripts/services.sh start");
        }
        let address = address.to_owned();
        Self { url: format!("{amqp}/{vhost}"), address, vhost, api: management }
    }

    /// The same virtual host as seen through a proxy on `address`.
    pub fn url_through(&self, address: std::net::SocketAddr) -> String {
        self.url.replace(&self.address, &address.to_string())
    }
}

/// Of `amqp://user:password@host:port`: the user, and host with port.
fn user_and_address(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (login, address) = rest.rsplit_once('@').unwrap_or(("guest:guest", rest));
    (login.split(':').next().unwrap_or(login), address.trim_end_matches('/'))
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        let api = self.api.apart();
        // A test's runtime cannot be entered from a drop: a thread with one of its own.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                let _best_effort = runtime.block_on(api.delete_vhost());
            }
        });
        let _joined = cleaning.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(user_and_address("amqp://u:p@h:1"), ("u", "h:1"));
        assert_eq!(user_and_address("amqp://h:1/"), ("guest", "h:1"));
    }

    #[tokio::test]
    async fn a_virtual_host_comes_and_goes() {
        let rabbit = Rabbit::start().await;
        rabbit.api.declare_queue("a/b", json!({"x-queue-type": "quorum"})).await.unwrap();
        assert_eq!(rabbit.api.queue_names().await.unwrap(), ["a/b"]);
        assert!(rabbit.api.publish("", "a/b", json!({}), "x").await.unwrap());
        assert!(!rabbit.api.publish("", "nowhere", json!({}), "x").await.unwrap());
        let api = rabbit.api.clone();
        drop(rabbit);
        assert!(api.queue_names().await.is_err());
    }
}
