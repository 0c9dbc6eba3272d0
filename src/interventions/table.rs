//! What the table of the interventions generates.

/// The same expression for every variant of [`AnyIntervention`](super::AnyIntervention).
macro_rules! each {
    ([$($Type:ident)*] $any:expr, $one:ident => $body:expr) => {
        match $any {
            $(AnyIntervention::$Type($one) => $body,)*
        }
    };
}

/// Methods of a trait that each variant of [`AnyIntervention`](super::AnyIntervention) implements, with `&self` left out.
macro_rules! dispatch {
    ($types:tt $Trait:ident $(fn $name:ident($($arg:ident: $Arg:ty),*) $(-> $Out:ty)?;)*) => {
        $(
            fn $name(&self, $($arg: $Arg),*) $(-> $Out)? {
                each!($types self, one => $Trait::$name(one, $($arg),*))
            }
        )*
    };
}

/// From one row per module: the module itself, [`Kind`](super::Kind), [`AnyIntervention`](super::AnyIntervention), and
/// the dispatch of both traits. A row names the module, its type, and the kind of that type's low-rank form if it has
/// one; the module holds the constant `INFO`, and `LOW_RANK` for the low-rank form.
macro_rules! interventions {
    ($($module:ident: $Type:ident $(, $Low:ident)?;)*) => {
        $(mod $module;)*
        $(pub use $module::$Type;)*

        /// The kinds of interventions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $(
                #[doc = concat!("[`", stringify!($Type), "`]")]
                $Type,
                $(
                    #[doc = concat!("[`", stringify!($Type), "`] of a rank below the width")]
                    $Low,
                )?
            )*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: [Self; [$(stringify!($Type), $(stringify!($Low),)?)*].len()] =
                [$(Self::$Type, $(Self::$Low,)?)*];

            /// The description.
            #[must_use]
            pub const fn info(self) -> &'static Info {
                match self {
                    $(
                        Self::$Type => &$module::INFO,
                        $(Self::$Low => &$module::LOW_RANK,)?
                    )*
                }
            }
        }

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
        /// // R is what is saved, and it is read back bit for bit.
        /// let again = AnyIntervention::from_tensors(Kind::LowRankRotatedSpace, &das.to_tensors(), None, &device)?;
        /// assert_eq!(again.rotation().unwrap().dims(), [16, 2]);
        /// # Ok::<(), intervene::Error>(())
        /// ```
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant, reason = "a run holds a handful of them")]
        pub enum AnyIntervention {
            $(
                #[doc = concat!("[`", stringify!($Type), "`]")]
                $Type($Type),
            )*
        }

        $(
            impl From<$Type> for AnyIntervention {
                fn from(one: $Type) -> Self {
                    Self::$Type(one)
                }
            }
        )*

        impl AnyIntervention {
            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(
                        $(Self::$Type(one) if one.is_low_rank() => Kind::$Low,)?
                        Self::$Type(_) => Kind::$Type,
                    )*
                }
            }
        }

        impl Intervention for AnyIntervention {
            dispatch! { [$($Type)*] Intervention
                fn forward(base: Tensor<3>, source: Tensor<3>) -> Tensor<3>;
                fn forward_masked(base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3>;
                fn forward_swaps(base: Tensor<3>, sources: &[Tensor<3>], at: &dyn Fn(usize) -> Subspace) -> Tensor<3>;
                fn space(width: usize) -> usize;
                fn penalty() -> Option<Tensor<1>>;
                fn rotation() -> Option<&Rotation>;
                fn temperature() -> Option<f64>;
                fn groups() -> Vec<(ParamId, RateGroup)>;
            }

            fn anneal(&mut self, progress: f64) {
                each!([$($Type)*] self, one => one.anneal(progress));
            }

            fn temperature_mut(&mut self) -> Option<&mut Temperature> {
                each!([$($Type)*] self, one => one.temperature_mut())
            }
        }

        impl BuiltIn for AnyIntervention {
            fn draw<R: Rng>(start: &mut RandomStart<'_, R>) -> Result<Self, Error> {
                match start.kind {
                    $(Kind::$Type $(| Kind::$Low)? => $Type::draw(start).map(Self::$Type),)*
                }
            }

            fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
                match tensors.kind {
                    $(Kind::$Type $(| Kind::$Low)? => $Type::read(tensors).map(Self::$Type),)*
                }
            }

            dispatch! { [$($Type)*] BuiltIn
                fn write(tensors: &mut Writer);
                fn write_buffers(tensors: &mut Writer);
                fn width() -> Option<usize>;
                fn units() -> Option<usize>;
                fn hard_rank() -> Option<usize>;
                fn harden(device: &Device) -> Option<RotatedSpace>;
            }
        }
    };
}
