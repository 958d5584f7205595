//! Plots as a monitoring program publishes them, and the ledger of what became of each.

use hydra_amqp::{AmqpTransport, BrokerConfig};
use hydra_proto::{ContentHash, ImageId, PlotTypeName};
use hydra_stage::{Message, Transport};
use hydra_testkit::Ledger;
use hydra_vision::write_rgb_png;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// The plot types of the hall; for the last one there is no model.
pub const PLOT_TYPES: [&str; 4] = ["CDC_occupancy", "FDC_timing", "BCAL_energy", "TOF_unknown"];

/// A plot on its way.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its plot type.
    pub plot_type: &'static str,
    /// Its run.
    pub run: u32,
    /// Its chunk.
    pub chunk: u32,
    /// Its bytes.
    pub png: Vec<u8>,
}

impl Plot {
    /// The `number`-th plot: noise, so that no two are alike and verdicts of all kinds follow.
    pub fn new(number: u32) -> Self {
        let mut pixels = vec![0; 24 * 20 * 3];
        StdRng::seed_from_u64(number.into()).fill_bytes(&mut pixels);
        // dark ones and bright ones, so that a random network says different things of them
        let shift = number % 5;
        pixels.iter_mut().for_each(|value| *value >>= shift);
        Self {
            plot_type: PLOT_TYPES[number as usize % PLOT_TYPES.len()],
            run: 1_000 + number / 1_000,
            chunk: number % 1_000,
            png: write_rgb_png(24, 20, &pixels),
        }
    }

    /// What the hall calls it.
    ///
    /// # Panics
    /// Never for the plot types above.
    pub fn id(&self) -> ImageId {
        let plot_type: PlotTypeName = self.plot_type.parse().expect("a name");
        ImageId::of(&plot_type, self.run, Some(self.chunk), &ContentHash::of(&self.png))
    }

    /// The message that carries it.
    pub fn message(&self) -> Message {
        let headers = [
            ("plot-type", self.plot_type.to_owned()),
            ("run", self.run.to_string()),
            ("chunk", self.chunk.to_string()),
            ("source", "test".to_owned()),
        ];
        Message {
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: self.png.clone().into(),
            ..Message::default()
        }
    }
}

/// Publishes plots until each is confirmed; cheap to clone.
#[derive(Clone)]
pub struct Producer {
    transport: Arc<AmqpTransport>,
    /// By image id.
    pub ledger: Arc<Ledger<ImageId>>,
    next: Arc<AtomicU32>,
    config: BrokerConfig,
}

impl Producer {
    /// A producer for the broker at `url`.
    pub fn new(url: &str) -> Self {
        let config = BrokerConfig {
            url: url.to_owned(),
            ca_file: None,
            heartbeat_s: 2,
            connect_timeout_s: 3,
            confirm_timeout_s: 3,
            declare: false,
        };
        let transport = Arc::new(AmqpTransport::new(config.clone()));
        Self { transport, ledger: Arc::default(), next: Arc::default(), config }
    }

    /// A connection of its own that waits long for confirms, for bodies that take long.
    pub fn patient(&self) -> AmqpTransport {
        AmqpTransport::new(BrokerConfig { confirm_timeout_s: 60, ..self.config.clone() })
    }

    /// The transport, for a look at queues and dead letters.
    pub fn transport(&self) -> &AmqpTransport {
        &self.transport
    }

    /// Publishes `count` plots, sixteen at a time, each again until it is confirmed. Gives up on
    /// none: where the broker is away it waits.
    ///
    /// # Panics
    /// Only with a bug of the test.
    pub async fn publish(&self, count: usize) {
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..count {
            let plot = Plot::new(self.next.fetch_add(1, Ordering::SeqCst));
            let this = self.clone();
            sending.spawn(async move { this.publish_one(&plot).await });
            if sending.len() >= 16 {
                sending.join_next().await.expect("one of sixteen").expect("no panic");
            }
        }
        while let Some(sent) = sending.join_next().await {
            sent.expect("no panic");
        }
    }

    /// Publishes one plot until it is confirmed.
    pub async fn publish_one(&self, plot: &Plot) {
        self.ledger.attempt(plot.id());
        while self.transport.publish_image(plot.message()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.ledger.confirm(plot.id());
    }

    /// Waiting and dead messages of a stage; `None` when the broker does not say.
    pub async fn depth(&self, queue: &str) -> Option<(u64, u64)> {
        self.transport.depth(queue).await.ok().map(|depth| (depth.ready, depth.dead))
    }
}
