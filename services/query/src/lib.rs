//! Database and blob store -> REST, gRPC, live stream, web pages; reads only.
//!
//! One listener answers all of them. The present (cards, incidents, health) is followed by one
//! task and answered from memory; the past is read by key from the database; pictures come from
//! the blob store, encoded anew. No handler writes, and the database's user should not be able to.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
mod app;
mod config;
mod cursor;
mod days;
mod error;
mod follow;
mod grpc;
mod health;
mod long;
mod openapi;
mod pages;
mod params;
mod pictures;
mod quality;
mod routes;
mod server;
mod why;

pub use config::QueryConfig;
pub use openapi::document as openapi_document;
pub use server::serve;
