//! Opens the networks of a recipe.

use std::time::Instant;

use super::feature::{FeatureNetwork, NetworkPlan};
use super::language::LanguageNetwork;
use super::network::Network;
use super::session::Session;
use crate::error::Error;

#[derive(Clone, Copy)]
pub struct OpenedNetwork<'a> {
    pub network: &'a dyn Network,
    pub folder: &'a str,
    pub started: Instant,
}

/// Opens the recipe's network, then its contrast network. Each is closed after `work`, before the next is opened.
pub fn each(
    session: &mut Session<'_>,
    mut work: impl FnMut(&mut Session<'_>, OpenedNetwork<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    match &session.recipe.model.source {
        Some(source) => {
            let started = Instant::now();
            let network = LanguageNetwork::open(session, source)?;
            work(session, OpenedNetwork { network: &network, folder: "", started })
        }
        None => {
            let task = session.recipe.feature_task()?;
            for (folder, plan) in NetworkPlan::all(session.recipe, task.as_ref()) {
                let started = Instant::now();
                let network = FeatureNetwork::open(plan, folder, session)?;
                work(session, OpenedNetwork { network: &network, folder, started })?;
            }
            Ok(())
        }
    }
}
