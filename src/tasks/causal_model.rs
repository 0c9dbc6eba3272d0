//! Causal models: variables, their parents, and the functions between them.

use rand::Rng;

use crate::error::{Error, nearest};

/// A variable of a [`CausalModel`], returned by `input` or `variable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variable(usize);

/// The value of every variable in one run of a causal model.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<V>(Vec<V>);

impl<V> Setting<V> {
    /// Returns the values, in the order in which the variables were added.
    #[must_use]
    pub fn values(&self) -> &[V] {
        &self.0
    }
}

impl<V> std::ops::Index<Variable> for Setting<V> {
    type Output = V;

    fn index(&self, variable: Variable) -> &V {
        &self.0[variable.0]
    }
}

type Mechanism<V> = Box<dyn Fn(&[&V]) -> V + Send + Sync>;
type Sampler<V> = Box<dyn Fn(&mut dyn Rng) -> Vec<V> + Send + Sync>;

struct Node<V> {
    name: String,
    parents: Vec<usize>,
    /// `None` for an input.
    mechanism: Option<Mechanism<V>>,
}

/// A deterministic structural causal model over values of type `V` (Geiger et al. 2021, arXiv 2106.02997).
///
/// ```
/// use intervene::tasks::CausalModel;
/// use rand::{RngExt, SeedableRng};
///
/// let mut model = CausalModel::<i32>::new();
/// let (a, b) = (model.input("a"), model.input("b"));
/// let sum = model.variable("sum", &[a, b], |v| v[0] + v[1]);
/// let even = model.variable("even", &[sum], |v| i32::from(*v[0] % 2 == 0));
/// let model = model.sample_inputs_with(|rng| vec![rng.random_range(0..10), rng.random_range(0..10)]);
///
/// let base = model.run(&[1, 2]).unwrap();
/// assert_eq!((base[sum], base[even]), (3, 0));
/// let fixed = model.run_with(&[1, 2], &[(sum, 8)]).unwrap();
/// assert_eq!(fixed[even], 1);
/// let source = model.run(&[4, 4]).unwrap();
/// assert_eq!(model.interchange(&base, &[(sum, &source)])[even], 1);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// assert_eq!(model.sample_where(even, &1, &mut rng).unwrap()[even], 1);
/// ```
pub struct CausalModel<V> {
    nodes: Vec<Node<V>>,
    sampler: Option<Sampler<V>>,
}

impl<V> Default for CausalModel<V> {
    fn default() -> Self {
        Self { nodes: Vec::new(), sampler: None }
    }
}

impl<V: Clone + PartialEq> CausalModel<V> {
    /// A model without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input, a variable without a mechanism. Panics if the name is taken.
    pub fn input(&mut self, name: &str) -> Variable {
        self.push(name, &[], None)
    }

    /// Adds a variable that `mechanism` computes from its parents' values, in the order of `parents`.
    ///
    /// # Panics
    /// If a parent belongs to another model, or if the name is taken.
    pub fn variable(
        &mut self,
        name: &str,
        parents: &[Variable],
        mechanism: impl Fn(&[&V]) -> V + Send + Sync + 'static,
    ) -> Variable {
        self.push(name, parents, Some(Box::new(mechanism)))
    }

    fn push(&mut self, name: &str, parents: &[Variable], mechanism: Option<Mechanism<V>>) -> Variable {
        assert!(self.nodes.iter().all(|node| node.name != name), "the model already has a variable `{name}`");
        assert!(parents.iter().all(|p| p.0 < self.nodes.len()), "a parent of `{name}` belongs to another model");
        self.nodes.push(Node { name: name.to_owned(), parents: parents.iter().map(|p| p.0).collect(), mechanism });
        Variable(self.nodes.len() - 1)
    }

    /// Sets how inputs are drawn: `sampler` returns one value per input, in the order in which the inputs were added.
    #[must_use]
    pub fn sample_inputs_with(mut self, sampler: impl Fn(&mut dyn Rng) -> Vec<V> + Send + Sync + 'static) -> Self {
        self.sampler = Some(Box::new(sampler));
        self
    }

    /// Returns every variable, parents before children.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        (0..self.nodes.len()).map(Variable)
    }

    /// Returns the variable's name.
    #[must_use]
    pub fn name(&self, variable: Variable) -> &str {
        &self.nodes[variable.0].name
    }

    /// Returns the variable's parents.
    pub fn parents(&self, variable: Variable) -> impl Iterator<Item = Variable> {
        self.nodes[variable.0].parents.iter().copied().map(Variable)
    }

    /// Returns the variable with this name; an error if there is none.
    pub fn find(&self, name: &str) -> Result<Variable, Error> {
        let position = self.nodes.iter().position(|node| node.name == name);
        position.map(Variable).ok_or_else(|| Error::Unknown {
            what: "variable",
            name: name.to_owned(),
            hint: nearest(name, self.nodes.iter().map(|node| node.name.as_str())),
        })
    }

    /// Runs the model on the values of its inputs, in the order in which they were added; a wrong number is an error.
    pub fn run(&self, inputs: &[V]) -> Result<Setting<V>, Error> {
        self.run_with(inputs, &[])
    }

    /// Runs the model with some variables fixed to values, regardless of their parents.
    pub fn run_with(&self, inputs: &[V], fixed: &[(Variable, V)]) -> Result<Setting<V>, Error> {
        let expected = self.nodes.iter().filter(|node| node.mechanism.is_none()).count();
        if inputs.len() != expected {
            let count = inputs.len();
            return Err(Error::Invalid(format!("the causal model needs {expected} input values, not {count}")));
        }
        let mut next = inputs.iter();
        Ok(self.evaluate(fixed, |_| next.next().expect("the number of inputs was checked").clone()))
    }

    /// Performs an interchange intervention: runs the base's inputs with each variable set to its value in its source.
    #[must_use]
    pub fn interchange(&self, base: &Setting<V>, sources: &[(Variable, &Setting<V>)]) -> Setting<V> {
        let fixed: Vec<(Variable, V)> = sources.iter().map(|(v, source)| (*v, source[*v].clone())).collect();
        self.evaluate(&fixed, |input| base[input].clone())
    }

    fn evaluate(&self, fixed: &[(Variable, V)], mut input: impl FnMut(Variable) -> V) -> Setting<V> {
        let mut values: Vec<V> = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let value = match (fixed.iter().find(|(v, _)| v.0 == index), &node.mechanism) {
                (Some((_, value)), _) => {
                    if node.mechanism.is_none() {
                        input(Variable(index));
                    }
                    value.clone()
                }
                (None, None) => input(Variable(index)),
                (None, Some(mechanism)) => match node.parents[..] {
                    [a] => mechanism(&[&values[a]]),
                    [a, b] => mechanism(&[&values[a], &values[b]]),
                    _ => mechanism(&node.parents.iter().map(|parent| &values[*parent]).collect::<Vec<_>>()),
                },
            };
            values.push(value);
        }
        Setting(values)
    }

    /// Draws inputs and runs the model on them; an error if there is no sampler.
    pub fn sample(&self, rng: &mut dyn Rng) -> Result<Setting<V>, Error> {
        let sampler = self.sampler.as_ref().ok_or_else(|| {
            Error::Invalid("the causal model has no sampler: add one with `sample_inputs_with`".to_owned())
        })?;
        self.run(&sampler(rng))
    }

    /// Draws until `variable` has the value; an error after 10,000 draws without it.
    pub fn sample_where(&self, variable: Variable, value: &V, rng: &mut dyn Rng) -> Result<Setting<V>, Error> {
        for _ in 0..10_000 {
            let setting = self.sample(rng)?;
            if setting[variable] == *value {
                return Ok(setting);
            }
        }
        Err(Error::Invalid(format!(
            "`{}` did not have the required value in 10,000 draws: `sample_inputs_with` must draw it more often",
            self.name(variable)
        )))
    }
}
