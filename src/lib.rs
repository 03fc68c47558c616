#![doc = include_str!("ARCHITECTURE.md")]

pub mod model;

pub mod clock;
pub mod config;
pub mod snapshot;

pub mod dialect;
pub mod engine;
pub mod sink;
pub mod store;
pub mod tape;
pub mod view;

pub mod courier;
pub mod feed;
pub mod pipeline;
pub mod sim;

pub mod app;
pub mod cli;
