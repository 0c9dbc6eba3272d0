//! The options that choose a model, a device and a dtype.

use crate::models::Dtype;
use crate::tools::ModelChoice;

#[derive(clap::Args)]
pub struct ModelArgs {
    /// A checkpoint folder (config.json, model.safetensors or its shards, tokenizer.json), or `ORG/NAME[@REVISION]` on the Hub.
    #[arg(long)]
    model: String,
    /// auto, cpu, wgpu:N or cuda:N (without N the first one); `intervene devices` lists them.
    #[arg(long, default_value = "auto")]
    device: String,
    /// The dtype of the model: f32, bf16, f16, or keep (the checkpoint's).
    #[arg(long, default_value = "f32")]
    dtype: Dtype,
}

impl From<ModelArgs> for ModelChoice {
    fn from(ModelArgs { model, device, dtype }: ModelArgs) -> Self {
        Self { model, device, dtype }
    }
}
