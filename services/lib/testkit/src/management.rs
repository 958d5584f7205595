//! RabbitMQ's management API, as far as tests need it.

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// A client of one broker's management API, bound to one virtual host.
#[derive(Clone, Debug)]
pub struct Management {
    base: String,
    vhost: String,
    http: Client,
}

/// Percent-encodes a path segment: names hold `/`, `>` and spaces.
fn segment(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// Bounded: a frozen broker must not freeze the test.
fn client() -> Client {
    Client::builder().timeout(Duration::from_secs(20)).build().expect("an HTTP client")
}

impl Management {
    /// `base` as `http://user:password@host:port`.
    pub fn new(base: &str, vhost: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { base, vhost: segment(vhost), http: client() }
    }

    /// The same with connections of its own: those of a client are served by the runtime that
    /// opened them.
    #[must_use]
    pub(crate) fn apart(&self) -> Self {
        Self { http: client(), ..self.clone() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Response> {
        let path = path.replace("{vhost}", &self.vhost);
        let mut request = self.http.request(method.clone(), format!("{}/api/{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        if !response.status().is_success() {
            let status = response.status();
            bail!("{method} {path}: {status}: {}", response.text().await.unwrap_or_default());
        }
        Ok(response)
    }

    /// `GET /api/{path}`; `{vhost}` in the path stands for the virtual host.
    ///
    /// # Errors
    /// When the broker does not answer or says no.
    pub async fn get(&self, path: &str) -> Result<Value> {
        Ok(self.call(Method::GET, path, None).await?.json().await?)
    }

    /// `PUT /api/{path}`.
    ///
    /// # Errors
    /// When the broker does not answer or says no.
    pub async fn put(&self, path: &str, body: Value) -> Result<()> {
        self.call(Method::PUT, path, Some(body)).await.map(drop)
    }

    /// `POST /api/{path}`.
    ///
    /// # Errors
    /// When the broker does not answer or says no.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let response = self.call(Method::POST, path, Some(body)).await?;
        Ok(response.json().await.unwrap_or(Value::Null))
    }

    /// `DELETE /api/{path}`.
    ///
    /// # Errors
    /// When the broker does not answer or says no.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.call(Method::DELETE, path, None).await.map(drop)
    }

    /// Makes the virtual host, open to `user`.
    ///
    /// # Errors
    /// When the broker does not answer or says no.
    pub async fn create_vhost(&self, user: &str) -> Result<()> {
        self.put("vhosts/{vhost}", json!({"default_queue_type": "quorum"})).await?;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.put(&format!("permissions/{{vhost}}/{}", segment(user)), all).await
    }

    /// Deletes the virtual host with all that is in it.
    ///
    /// # Errors
    /// When the broker does not answer or says no.
    pub async fn delete_vhost(&self) -> Result<()> {
        self.delete("vhosts/{vhost}").await
    }

    /// What the broker knows of a queue. Its counts are up to a second old, and missing for a
    /// quorum queue that nobody has touched since a restart.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn queue(&self, name: &str) -> Result<Value> {
        self.get(&format!("queues/{{vhost}}/{}", segment(name))).await
    }

    /// Names of all queues, sorted.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn queue_names(&self) -> Result<Vec<String>> {
        let queues = self.get("queues/{vhost}").await?;
        let names = queues.as_array().into_iter().flatten().filter_map(|q| q["name"].as_str());
        let mut names: Vec<String> = names.map(String::from).collect();
        names.sort();
        Ok(names)
    }

    /// Makes a queue with these arguments, durable.
    ///
    /// # Errors
    /// When it exists otherwise.
    pub async fn declare_queue(&self, name: &str, arguments: Value) -> Result<()> {
        let body = json!({"durable": true, "auto_delete": false, "arguments": arguments});
        self.put(&format!("queues/{{vhost}}/{}", segment(name)), body).await
    }

    /// Deletes a queue, consumers or not.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn delete_queue(&self, name: &str) -> Result<()> {
        self.delete(&format!("queues/{{vhost}}/{}", segment(name))).await
    }

    /// Deletes an exchange.
    ///
    /// # Errors
    /// When there is no such exchange.
    pub async fn delete_exchange(&self, name: &str) -> Result<()> {
        self.delete(&format!("exchanges/{{vhost}}/{}", segment(name))).await
    }

    /// Publishes text through an exchange; says whether a queue took it.
    ///
    /// # Errors
    /// When there is no such exchange.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        headers: Value,
        body: &str,
    ) -> Result<bool> {
        let exchange = if exchange.is_empty() { "amq.default" } else { exchange };
        let path = format!("exchanges/{{vhost}}/{}/publish", segment(exchange));
        let body = json!({
            "routing_key": routing_key, "payload": body, "payload_encoding": "string",
            "properties": {"headers": headers, "delivery_mode": 2},
        });
        Ok(self.post(&path, body).await?["routed"] == json!(true))
    }

    /// Takes up to `count` messages off a queue, as the API shows them: `payload`, `properties`.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn take(&self, queue: &str, count: u32) -> Result<Vec<Value>> {
        let path = format!("queues/{{vhost}}/{}/get", segment(queue));
        let body = json!({"count": count, "ackmode": "ack_requeue_false", "encoding": "auto"});
        let taken = self.post(&path, body).await?;
        Ok(taken.as_array().cloned().unwrap_or_default())
    }

    /// Prefetch of every consumer of a queue.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn consumer_prefetches(&self, queue: &str) -> Result<Vec<u64>> {
        let details = self.queue(queue).await?;
        let consumers = details["consumer_details"].as_array().cloned().unwrap_or_default();
        Ok(consumers.iter().filter_map(|c| c["prefetch_count"].as_u64()).collect())
    }

    /// Names of the connections to this virtual host.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn connections(&self) -> Result<Vec<String>> {
        let all = self.get("vhosts/{vhost}/connections").await?;
        let names = all.as_array().into_iter().flatten().filter_map(|c| c["name"].as_str());
        Ok(names.map(String::from).collect())
    }

    /// Closes a connection as an administrator would.
    ///
    /// # Errors
    /// When there is no such connection.
    pub async fn close_connection(&self, name: &str) -> Result<()> {
        self.delete(&format!("connections/{}", segment(name))).await
    }
}
