//! A broker that speaks TLS with a certificate of a private authority.

use crate::line::{config, policy};
use hydra_amqp::{AmqpTransport, BrokerConfig};
use hydra_stage::{Destination, Health, Transport, suite};
use hydra_testkit::{Authority, RabbitNode, free_port};

/// S08: whoever trusts the authority works, whoever trusts another one or only the system's does
/// not, and a name that the certificate does not have is refused.
#[tokio::test(flavor = "multi_thread")]
async fn s08_broker_over_tls_with_a_private_authority() {
    let (ours, other) = (Authority::new(), Authority::new());
    let port = free_port();
    let node = RabbitNode::start_with(&format!(
        "listeners.ssl.default = 127.0.0.1:{port}\n\
         ssl_options.cacertfile = {}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
         ssl_options.versions.1 = tlsv1.3\nssl_options.versions.2 = tlsv1.2",
        ours.ca().display(),
        ours.certificate().display(),
        ours.key().display(),
    ))
    .await;
    let at = |host: &str, ca_file| {
        let url = format!("amqps://guest:guest@{host}:{port}/%2f");
        AmqpTransport::new(BrokerConfig { ca_file, ..config(&url) })
    };
    let trusted = at("localhost", Some(ours.ca()));
    trusted.check().await.unwrap();
    trusted.declare("sink", &policy()).await.unwrap();
    trusted.publish(Destination::Queue("sink".into()), suite::text("secret")).await.unwrap();
    let mut source = trusted.consume("sink", 1, Health::new()).await.unwrap();
    let delivery = source.next().await.unwrap().unwrap();
    assert_eq!(&delivery.message.body[..], b"secret");
    delivery.ticket.ack().await.unwrap();
    let connections = node.api.get("connections").await.unwrap();
    assert!(connections.as_array().unwrap().iter().all(|c| c["ssl"] == true), "{connections}");
    source.close().await;
    trusted.close().await;

    for (host, ca) in
        [("localhost", None), ("localhost", Some(other.ca())), ("127.0.0.1", Some(ours.ca()))]
    {
        let stranger = at(host, ca.clone());
        let refused = stranger.check().await.unwrap_err();
        let chain = format!("{refused:#}").to_lowercase();
        assert!(chain.contains("certificate"), "{host}, {ca:?}: {chain}");
        stranger.close().await;
    }
}
