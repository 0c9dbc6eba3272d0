//! `devices`: lists and tests the devices.

use crate::bench::{self, DeviceReport};
use crate::error::Error;

#[derive(clap::Args)]
pub struct DevicesArgs {
    /// These instead of all that are found: cpu, wgpu:0, wgpu:cpu (a software driver), cuda:1
    names: Vec<String>,
    /// One JSON list.
    #[arg(long)]
    json: bool,
}

impl DevicesArgs {
    pub fn run(self) -> Result<(), Error> {
        let examined = bench::devices(&self.names)?;
        let text = || examined.iter().map(DeviceReport::text).collect::<Vec<_>>().join("\n");
        println!("{}", if self.json { DeviceReport::json(&examined) } else { text() });
        Ok(())
    }
}
