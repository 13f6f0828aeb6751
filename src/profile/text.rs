//! A profile as text: bounded reading with the line or the field in every refusal, and writing.

use super::{FORMAT, KindCost, MAX_FILE_BYTES, ModelFit, OTHER, Profile, ProfileError};

/// Kinds, models and operators of a model at most.
const MAX_KINDS: usize = 64;
const MAX_MODELS: usize = 64;
const MAX_TABLE: usize = 4096;
/// Bytes of a text at most.
const MAX_TEXT_BYTES: usize = 1024;
/// An operator takes a minute at most: sums stay far from overflow.
const MAX_NS: f64 = 6e10;

impl Profile {
    /// Reads a profile; `name` is what errors call it.
    ///
    /// # Errors
    /// Text that is too long, no TOML, of another version or shape, or numbers out of bounds.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        let check = Check { name };
        if text.len() > MAX_FILE_BYTES {
            let read = format!("over {MAX_FILE_BYTES} bytes long");
            return Err(check.bad("the file", read, format!("at most {MAX_FILE_BYTES} bytes")));
        }
        let profile: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..at).unwrap_or_default();
            ProfileError::Syntax {
                name: name.to_owned(),
                line: before.matches('\n').count() + 1,
                problem: error.message().replace('\n', ", "),
            }
        })?;
        check.profile(&profile)?;
        Ok(profile)
    }

    /// The profile as a file.
    ///
    /// # Errors
    /// A number that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

struct Check<'a> {
    name: &'a str,
}

impl Check<'_> {
    fn bad(
        &self,
        field: impl Into<String>,
        read: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> ProfileError {
        ProfileError::Field {
            name: self.name.to_owned(),
            field: field.into(),
            read: read.to_string(),
            expected: expected.into(),
        }
    }

    fn profile(&self, profile: &Profile) -> Result<(), ProfileError> {
        if profile.format != FORMAT {
            let expected = format!("{FORMAT}, the version that this program reads");
            return Err(self.bad("format", profile.format, expected));
        }
        let from = &profile.provenance;
        for (field, text) in [
            ("name", &profile.name),
            ("provenance.who", &from.who),
            ("provenance.when", &from.when),
            ("provenance.how", &from.how),
            ("provenance.cudnn", &from.cudnn),
            ("provenance.program", &from.program),
        ] {
            self.text(field, text)?;
        }
        if let Some(power) = &profile.power {
            for (field, watts) in [
                ("power.idle_w", power.idle_w),
                ("power.compute_w", power.compute_w),
                ("power.tx_w", power.tx_w),
                ("power.rx_w", power.rx_w),
            ] {
                self.number(field, watts, 0.0, 1e5, "watts")?;
            }
        }
        self.count("operators", profile.operators.len(), MAX_KINDS)?;
        if !profile.operators.contains_key(OTHER) {
            return Err(self.bad(
                "operators",
                "without operators.other",
                "the cost of kinds that are not listed",
            ));
        }
        for (kind, cost) in &profile.operators {
            self.text("operators", kind)?;
            self.kind(&format!("operators.{kind}"), cost)?;
        }
        self.count("models", profile.models.len(), MAX_MODELS)?;
        profile.models.iter().try_for_each(|m| self.model(m))
    }

    fn kind(&self, at: &str, cost: &KindCost) -> Result<(), ProfileError> {
        let field = |name| format!("{at}.{name}");
        self.number(
            &field("overhead_ns"),
            cost.overhead_ns,
            0.0,
            MAX_NS,
            "nanoseconds",
        )?;
        for (name, rate) in [
            ("flops_per_s", cost.flops_per_s),
            ("bytes_per_s", cost.bytes_per_s),
        ] {
            if let Some(rate) = rate {
                self.number(&field(name), rate, 1e3, 1e20, "a rate per second")?;
            }
        }
        let mut last = 0.0;
        for share in cost.scaling.into_iter().flatten() {
            self.number(
                &field("scaling"),
                share,
                last,
                1.0,
                "shares that do not fall",
            )?;
            last = share;
        }
        Ok(())
    }

    fn model(&self, model: &ModelFit) -> Result<(), ProfileError> {
        self.text("models.name", &model.name)?;
        if let Some(watts) = model.compute_w {
            self.number("models.compute_w", watts, 0.0, 1e5, "watts")?;
        }
        let field = |name: &str| format!("models.{}.{name}", model.name);
        let ns = model.measured_ns as f64;
        self.number(
            &field("measured_ns"),
            ns,
            1.0,
            1000.0 * MAX_NS,
            "nanoseconds",
        )?;
        for size in model.size {
            let size = f64::from(size);
            self.number(&field("size"), size, 1.0, 65536.0, "rows or columns")?;
        }
        let errors = std::iter::once(model.error_pct).chain(model.unseen_error_pct);
        for error in errors {
            self.number(&field("error_pct"), error, -1e6, 1e6, "percent")?;
        }
        self.count(&field("scale"), model.scale.len(), MAX_KINDS)?;
        for (kind, factor) in &model.scale {
            let at = field(&format!("scale.{kind}"));
            self.number(&at, *factor, 0.0, 1e3, "a factor")?;
        }
        self.count(&field("table"), model.table.len(), MAX_TABLE)?;
        for row in &model.table {
            self.text(&field("table.name"), &row.name)?;
            for &ns in row.rows_ns.iter().chain(&row.channels_ns) {
                let at = field(&format!("table.{}", row.name));
                self.number(&at, ns as f64, 0.0, MAX_NS, "nanoseconds")?;
            }
        }
        Ok(())
    }

    fn text(&self, field: &str, text: &str) -> Result<(), ProfileError> {
        if text.is_empty() || text.len() > MAX_TEXT_BYTES {
            let expected = format!("between 1 and {MAX_TEXT_BYTES}");
            return Err(self.bad(field, format!("{} bytes long", text.len()), expected));
        }
        Ok(())
    }

    fn count(&self, field: &str, count: usize, most: usize) -> Result<(), ProfileError> {
        if count > most {
            return Err(self.bad(
                field,
                format!("{count} entries long"),
                format!("at most {most}"),
            ));
        }
        Ok(())
    }

    fn number(
        &self,
        field: &str,
        read: f64,
        least: f64,
        most: f64,
        what: &str,
    ) -> Result<(), ProfileError> {
        if (least..=most).contains(&read) {
            return Ok(());
        }
        Err(self.bad(field, read, format!("{what} from {least} to {most}")))
    }
}
