//! Margin schedules as rulebooks state them, and what they ask of a size.
//!
//! Six kinds: rates by tier, rates that grow with size, one rate, a rate that follows open interest, a rate
//! by hour, a rate from a formula. Beyond what is stated nothing is answered.

use rust_decimal::Decimal;
use serde::Deserialize;
use toml::Spanned;

use super::TIERS_MAX;
use super::fact::{Confidence, Day, Layer};
use super::page::Page;
use crate::config::ConfigError;

/// Unit of sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Notional in the quote currency.
    #[default]
    QuoteNotional,
    /// Notional in USD.
    Usd,
    /// Coins of the underlying.
    Base,
    /// Contracts.
    Contracts,
}

/// To which part of a position a tier's rate applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// All of it.
    #[default]
    WholePosition,
    /// What lies within the tier, like a tax.
    Marginal,
}

/// One tier: holds `lower < N <= upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Lower end.
    pub lower: Decimal,
    /// Upper end; `None` is open.
    pub upper: Option<Decimal>,
    /// Initial rate.
    pub initial: Decimal,
    /// Maintenance rate, where known.
    pub maintenance: Option<Decimal>,
}

/// A rate of one part of the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRate {
    /// Name of the session.
    pub name: String,
    /// Initial rate of buyers.
    pub long: Decimal,
    /// Initial rate of sellers.
    pub short: Decimal,
}

/// How rates depend on size, market and hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// By size.
    Tiered {
        /// Where maintenance applies.
        maintenance_on: On,
        /// The tiers, ascending from zero.
        tiers: Vec<Tier>,
    },
    /// Base and slope for each unit of size.
    LinearSize {
        /// Initial: base and slope.
        initial: (Decimal, Decimal),
        /// Maintenance: base and slope.
        maintenance: (Decimal, Decimal),
    },
    /// One rate.
    Flat {
        /// Initial rate.
        initial: Decimal,
        /// Maintenance rate, where known.
        maintenance: Option<Decimal>,
    },
    /// From `base` at `lower` to `max` at `upper` of open interest.
    OiScaled {
        /// Initial rate below `lower`.
        base: Decimal,
        /// Open interest where it begins to rise; `None` where scaling is off.
        caps: Option<(Decimal, Decimal)>,
        /// Rate at `upper`.
        max: Decimal,
        /// Maintenance rate.
        maintenance: Decimal,
    },
    /// By hour and side.
    Session {
        /// The sessions.
        sessions: Vec<SessionRate>,
    },
    /// From the initial rate: maintenance is a share of it, close-out another less a step.
    Derived {
        /// Initial rate.
        base: Decimal,
        /// Maintenance over initial.
        maintenance_share: Decimal,
        /// Smallest close-out over initial.
        close_out_share: Decimal,
        /// What close-out lies below maintenance.
        close_out_step: Decimal,
    },
}

impl Form {
    /// The word files use.
    pub const fn word(&self) -> &'static str {
        match self {
            Form::Tiered { .. } => "tiered",
            Form::LinearSize { .. } => "linear_size",
            Form::Flat { .. } => "flat",
            Form::OiScaled { .. } => "oi_scaled",
            Form::Session { .. } => "session",
            Form::Derived { .. } => "derived",
        }
    }
}

/// The margin that a venue asks for an instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Canonical instrument.
    pub instrument: String,
    /// How rates depend on size.
    pub form: Form,
    /// Unit of sizes.
    pub unit: Unit,
    /// Coins of one contract, where sizes are contracts.
    pub contract_value: Option<Decimal>,
    /// Nothing is missing: the last tier is the end of what is permitted.
    pub is_complete: bool,
    /// Day from which a newer one holds, where that is known.
    pub superseded_by: Option<Day>,
    /// A remark, or nothing.
    pub note: String,
    /// Id of the source.
    pub source: String,
    /// Day for which it was said.
    pub as_of: Day,
    /// How sure it is.
    pub confidence: Confidence,
    /// Who said so here.
    pub layer: Layer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleText {
    instrument: Spanned<String>,
    kind: Spanned<String>,
    #[serde(default)]
    size_unit: Unit,
    contract_value: Option<Spanned<String>>,
    #[serde(default)]
    initial_on: On,
    #[serde(default)]
    maintenance_on: On,
    complete: bool,
    superseded_by: Option<Spanned<String>>,
    tiers: Option<Spanned<Vec<TierText>>>,
    initial: Option<Spanned<RateText>>,
    maintenance: Option<Spanned<RateText>>,
    sessions: Option<Spanned<Vec<SessionText>>>,
    close_out: Option<Spanned<CloseOutText>>,
    note: Option<Spanned<String>>,
    source: Spanned<String>,
    as_of: Spanned<String>,
    confidence: Confidence,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierText {
    lower: Spanned<String>,
    upper: Spanned<String>,
    initial: Spanned<String>,
    maintenance: Option<Spanned<String>>,
    max_leverage: Option<Spanned<String>>,
    deduction: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateText {
    base: Spanned<String>,
    slope: Option<Spanned<String>>,
    oi_lower: Option<Spanned<String>>,
    oi_upper: Option<Spanned<String>>,
    max: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionText {
    name: Spanned<String>,
    long: Spanned<String>,
    short: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseOutText {
    share: Spanned<String>,
    step: Spanned<String>,
}

const KINDS: [&str; 6] = ["tiered", "linear_size", "flat", "oi_scaled", "session", "derived"];

fn number(page: &Page<'_>, text: &Spanned<String>) -> Result<Decimal, ConfigError> {
    text.get_ref().parse().map_err(|_| {
        let message = format!("`{}` is no decimal number", text.get_ref());
        page.wrong(&text.span(), message, "write decimals as text: \"0.05\"")
    })
}

/// A number that is not below zero.
pub(super) fn positive(page: &Page<'_>, text: &Spanned<String>) -> Result<Decimal, ConfigError> {
    let value = number(page, text)?;
    if value.is_sign_negative() && !value.is_zero() {
        return Err(page.wrong(&text.span(), format!("`{value}` is below zero"), "write it without a sign"));
    }
    Ok(value)
}

/// A rate: above zero, at most one.
fn rate(page: &Page<'_>, text: &Spanned<String>) -> Result<Decimal, ConfigError> {
    let value = positive(page, text)?;
    if value.is_zero() || value > Decimal::ONE {
        let message = format!("`{value}` is no margin rate");
        return Err(page.wrong(
            &text.span(),
            message,
            "a rate lies above 0 and is 1 at most: 5 % is \"0.05\"",
        ));
    }
    Ok(value)
}

impl ScheduleText {
    pub(super) fn read(&self, page: &Page<'_>) -> Result<Schedule, ConfigError> {
        let as_of = page.day(&self.as_of)?;
        let superseded_by = self.superseded_by.as_ref().map(|day| page.day(day)).transpose()?;
        if let (Some(end), Some(text)) = (superseded_by, &self.superseded_by)
            && end <= as_of
        {
            let message = format!("superseded on {end}, which is not after its date {as_of}");
            return Err(page.wrong(&text.span(), message, "write the day from which the newer one holds"));
        }
        if self.initial_on == On::Marginal {
            return Err(page.wrong(
                &self.kind.span(),
                "initial margin by parts is not known here",
                "write initial_on = \"whole_position\", or leave it out",
            ));
        }
        Ok(Schedule {
            instrument: page.string(&self.instrument)?,
            form: self.form(page)?,
            unit: self.size_unit,
            contract_value: self.contract_value.as_ref().map(|v| positive(page, v)).transpose()?,
            is_complete: self.complete,
            superseded_by,
            note: page.optional(self.note.as_ref())?,
            source: page.source(&self.source)?,
            as_of,
            confidence: self.confidence,
            layer: page.layer,
        })
    }

    fn form(&self, page: &Page<'_>) -> Result<Form, ConfigError> {
        let lacks = |key: &str| {
            let message = format!("a schedule of kind `{}` needs `{key}`", self.kind.get_ref());
            page.wrong(&self.kind.span(), message, format!("add `{key}`, or choose another kind"))
        };
        let initial = || self.initial.as_ref().map(Spanned::get_ref).ok_or_else(|| lacks("initial"));
        let maintenance = || self.maintenance.as_ref().map(Spanned::get_ref);
        Ok(match self.kind.get_ref().as_str() {
            "tiered" => Form::Tiered {
                maintenance_on: self.maintenance_on,
                tiers: self.tiers(page, self.tiers.as_ref().ok_or_else(|| lacks("tiers"))?)?,
            },
            "linear_size" => {
                let line = |text: &RateText| {
                    let slope = text.slope.as_ref().ok_or_else(|| lacks("slope"))?;
                    Ok((rate(page, &text.base)?, positive(page, slope)?))
                };
                let maintenance = maintenance().ok_or_else(|| lacks("maintenance"))?;
                Form::LinearSize { initial: line(initial()?)?, maintenance: line(maintenance)? }
            }
            "flat" => Form::Flat {
                initial: rate(page, &initial()?.base)?,
                maintenance: maintenance().map(|m| rate(page, &m.base)).transpose()?,
            },
            "oi_scaled" => {
                self.scaled(page, initial()?, maintenance().ok_or_else(|| lacks("maintenance"))?)?
            }
            "session" => {
                let sessions = self.sessions.as_ref().ok_or_else(|| lacks("sessions"))?;
                page.few(sessions.get_ref().len(), &sessions.span())?;
                let one = |s: &SessionText| {
                    let (long, short) = (rate(page, &s.long)?, rate(page, &s.short)?);
                    Ok(SessionRate { name: page.string(&s.name)?, long, short })
                };
                Form::Session { sessions: sessions.get_ref().iter().map(one).collect::<Result<_, _>>()? }
            }
            "derived" => {
                let close_out = self.close_out.as_ref().ok_or_else(|| lacks("close_out"))?.get_ref();
                let maintenance = maintenance().ok_or_else(|| lacks("maintenance"))?;
                Form::Derived {
                    base: rate(page, &initial()?.base)?,
                    maintenance_share: rate(page, &maintenance.base)?,
                    close_out_share: rate(page, &close_out.share)?,
                    close_out_step: positive(page, &close_out.step)?,
                }
            }
            other => return Err(page.unknown(&self.kind.span(), "kind", other, KINDS.into_iter())),
        })
    }

    fn scaled(&self, page: &Page<'_>, initial: &RateText, low: &RateText) -> Result<Form, ConfigError> {
        let caps = match (&initial.oi_lower, &initial.oi_upper) {
            (Some(lower), Some(upper)) => {
                let caps = (positive(page, lower)?, positive(page, upper)?);
                if caps.0 >= caps.1 {
                    let message = format!("oi_upper {} is not above oi_lower {}", caps.1, caps.0);
                    return Err(page.wrong(&upper.span(), message, "exchange the two"));
                }
                Some(caps)
            }
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => {
                let help = "state both, or neither where it does not scale";
                return Err(page.wrong(&one.span(), "oi_lower and oi_upper go together", help));
            }
        };
        let max = initial.max.as_ref().map_or(Ok(Decimal::ONE), |max| rate(page, max))?;
        let (base, maintenance) = (rate(page, &initial.base)?, rate(page, &low.base)?);
        Ok(Form::OiScaled { base, caps, max, maintenance })
    }

    fn tiers(&self, page: &Page<'_>, rows: &Spanned<Vec<TierText>>) -> Result<Vec<Tier>, ConfigError> {
        let count = rows.get_ref().len();
        if count == 0 || count > TIERS_MAX {
            let message = format!("{count} tiers; a schedule has 1 to {TIERS_MAX}");
            return Err(page.wrong(&rows.span(), message, "state the tiers that are known"));
        }
        let mut out: Vec<Tier> = Vec::with_capacity(count);
        let mut deduction = Decimal::ZERO;
        for row in rows.get_ref() {
            let tier = self.tier(page, row, out.last())?;
            if let (Some(before), Some(stated)) = (out.last(), &row.deduction) {
                let step = tier.maintenance.zip(before.maintenance).map(|(new, old)| new - old);
                deduction = step.and_then(|s| tier.lower.checked_mul(s)).unwrap_or_default() + deduction;
                let difference = (positive(page, stated)? - deduction).abs();
                if difference >= Decimal::ONE {
                    let message = format!("deduction {} does not continue the tier before", stated.get_ref());
                    let help = format!("{} makes maintenance continuous", deduction.normalize());
                    return Err(page.wrong(&stated.span(), message, help));
                }
            }
            out.push(tier);
        }
        Ok(out)
    }

    fn tier(&self, page: &Page<'_>, row: &TierText, before: Option<&Tier>) -> Result<Tier, ConfigError> {
        let lower = positive(page, &row.lower)?;
        let upper = match row.upper.get_ref().as_str() {
            "inf" if self.complete => None,
            "inf" => {
                let message = "an open last tier in a schedule that is not complete";
                let help = "with complete = false nothing is known above the last tier: give its upper end";
                return Err(page.wrong(&row.upper.span(), message, help));
            }
            _ => Some(positive(page, &row.upper)?),
        };
        if upper.is_some_and(|upper| upper <= lower) {
            let message = format!("this tier ends at {} and begins at {lower}", row.upper.get_ref());
            return Err(page.wrong(&row.upper.span(), message, "write the larger number as `upper`"));
        }
        let expected = before.map_or(Some(Decimal::ZERO), |b| b.upper);
        let Some(expected) = expected else {
            let message = "a tier after one without an upper end";
            return Err(page.wrong(&row.lower.span(), message, "give the tier before its upper end"));
        };
        if lower != expected {
            let what = if lower < expected { "overlaps the tier before" } else { "leaves a gap" };
            let message = format!("this tier begins at {lower} and {what}, which ends at {expected}");
            let help =
                format!("write lower = \"{expected}\"; leave out what is not known with complete = false");
            return Err(page.wrong(&row.lower.span(), message, help));
        }
        let initial = rate(page, &row.initial)?;
        let maintenance = row.maintenance.as_ref().map(|m| rate(page, m)).transpose()?;
        if let (Some(rate), Some(text)) = (maintenance, &row.maintenance)
            && rate > initial
        {
            let message = format!("maintenance {rate} is above initial {initial}");
            return Err(page.wrong(&text.span(), message, "exchange the two"));
        }
        if let Some(leverage) = &row.max_leverage {
            let product = number(page, leverage)?.checked_mul(initial).unwrap_or_default();
            if (product - Decimal::ONE).abs() > Decimal::new(1, 3) {
                let message = format!("leverage {} is not one over initial {initial}", leverage.get_ref());
                return Err(page.wrong(&leverage.span(), message, "correct one of the two"));
            }
        }
        Ok(Tier { lower, upper, initial, maintenance })
    }
}
