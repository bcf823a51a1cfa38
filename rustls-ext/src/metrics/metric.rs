use ::metrics::{Key, KeyName, Level, Metadata, SharedString, with_recorder};

/// A metric: its name, its kind, its unit, its labels, and its help text.
///
/// ```
/// use rustls_ext::metrics::{Label, Metric};
///
/// static REPORTS: Metric = Metric::counter("reports_total", "Reports that were made.")
///     .with_labels(&[Label::one_of("kind", &["daily", "weekly"])]);
///
/// REPORTS.describe();
/// REPORTS.add(1, &["daily"]);
/// ```
///
/// The methods that record do nothing before [`enable()`](super::enable).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [Label],
    help: &'static str,
}

/// The kind of a [`Metric`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A number that only rises, until the program ends.
    Counter,
    /// A number that rises and falls.
    Gauge,
    /// The distribution of values over buckets with these upper limits, which ascend.
    Histogram(&'static [f64]),
}

/// The unit of a [`Metric`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// A number of things or events.
    Count,
    /// Seconds; of a time, those since 1970-01-01T00:00:00Z.
    Seconds,
    /// Bytes.
    Bytes,
}

/// A label of a [`Metric`], and its possible values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    name: &'static str,
    values: Values,
}

/// The possible values of a [`Label`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Values {
    /// These, which contain `other`, or are complete. A value that is not one of them is recorded as
    /// `other`.
    OneOf(&'static [&'static str]),
    /// Values that the program or its operator chooses, never a client; this text says which.
    Configured(&'static str),
}

impl Label {
    /// A label with these possible values.
    pub const fn one_of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: Values::OneOf(values) }
    }

    /// A label whose values the program or its operator chooses; `values` says which these are.
    pub const fn configured(name: &'static str, values: &'static str) -> Self {
        Self { name, values: Values::Configured(values) }
    }

    /// Returns the label's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the possible values.
    pub const fn values(&self) -> Values {
        self.values
    }

    /// The value to record.
    fn value(&self, value: &str) -> SharedString {
        match self.values {
            Values::OneOf(all) => {
                all.iter().find(|it| **it == value).copied().unwrap_or("other").into()
            }
            Values::Configured(_) => value.to_owned().into(),
        }
    }
}

impl Metric {
    /// A counter without labels, of things or events. By convention its name ends with `_total`.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, unit: Unit::Count, labels: &[], help }
    }

    /// A gauge without labels, of things or events.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, unit: Unit::Count, labels: &[], help }
    }

    /// A histogram without labels, of seconds, over buckets with these upper limits, which ascend.
    pub const fn histogram(
        name: &'static str,
        buckets: &'static [f64],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Histogram(buckets), unit: Unit::Seconds, labels: &[], help }
    }

    /// The same with these labels.
    pub const fn with_labels(mut self, labels: &'static [Label]) -> Self {
        self.labels = labels;
        self
    }

    /// The same with this unit.
    pub const fn with_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Returns the name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the unit.
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Returns the labels, in the order in which their values are recorded.
    pub const fn labels(&self) -> &'static [Label] {
        self.labels
    }

    /// Returns the help text.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// Returns the upper limits of a histogram's buckets; `None` for other kinds.
    pub const fn buckets(&self) -> Option<&'static [f64]> {
        match self.kind {
            Kind::Histogram(buckets) => Some(buckets),
            _ => None,
        }
    }

    /// Describes the metric to the recorder.
    pub fn describe(&self) {
        let name = KeyName::from_const_str(self.name);
        let unit = Some(match self.unit {
            Unit::Count => ::metrics::Unit::Count,
            Unit::Seconds => ::metrics::Unit::Seconds,
            Unit::Bytes => ::metrics::Unit::Bytes,
        });
        let help = SharedString::const_str(self.help);
        with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram(_) => recorder.describe_histogram(name, unit, help),
        });
    }

    /// Adds `count` to a counter. `values` are those of the labels, in their order; a value that is
    /// missing is recorded as empty.
    pub fn add(&self, count: u64, values: &[&str]) {
        if let Some(key) = self.key(values) {
            with_recorder(|it| it.register_counter(&key, &METADATA).increment(count));
        }
    }

    /// Sets a gauge to `value`.
    pub fn set(&self, value: f64, values: &[&str]) {
        if let Some(key) = self.key(values) {
            with_recorder(|it| it.register_gauge(&key, &METADATA).set(value));
        }
    }

    /// Adds `change`, which may be negative, to a gauge.
    pub fn change(&self, change: f64, values: &[&str]) {
        if let Some(key) = self.key(values) {
            with_recorder(|it| it.register_gauge(&key, &METADATA).increment(change));
        }
    }

    /// Adds `value` to the distribution of a histogram.
    pub fn observe(&self, value: f64, values: &[&str]) {
        if let Some(key) = self.key(values) {
            with_recorder(|it| it.register_histogram(&key, &METADATA).record(value));
        }
    }

    /// The name and labels to record; `None` if nothing is recorded.
    fn key(&self, values: &[&str]) -> Option<Key> {
        if !super::is_enabled() {
            return None;
        }
        let values = values.iter().copied().chain(std::iter::repeat(""));
        let label =
            |(label, value): (&Label, &str)| ::metrics::Label::new(label.name, label.value(value));
        let labels: Vec<_> = self.labels.iter().zip(values).map(label).collect();
        Some(Key::from_parts(self.name, labels))
    }
}

static METADATA: Metadata<'static> = Metadata::new("rustls_ext", Level::INFO, None);
