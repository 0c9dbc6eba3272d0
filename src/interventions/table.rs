//! What the table of the interventions generates.

/// The same expression for every variant of [`AnyIntervention`](super::AnyIntervention).
macro_rules! each {
    ([$($Type:ident)*] $any:expr, $one:ident => $body:expr) => {
        match $any {
            $(AnyIntervention::$Type($one) => $body,)*
        }
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
            fn forward(&self, base: Tensor<3>, source: Tensor<3>) -> Tensor<3> {
                each!([$($Type)*] self, one => one.forward(base, source))
            }

            fn forward_masked(&self, base: Tensor<3>, source: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
                each!([$($Type)*] self, one => one.forward_masked(base, source, mask))
            }

            fn forward_swaps(
                &self,
                base: Tensor<3>,
                sources: &[Tensor<3>],
                columns: &dyn Fn(usize) -> Subspace,
            ) -> Tensor<3> {
                each!([$($Type)*] self, one => one.forward_swaps(base, sources, columns))
            }

            fn space(&self, width: usize) -> usize {
                each!([$($Type)*] self, one => one.space(width))
            }

            fn anneal(&mut self, progress: f64) {
                each!([$($Type)*] self, one => one.anneal(progress));
            }

            fn penalty(&self) -> Option<Tensor<1>> {
                each!([$($Type)*] self, one => one.penalty())
            }

            fn rotation(&self) -> Option<&Rotation> {
                each!([$($Type)*] self, one => one.rotation())
            }

            fn temperature_mut(&mut self) -> Option<&mut Temperature> {
                each!([$($Type)*] self, one => one.temperature_mut())
            }

            fn temperature(&self) -> Option<f64> {
                each!([$($Type)*] self, one => one.temperature())
            }

            fn groups(&self) -> Vec<(ParamId, RateGroup)> {
                each!([$($Type)*] self, one => one.groups())
            }
        }

        impl BuiltIn for AnyIntervention {
            fn draw<R: Rng>(start: &mut Start<'_, R>) -> Result<Self, Error> {
                match start.kind {
                    $(Kind::$Type $(| Kind::$Low)? => $Type::draw(start).map(Self::$Type),)*
                }
            }

            fn read(tensors: &Reader<'_>) -> Result<Self, Error> {
                match tensors.kind {
                    $(Kind::$Type $(| Kind::$Low)? => $Type::read(tensors).map(Self::$Type),)*
                }
            }

            fn write(&self, tensors: &mut Writer) {
                each!([$($Type)*] self, one => one.write(tensors));
            }

            fn write_buffers(&self, tensors: &mut Writer) {
                each!([$($Type)*] self, one => one.write_buffers(tensors));
            }

            fn width(&self) -> Option<usize> {
                each!([$($Type)*] self, one => BuiltIn::width(one))
            }

            fn units(&self) -> Option<usize> {
                each!([$($Type)*] self, one => BuiltIn::units(one))
            }

            fn hard_rank(&self) -> Option<usize> {
                each!([$($Type)*] self, one => BuiltIn::hard_rank(one))
            }

            fn harden(&self, device: &Device) -> Option<RotatedSpace> {
                each!([$($Type)*] self, one => BuiltIn::harden(one, device))
            }
        }
    };
}
