//! The whole system: real broker, real database, real browser.
