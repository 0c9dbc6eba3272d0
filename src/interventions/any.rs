//! The closed set of interventions.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::Rng;

use super::{
    Addition, Autoencoder, BoundlessRotatedSpace, Collect, Intervention, JumpReluAutoencoder, Kind, Loreft, Noise,
    PcaRotatedSpace, RotatedSpace, SigmoidMask, SigmoidMaskRotatedSpace, Skip, Subtraction, Temperature, Vanilla, Zero,
};
use crate::error::Error;
use crate::orthogonal::{self, Map, Rotation};

/// One of the interventions.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use intervene::interventions::{AnyIntervention, Intervention, Kind};
/// use rand::SeedableRng;
///
/// let (device, mut rng) = (Device::flex(), rand_chacha::ChaCha8Rng::seed_from_u64(0));
/// let das = AnyIntervention::fresh(Kind::LowRankRotatedSpace, 16, Some(2), None, &mut rng, &device)?;
/// let (base, source) = (Tensor::<3>::zeros([4, 1, 16], &device), Tensor::ones([4, 1, 16], &device));
/// let edited = das.forward(base, source); // [batch, units, width]
/// assert_eq!(edited.dims(), [4, 1, 16]);
/// // What is saved is R, and reads back as it is.
/// let again = AnyIntervention::from_tensors(Kind::LowRankRotatedSpace, &das.to_tensors(), None, &device)?;
/// assert_eq!(again.rotation().unwrap().dims(), [16, 2]);
/// # Ok::<(), intervene::Error>(())
/// ```
#[derive(Module, Debug)]
#[allow(missing_docs, reason = "each is documented where it is defined")]
#[allow(clippy::large_enum_variant, reason = "there are a handful of them in a run")]
pub enum AnyIntervention {
    Vanilla(Vanilla),
    Zero(Zero),
    Collect(Collect),
    Addition(Addition),
    Subtraction(Subtraction),
    Noise(Noise),
    Skip(Skip),
    /// Of full rank and of low rank alike.
    RotatedSpace(RotatedSpace),
    BoundlessRotatedSpace(BoundlessRotatedSpace),
    SigmoidMask(SigmoidMask),
    SigmoidMaskRotatedSpace(SigmoidMaskRotatedSpace),
    Loreft(Loreft),
    PcaRotatedSpace(PcaRotatedSpace),
    JumpReluAutoencoder(JumpReluAutoencoder),
    Autoencoder(Autoencoder),
}

/// The same expression for whichever intervention it is.
macro_rules! each {
    ($any:expr, $one:ident => $body:expr) => {
        match $any {
            AnyIntervention::Vanilla($one) => $body,
            AnyIntervention::Zero($one) => $body,
            AnyIntervention::Collect($one) => $body,
            AnyIntervention::Addition($one) => $body,
            AnyIntervention::Subtraction($one) => $body,
            AnyIntervention::Noise($one) => $body,
            AnyIntervention::Skip($one) => $body,
            AnyIntervention::RotatedSpace($one) => $body,
            AnyIntervention::BoundlessRotatedSpace($one) => $body,
            AnyIntervention::SigmoidMask($one) => $body,
            AnyIntervention::SigmoidMaskRotatedSpace($one) => $body,
            AnyIntervention::Loreft($one) => $body,
            AnyIntervention::PcaRotatedSpace($one) => $body,
            AnyIntervention::JumpReluAutoencoder($one) => $body,
            AnyIntervention::Autoencoder($one) => $body,
        }
    };
}

impl AnyIntervention {
    /// A fresh intervention at the start of a search, for rows of a width: R drawn at random, of a rank (full where none
    /// is given), trained on the manifold or through a map; masks and boundaries as pyvene has them, with its schedules.
    ///
    /// Components, autoencoders and noise are not drawn but loaded: see [`Self::from_tensors`].
    pub fn fresh(
        kind: Kind,
        width: usize,
        rank: Option<usize>,
        map: Option<Map>,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Result<Self, Error> {
        let rank = rank.unwrap_or(width);
        if !(1..=width).contains(&rank) {
            return Err(Error::Invalid(format!("rank {rank} is not between 1 and the rows' width, {width}")));
        }
        if rank < width && matches!(kind, Kind::BoundlessRotatedSpace | Kind::SigmoidMaskRotatedSpace) {
            return Err(Error::Invalid(format!(
                "{kind} learns how many columns it takes: it has full rank, not {rank}"
            )));
        }
        if let Some(one) = Self::without_parameters(kind) {
            return Ok(one);
        }
        let mut rotation = || Rotation::from_matrix(map, orthogonal::random(width, rank, rng, device), device);
        Ok(match kind {
            Kind::RotatedSpace | Kind::LowRankRotatedSpace => Self::RotatedSpace(RotatedSpace::new(rotation())),
            Kind::BoundlessRotatedSpace => {
                Self::BoundlessRotatedSpace(BoundlessRotatedSpace::new(rotation(), Temperature::ANNEALED, device))
            }
            Kind::SigmoidMask => Self::SigmoidMask(SigmoidMask::new(width, Temperature::constant(0.01), device)),
            Kind::SigmoidMaskRotatedSpace => {
                Self::SigmoidMaskRotatedSpace(SigmoidMaskRotatedSpace::new(rotation(), Temperature::ANNEALED, device))
            }
            Kind::Loreft => {
                let rotation = rotation();
                Self::Loreft(Loreft::new(rotation, rng, device))
            }
            _ => return Err(Error::Invalid(format!("{kind} has no random start: its tensors must be given"))),
        })
    }

    /// The interventions that have nothing to learn and nothing to load.
    pub(super) const fn without_parameters(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Vanilla => Self::Vanilla(Vanilla {}),
            Kind::Zero => Self::Zero(Zero {}),
            Kind::Collect => Self::Collect(Collect {}),
            Kind::Addition => Self::Addition(Addition {}),
            Kind::Subtraction => Self::Subtraction(Subtraction {}),
            Kind::Skip => Self::Skip(Skip {}),
            _ => return None,
        })
    }

    /// Which one it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Vanilla(_) => Kind::Vanilla,
            Self::Zero(_) => Kind::Zero,
            Self::Collect(_) => Kind::Collect,
            Self::Addition(_) => Kind::Addition,
            Self::Subtraction(_) => Kind::Subtraction,
            Self::Noise(_) => Kind::Noise,
            Self::Skip(_) => Kind::Skip,
            Self::RotatedSpace(space) => match space.rotation.dims() {
                [width, rank] if width == rank => Kind::RotatedSpace,
                _ => Kind::LowRankRotatedSpace,
            },
            Self::BoundlessRotatedSpace(_) => Kind::BoundlessRotatedSpace,
            Self::SigmoidMask(_) => Kind::SigmoidMask,
            Self::SigmoidMaskRotatedSpace(_) => Kind::SigmoidMaskRotatedSpace,
            Self::Loreft(_) => Kind::Loreft,
            Self::PcaRotatedSpace(_) => Kind::PcaRotatedSpace,
            Self::JumpReluAutoencoder(_) => Kind::JumpReluAutoencoder,
            Self::Autoencoder(_) => Kind::Autoencoder,
        }
    }

    /// Its rotation, where it has one.
    #[must_use]
    pub const fn rotation(&self) -> Option<&Rotation> {
        match self {
            Self::RotatedSpace(one) => Some(&one.rotation),
            Self::BoundlessRotatedSpace(one) => Some(&one.rotation),
            Self::SigmoidMaskRotatedSpace(one) => Some(&one.rotation),
            Self::Loreft(one) => Some(&one.rotation),
            _ => None,
        }
    }

    /// The width of the rows that it is made for; `None` where any will do.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        match self {
            Self::Noise(one) => Some(one.noise.dims()[2]),
            Self::SigmoidMask(one) => Some(one.mask.val().dims()[0]),
            Self::PcaRotatedSpace(one) => Some(one.mean.dims()[0]),
            Self::JumpReluAutoencoder(one) => Some(one.b_dec.val().dims()[0]),
            Self::Autoencoder(one) => Some(one.b_dec.val().dims()[0]),
            _ => self.rotation().map(|rotation| rotation.dims()[0]),
        }
    }

    /// Its present temperature, where it has one.
    #[must_use]
    pub const fn temperature(&self) -> Option<f64> {
        match self {
            Self::BoundlessRotatedSpace(one) => Some(one.temperature.now()),
            Self::SigmoidMask(one) => Some(one.temperature.now()),
            Self::SigmoidMaskRotatedSpace(one) => Some(one.temperature.now()),
            _ => None,
        }
    }

    /// Its temperature, where it has one: to set, or to give another schedule.
    pub const fn temperature_mut(&mut self) -> Option<&mut Temperature> {
        match self {
            Self::BoundlessRotatedSpace(one) => Some(&mut one.temperature),
            Self::SigmoidMask(one) => Some(&mut one.temperature),
            Self::SigmoidMaskRotatedSpace(one) => Some(&mut one.temperature),
            _ => None,
        }
    }
}

impl Intervention for AnyIntervention {
    fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
        each!(self, one => one.forward(base, source))
    }

    fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
        each!(self, one => one.forward_masked(base, source, mask))
    }

    fn space(&self, width: usize) -> usize {
        each!(self, one => one.space(width))
    }

    fn anneal(&mut self, progress: f64) {
        each!(self, one => one.anneal(progress));
    }

    fn penalty(&self) -> Option<Tensor<1>> {
        each!(self, one => one.penalty())
    }
}
