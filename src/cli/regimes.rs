//! Law and venue rules: ls, show, diff, gaps, check, sources.

use std::path::PathBuf;

use super::print;
use crate::app::failure::code;
use crate::app::regimes::{self, Asked};
use crate::app::{Failure, setup::Setup};
use crate::clock::Clock;
use crate::config::rulebook::{Class, Day};

/// Law and venue rules. Every fact has a source, a date and a confidence; unknown is never zero.
#[derive(Debug, clap::Subcommand)]
pub enum RegimesCommand {
    /// Regimes and venues, one line each
    Ls,
    /// All facts of a venue or a regime
    Show {
        /// Venue id or regime code: okx, EU, AE-DU
        #[arg(value_name = "VENUE|REGIME")]
        name: String,
    },
    /// Two venues or two regimes side by side
    Diff {
        /// Venue id or regime code
        a: String,
        /// Venue id or regime code
        b: String,
        /// Schedules of this day, YYYY-MM-DD; today when absent
        #[arg(long, value_name = "DATE")]
        at: Option<String>,
    },
    /// Distance of each venue from the harmonised baseline
    Gaps(GapsArgs),
    /// Check files of facts; without files those of the configuration
    Check {
        /// Files: sources.toml, jurisdictions.toml, baseline.toml, or a venue's facts
        files: Vec<PathBuf>,
    },
    /// Where facts were read
    Sources,
}

/// What is compared with the baseline.
#[derive(Clone, Debug, clap::Args)]
pub struct GapsArgs {
    /// Class of clients: retail or professional
    #[arg(long, default_value = "professional", value_name = "CLASS")]
    pub class: String,
    /// Asset
    #[arg(long, default_value = "BTC", value_name = "U")]
    pub underlying: String,
    /// USD of one coin, for rules that count coins
    #[arg(long, default_value_t = 69_000.0, value_name = "USD")]
    pub price: f64,
    /// Schedules of this day, YYYY-MM-DD; today when absent
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// One of the subcommands.
pub fn regimes(command: &RegimesCommand) -> Result<u8, Failure> {
    if let RegimesCommand::Check { files } = command {
        return print(&regimes::check(files)?).map(|()| code::OK);
    }
    let setup = Setup::load(&[])?;
    let book = &setup.rulebook;
    let today = Day::of(Clock::start().now());
    let text = match command {
        RegimesCommand::Ls => regimes::ls(book, today),
        RegimesCommand::Show { name } => regimes::show(book, name, today)?,
        RegimesCommand::Diff { a, b, at } => regimes::diff(book, (a, b), day(at.as_deref(), today)?, today)?,
        RegimesCommand::Gaps(args) => {
            let asked = asked(args, today)?;
            if args.json {
                regimes::gaps_json(book, &asked, today)?
            } else {
                regimes::gaps(book, &asked, today)
            }
        }
        RegimesCommand::Sources => regimes::sources(book),
        RegimesCommand::Check { .. } => String::new(),
    };
    print(&text).map(|()| code::OK)
}

fn day(text: Option<&str>, today: Day) -> Result<Day, Failure> {
    let Some(text) = text else { return Ok(today) };
    Day::parse(text).ok_or_else(|| Failure::usage(format!("`{text}` is no date; write YYYY-MM-DD")))
}

fn asked(args: &GapsArgs, today: Day) -> Result<Asked, Failure> {
    let class = match args.class.as_str() {
        "retail" => Class::Retail,
        "professional" => Class::Professional,
        other => return Err(Failure::usage(format!("class `{other}` is not retail and not professional"))),
    };
    if !args.price.is_finite() || args.price <= 0.0 {
        return Err(Failure::usage(format!("`--price {}` is no price", args.price)));
    }
    let (underlying, price) = (args.underlying.clone(), args.price);
    Ok(Asked { class, underlying, price, at: day(args.at.as_deref(), today)? })
}
