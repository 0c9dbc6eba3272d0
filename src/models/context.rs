//! What a run knows of its tokens.

/// Where the given tokens stand and what came before them.
#[derive(Clone, Debug, Default)]
pub struct Context {}
