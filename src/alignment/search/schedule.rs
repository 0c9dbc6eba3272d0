//! Learning rates: one for each kind of parameter, with a linear warm-up and a linear decay.

use burn::module::{ParamGroup, ParamId};
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::optim::{AdamConfig, ModuleOptimizer};

use crate::interventions::{Intervention, RateGroup};
use crate::orthogonal::{Rotation, StiefelAdam};

/// The learning rates at the end of the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// The rate of rotations, and of all parameters that are in no group.
    pub rotation: f64,
    /// The rate of [`RateGroup::Boundary`].
    pub boundary: f64,
    /// The rate of [`RateGroup::Mask`].
    pub mask: f64,
}

impl Rates {
    /// The same for all.
    #[must_use]
    pub const fn all(rate: f64) -> Self {
        Self { rotation: rate, boundary: rate, mask: rate }
    }

    /// The rate of a group.
    #[must_use]
    pub const fn for_group(&self, group: RateGroup) -> f64 {
        match group {
            RateGroup::Boundary => self.boundary,
            RateGroup::Mask => self.mask,
        }
    }
}

/// Rises linearly from 0 in `warmup` steps, then falls linearly to 0 after `steps`.
#[derive(Clone, Copy, Debug)]
struct WarmupLinear {
    rate: f64,
    warmup: usize,
    steps: usize,
    done: usize,
}

impl WarmupLinear {
    /// As transformers' `get_linear_schedule_with_warmup`.
    fn now(&self) -> f64 {
        if self.done < self.warmup {
            return self.rate * self.done as f64 / self.warmup as f64;
        }
        let left = self.steps.saturating_sub(self.done) as f64;
        self.rate * left / self.steps.saturating_sub(self.warmup).max(1) as f64
    }
}

impl LrScheduler for WarmupLinear {
    fn step(&mut self) -> f64 {
        let rate = self.now();
        self.done += 1;
        rate
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar("done", self.done as u64)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        self.done = record.scalar::<u64>("done").map_or(self.done, |done| done as usize);
    }
}

/// A scheduler of the rates over a number of steps, for the parameters in the groups that the interventions declare.
pub(super) fn scheduler(
    interventions: &[impl Intervention],
    rates: Rates,
    warmup: usize,
    steps: usize,
) -> ModuleLrScheduler {
    let schedule = |rate: f64| WarmupLinear { rate, warmup, steps, done: 0 };
    let declared: Vec<(ParamId, RateGroup)> = interventions.iter().flat_map(Intervention::groups).collect();
    RateGroup::ALL.into_iter().fold(ModuleLrScheduler::new(schedule(rates.rotation)), |scheduler, group| {
        let members = declared.iter().filter(|(_, own)| *own == group).map(|(id, _)| *id).collect();
        scheduler.with_group(ParamGroup::from_ids(members), schedule(rates.for_group(group)))
    })
}

/// Adam; Riemannian Adam for the interventions' rotations on the manifold.
pub(super) fn optimizer(interventions: &[impl Intervention]) -> ModuleOptimizer {
    let adam = AdamConfig::new().with_epsilon(1e-8).build();
    let on_manifold = interventions.iter().filter_map(Intervention::rotation).filter_map(Rotation::manifold_id);
    ModuleOptimizer::from(adam).with_group(ParamGroup::from_ids(on_manifold.collect()), StiefelAdam::default(), None)
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, Param};
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::interventions::{BoundlessRotatedSpace, SigmoidMask, Temperature};

    /// An intervention whose field is called as a built-in's, and that declares no group.
    #[derive(Module, Debug)]
    struct Custom {
        mask: Param<Tensor<1>>,
    }

    impl Intervention for Custom {
        fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
            base + source * self.mask.val().unsqueeze()
        }
    }

    #[test]
    fn only_declared_parameters_have_a_rate_of_their_own() {
        fn rate(one: impl Intervention, id: ParamId, path: &str) -> f64 {
            let rates = Rates { rotation: 1.0, boundary: 2.0, mask: 3.0 };
            scheduler(&[one], rates, 0, 10).step().lr_from_param(id, Some(path))
        }
        let device = Device::flex();
        let custom = Custom { mask: Param::from_data([0.0_f32], &device) };
        let mask = SigmoidMask::new(4, Temperature::constant(0.01), &device);
        let rotation = Rotation::manifold(Tensor::eye(4, &device), &device);
        let boundless = BoundlessRotatedSpace::new(rotation, Temperature::ANNEALED, &device);
        let on_manifold = boundless.rotation.manifold_id().unwrap();
        assert_eq!(rate(custom.clone(), custom.mask.id, "0.mask"), 1.0);
        assert_eq!(rate(mask.clone(), mask.mask.id, "0.mask"), 3.0);
        assert_eq!(rate(boundless.clone(), boundless.boundary.id, "0.boundary"), 2.0);
        assert_eq!(rate(boundless, on_manifold, "0.rotation.stiefel"), 1.0);
    }

    #[test]
    fn the_rate_rises_then_falls_to_nothing() {
        let mut schedule = WarmupLinear { rate: 1.0, warmup: 2, steps: 6, done: 0 };
        let rates: Vec<f64> = (0..7).map(|_| schedule.step()).collect();
        assert_eq!(rates, [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0]);
        let mut plain = WarmupLinear { rate: 1.0, warmup: 0, steps: 4, done: 0 };
        assert_eq!((0..4).map(|_| plain.step()).collect::<Vec<_>>(), [1.0, 0.75, 0.5, 0.25]);
    }
}
