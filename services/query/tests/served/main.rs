//! The real service on real databases: every answer is checked against what was written.

#![allow(clippy::unwrap_used)]

mod answers;
mod away;
mod browser;
mod contract;
mod deadline;
mod grpc;
mod grpc_details;
mod hall;
mod lists;
mod live;
mod long;
mod pictures;
mod quality;
mod refusals;
mod rights;
mod same_facts;
mod storm;
mod why;
