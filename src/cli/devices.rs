//! `devices`: lists and tests the devices.

use super::console::to_json;
use crate::bench::{self, DeviceReport, SelfTest, TOLERANCE};
use crate::device;
use crate::error::Error;

#[derive(clap::Args)]
pub struct DevicesArgs {
    /// The devices to test instead of all that are found: cpu, wgpu:0, wgpu:cpu (a software driver), cuda:1
    names: Vec<String>,
    /// Print one JSON list.
    #[arg(long)]
    json: bool,
}

impl DevicesArgs {
    pub fn run(self) -> Result<(), Error> {
        let examined = bench::devices(&self.names)?;
        let all = || examined.iter().map(text).collect::<Vec<_>>().join("\n");
        println!("{}", if self.json { to_json(&examined) } else { all() });
        Ok(())
    }
}

fn text(report: &DeviceReport) -> String {
    let mut lines = Vec::new();
    let state = if report.works { "works" } else { "does not work" };
    lines.push(format!("{:9} {state}", report.name));
    lines.extend(report.hardware.clone());
    if report.hardware.is_some() {
        let memory = report.memory_bytes.map_or_else(|| "of unknown size".to_owned(), device::format_bytes);
        lines.push(format!("memory {memory}; dtypes {}", report.dtypes.join(", ")));
    }
    if let Some(SelfTest { logits, gradient }) = report.self_test {
        lines.push(format!(
            "self-test: logits differ by {logits:.1e} and the gradient by {gradient:.1e} from the processor's (limit {TOLERANCE:.0e})"
        ));
    }
    lines.extend(report.gflop_per_s.map(|rate| format!("{rate:.0} GFLOP/s in a product of square matrices, f32")));
    if !report.works {
        lines.push(report.problem.clone());
    }
    lines.join("\n          ")
}
