//! Expressions of rules in CEL: names of metrics are doubles of the same scope, money is an opaque decimal.
//!
//! `mid_gap_bps > 10 && abs(funding_apr) > 0.2`, `usd(oi_usd).mul(0.1).gt(usd("1e6"))`. What is not a number,
//! a truth or money is refused when the rule is read, at its place; so are comprehensions: the cost of an
//! expression is the number of its nodes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::common::types::CelDouble;
use cel::extractors::This;
use cel::objects::Opaque;
use cel::{Context, Env, ExecutionError, Value};
use rust_decimal::Decimal;

use super::market::Market;
use super::metric::{METRICS, NO_SYMBOL, NONE, Note, Part, Row, Scope, Table, find};
use crate::config::error::nearest;
use crate::model::Nanos;
use crate::model::num::shortest;
use crate::snapshot::Quality;

/// Nodes of one expression: with neither loops nor macros they are its cost.
pub const NODES_MAX: usize = 256;

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, to be held against limits.
    Number,
    /// A truth: the condition itself.
    Truth,
    /// Money; only within an expression.
    Money,
    /// A text; only as `usd("..")`.
    Text,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Kind::Number => "a number",
            Kind::Truth => "a condition",
            Kind::Money => "money",
            Kind::Text => "a text",
        }
    }
}

/// An expression that can be evaluated.
#[derive(Debug)]
pub struct Compiled {
    root: IdedExpr,
    /// Positions of the metrics that it names, the first named first.
    metrics: Vec<usize>,
    /// What it gives.
    pub kind: Kind,
}

/// What is wrong: the bytes of the expression, and why.
pub type Wrong = (Range<usize>, String);

static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::default().with_stdlib()));

impl Compiled {
    /// Reads an expression.
    pub fn new(text: &str) -> Result<Compiled, Wrong> {
        if let Some(at) = text.bytes().position(|b| !b.is_ascii()) {
            return Err((at..at, "an expression is plain ASCII".into()));
        }
        let whole = 0..text.len();
        // Without macros: `all`, `map` and the like stay calls, and no such function is known.
        let parsed = Env::default().with_optional_support(false).parser().parse_with_source_info(text);
        let (mut root, info) = parsed.map_err(|errors| {
            let first = errors.errors.first();
            let at = first.map_or(whole.clone(), |e| place(text, e.pos));
            (at, first.map_or_else(|| "this does not parse".to_string(), |e| plain(&e.msg)))
        })?;
        let mut checker = Checker { text, info: &info, metrics: Vec::new(), nodes: 0 };
        let kind = checker.kind(&mut root)?;
        let metrics = checker.metrics;
        if !matches!(kind, Kind::Number | Kind::Truth) {
            return Err((whole, format!("it gives {}; a rule needs a number or a condition", kind.word())));
        }
        if metrics.is_empty() {
            return Err((whole, "it names no metric".into()));
        }
        Ok(Compiled { root, metrics, kind })
    }

    /// Position of the metric that it names first: its rows say where the expression is evaluated.
    pub fn lead(&self) -> usize {
        self.metrics.first().copied().unwrap_or_default()
    }

    /// The row of the expression at the scope of a row of its first metric.
    pub fn row(&self, lead: &Row, market: &Market, tables: &[Table]) -> Row {
        let mut out = *lead;
        (out.value, out.note) = (None, Note::None);
        let mut context = standard();
        for at in &self.metrics {
            let Some(card) = METRICS.get(*at).map(|m| m.card()) else { continue };
            let Some(row) = tables.get(*at).and_then(|t| nearest_row(t, market, lead.scope)) else {
                return Row { quality: Quality::Missing, ..out };
            };
            out.quality = worse(out.quality, row.quality);
            out.coverage = out.coverage.min(row.coverage);
            (out.used, out.expected) = (out.used.min(row.used), out.expected.max(row.expected));
            out.as_of = Nanos(out.as_of.0.max(row.as_of.0));
            let Some(value) = row.value else { return Row { quality: Quality::Missing, ..out } };
            context.add_variable_from_value(card.id, value);
        }
        out.value = match Value::resolve(&self.root, &context) {
            Ok(Value::Float(number)) => Some(number).filter(|n| n.is_finite()),
            Ok(Value::Bool(truth)) => Some(f64::from(u8::from(truth))),
            _ => None, // money out of range
        };
        if out.value.is_none() {
            out.quality = Quality::Missing;
        }
        out
    }
}

/// The row of a metric at a scope, else of the instrument that stands for the cell, else at the next wider
/// scope: cell, underlying, venue, everything.
fn nearest_row<'t>(table: &'t Table, market: &Market, scope: Scope) -> Option<&'t Row> {
    let whole = scope.part(Part::Whole);
    let cell = Scope { symbol: NO_SYMBOL, peer: NONE, ..whole };
    let head = market.head(scope.venue, scope.underlying);
    let head = head.map_or(whole, |(symbol, _)| Scope { symbol, ..cell });
    let wider = [cell, Scope::underlying(scope.underlying), Scope::venue(scope.venue), Scope::GLOBAL];
    [scope, whole, head].into_iter().chain(wider).find_map(|s| table.row(s))
}

/// The worse trust, in the order of DECISIONS 26.
fn worse(a: Quality, b: Quality) -> Quality {
    let rank = |q: Quality| match q {
        Quality::Ok => 0,
        Quality::Estimated => 1,
        Quality::Degraded => 2,
        Quality::Stale => 3,
        Quality::Missing => 4,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// Bytes of a place that the parser gives as line and column.
fn place(text: &str, (line, column): (isize, isize)) -> Range<usize> {
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let at = (before + usize::try_from(column).unwrap_or(1).max(1) - 1).min(text.len());
    at..(at + 1).min(text.len())
}

/// The parser's words without its inner names.
fn plain(words: &str) -> String {
    let line = words.lines().next().unwrap_or_default();
    let line = line.strip_prefix("Syntax error: ").unwrap_or(line);
    let line = line.split(" expecting ").next().unwrap_or(line);
    line.replace("mismatched input '<EOF>'", "the expression ends too early")
}

struct Checker<'a> {
    text: &'a str,
    info: &'a SourceInfo,
    metrics: Vec<usize>,
    nodes: usize,
}

impl Checker<'_> {
    fn wrong<T>(&self, id: u64, message: impl Into<String>) -> Result<T, Wrong> {
        let at = self.info.offset_for(id);
        let span = at.map_or(0..self.text.len(), |(from, to)| from as usize..(to as usize + 1));
        let end = span.end.min(self.text.len());
        Err((span.start.min(end)..end, message.into()))
    }

    /// The kind of a node. Whole numbers become doubles: `mid_gap_bps > 10` means 10.0.
    fn kind(&mut self, node: &mut IdedExpr) -> Result<Kind, Wrong> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return self.wrong(node.id, format!("the expression has more than {NODES_MAX} nodes"));
        }
        let id = node.id;
        match &mut node.expr {
            Expr::Literal(literal) => self.literal(id, literal),
            Expr::Ident(name) => self.metric(id, name),
            Expr::Call(call) => {
                let mut args = Vec::with_capacity(call.args.len() + 1);
                if let Some(target) = &mut call.target {
                    args.push(self.kind(target)?);
                }
                let is_method = !args.is_empty();
                for arg in &mut call.args {
                    args.push(self.kind(arg)?);
                }
                if let ("usd", [Kind::Text], Some(arg)) =
                    (call.func_name.as_str(), args.as_slice(), call.args.first())
                    && let Expr::Literal(LiteralValue::String(text)) = &arg.expr
                    && money(text.inner()).is_none()
                {
                    return self.wrong(arg.id, "this is no amount; write as usd(\"1e6\")");
                }
                self.call(id, &call.func_name, is_method, &args)
            }
            _ => self.wrong(id, "an expression holds numbers, conditions and money only"),
        }
    }

    fn literal(&self, id: u64, literal: &mut LiteralValue) -> Result<Kind, Wrong> {
        let whole = match literal {
            LiteralValue::Boolean(_) => return Ok(Kind::Truth),
            LiteralValue::String(_) => return Ok(Kind::Text),
            LiteralValue::Double(_) => return Ok(Kind::Number),
            LiteralValue::Int(n) => *n.inner() as f64,
            LiteralValue::UInt(n) => *n.inner() as f64,
            _ => return self.wrong(id, "an expression holds numbers, conditions and money only"),
        };
        *literal = LiteralValue::Double(CelDouble::from(whole));
        Ok(Kind::Number)
    }

    fn metric(&mut self, id: u64, name: &str) -> Result<Kind, Wrong> {
        let Some(at) = find(name) else {
            let near = nearest(name, METRICS.iter().map(|m| m.card().id));
            let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            return self.wrong(id, format!("there is no metric `{name}`{hint}"));
        };
        if METRICS.get(at).is_some_and(|m| m.is_live_only()) {
            let why = format!("`{name}` depends on this machine's clock: a replay could not give it again");
            return self.wrong(id, why);
        }
        if !self.metrics.contains(&at) {
            self.metrics.push(at);
        }
        Ok(Kind::Number)
    }

    fn call(&self, id: u64, name: &str, is_method: bool, args: &[Kind]) -> Result<Kind, Wrong> {
        use Kind::{Money, Number, Text, Truth};
        match (name, is_method, args) {
            (operators::ADD | operators::SUBSTRACT, false, [Number, Number])
            | (operators::MULTIPLY | operators::DIVIDE, false, [Number, Number])
            | (operators::NEGATE | "abs", false, [Number]) => Ok(Number),
            (operators::GREATER | operators::GREATER_EQUALS, false, [Number, Number])
            | (operators::LESS | operators::LESS_EQUALS, false, [Number, Number])
            | (operators::LOGICAL_AND | operators::LOGICAL_OR, false, [Truth, Truth])
            | (operators::EQUALS | operators::NOT_EQUALS, false, [Truth, Truth])
            | (operators::LOGICAL_NOT, false, [Truth])
            | ("gt" | "ge" | "lt" | "le", true, [Money, Money]) => Ok(Truth),
            ("usd", false, [Text | Number])
            | ("add" | "sub", true, [Money, Money])
            | ("mul", true, [Money, Number]) => Ok(Money),
            (operators::CONDITIONAL, false, [Truth, a, b]) if a == b => Ok(*a),
            _ => self.refused(id, name, args),
        }
    }

    fn refused(&self, id: u64, name: &str, args: &[Kind]) -> Result<Kind, Wrong> {
        const KNOWN: [&str; 9] = ["abs", "usd", "add", "sub", "mul", "gt", "ge", "lt", "le"];
        let is_operator = name.contains('_') || name.starts_with('@');
        if !is_operator && !KNOWN.contains(&name) {
            let near = nearest(name, KNOWN.into_iter()).map(|n| format!("; did you mean `{n}`?"));
            let words = format!("there is no function `{name}`{}", near.unwrap_or_default());
            return self.wrong(id, words);
        }
        let kinds: Vec<&str> = args.iter().map(|k| k.word()).collect();
        let name = name.replace('_', "");
        let hint = match name.as_str() {
            "==" | "!=" if args.contains(&Kind::Number) => ": numbers are compared with < <= > >=",
            _ if args.contains(&Kind::Money) => ": money has add, sub, mul, gt, ge, lt, le",
            _ => "",
        };
        self.wrong(id, format!("`{name}` does not take {}{hint}", kinds.join(" and ")))
    }
}

/// An amount of money in an expression.
#[derive(Debug, PartialEq, Eq)]
struct Money(Decimal);

impl Opaque for Money {
    fn runtime_type_name(&self) -> &'static str {
        "money"
    }
}

/// Reads `1e6`, `250000.50`.
fn money(text: &str) -> Option<Decimal> {
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

/// The decimal that a statistic reads as.
fn decimal(number: f64) -> Option<Decimal> {
    shortest(number).parse().ok()
}

fn opaque(amount: Option<Decimal>) -> Result<Value, ExecutionError> {
    amount
        .map(|a| Value::Opaque(Arc::new(Money(a))))
        .ok_or_else(|| ExecutionError::function_error("usd", "beyond any amount"))
}

fn amount(value: &Arc<dyn Opaque>) -> Option<Decimal> {
    value.downcast_ref::<Money>().map(|m| m.0)
}

type Coin = Arc<dyn Opaque>;

/// A context with the functions of rules and no metric.
fn standard() -> Context<'static, 'static> {
    let mut context = Context::with_env(Arc::clone(&STANDARD));
    let pair = |a: &Coin, b: &Coin| Some((amount(a)?, amount(b)?));
    let than = move |a: Coin, b: Coin, is: fn(std::cmp::Ordering) -> bool| {
        pair(&a, &b).is_some_and(|(a, b)| is(a.cmp(&b)))
    };
    // A name that is taken already would be a mistake of this file; the tests call each of them.
    let _named = [
        context.add_function("abs", |n: f64| n.abs()),
        context.add_function("usd", |v: Value| match v {
            Value::String(text) => opaque(money(&text)),
            Value::Float(n) => opaque(decimal(n)),
            _ => opaque(None),
        }),
        context.add_function("add", move |This(a): This<Coin>, b: Coin| {
            opaque(pair(&a, &b).and_then(|(a, b)| a.checked_add(b)))
        }),
        context.add_function("sub", move |This(a): This<Coin>, b: Coin| {
            opaque(pair(&a, &b).and_then(|(a, b)| a.checked_sub(b)))
        }),
        context.add_function("mul", |This(a): This<Coin>, by: f64| {
            opaque(amount(&a).and_then(|a| a.checked_mul(decimal(by)?)))
        }),
        context.add_function("gt", move |This(a): This<Coin>, b: Coin| than(a, b, std::cmp::Ordering::is_gt)),
        context.add_function("ge", move |This(a): This<Coin>, b: Coin| than(a, b, std::cmp::Ordering::is_ge)),
        context.add_function("lt", move |This(a): This<Coin>, b: Coin| than(a, b, std::cmp::Ordering::is_lt)),
        context.add_function("le", move |This(a): This<Coin>, b: Coin| than(a, b, std::cmp::Ordering::is_le)),
    ];
    context
}

/// What an expression gives for values of metrics by name: to try it without a market.
pub fn tried(text: &str, values: &BTreeMap<&str, f64>) -> Result<Option<Value>, Wrong> {
    let compiled = Compiled::new(text)?;
    let mut context = standard();
    for (name, value) in values {
        context.add_variable_from_value(*name, *value);
    }
    Ok(Value::resolve(&compiled.root, &context).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<Value> {
        let values = BTreeMap::from([("mid_gap_bps", -12.0), ("oi_usd", 2.5e6), ("spread_bps", 4.0)]);
        tried(text, &values).unwrap_or_else(|(at, why)| panic!("{text} at {at:?}: {why}"))
    }

    /// Catches: an operator or function that is accepted and does something else, or nothing.
    #[test]
    fn expressions_give_what_they_say() {
        for (text, expected) in [
            ("abs(mid_gap_bps) > 10", true),
            ("mid_gap_bps >= 10", false),
            ("!(mid_gap_bps > 10) && spread_bps < 5", true),
            ("usd(oi_usd).gt(usd(\"2e6\"))", true),
            ("usd(oi_usd).ge(usd(\"2500000.00\"))", true),
            ("usd(oi_usd).mul(0.1).lt(usd(\"250000\"))", false),
            ("usd(oi_usd).sub(usd(\"2500000\")).le(usd(\"0\"))", true),
            ("usd(oi_usd).add(usd(\"1\")).gt(usd(\"2500000\"))", true),
            ("spread_bps > 3 ? mid_gap_bps < 0 : false", true),
        ] {
            assert_eq!(value(text), Some(Value::Bool(expected)), "{text}");
        }
        assert_eq!(value("abs(mid_gap_bps) / spread_bps * 2"), Some(Value::Float(6.0)));
        assert_eq!(value("-mid_gap_bps + 1 - spread_bps"), Some(Value::Float(9.0)));
    }

    /// Catches: money that goes through a double and loses cents.
    #[test]
    fn money_is_exact() {
        assert_eq!(
            value("oi_usd > 0 && usd(\"0.1\").add(usd(\"0.2\")).le(usd(\"0.3\"))"),
            Some(Value::Bool(true))
        );
    }

    /// Catches: an expression that is taken although it can never be judged, or costs without end.
    #[test]
    fn mistakes_are_told_at_their_place() {
        let long = format!("mid_gap_bps > {}", vec!["1"; 200].join(" + "));
        let deep = format!("{}mid_gap_bps{} > 1", "(".repeat(200), ")".repeat(200));
        for (text, part, why) in [
            ("mid_gap_bp > 10", "mid_gap_bp", "did you mean `mid_gap_bps`"),
            ("mid_gap_bps > \"10\"", "", "does not take a number and a text"),
            ("mid_gap_bps == 10", "", "numbers are compared with"),
            ("usd(oi_usd) > usd(\"1\")", "", "money has add"),
            ("usd(\"much\").gt(usd(\"1\"))", "\"much\"", "no amount"),
            ("[1, 2].all(x, x > mid_gap_bps)", "", "numbers, conditions and money only"),
            ("mid_gap_bps.exists(x, x > 1)", "", "no metric `x`"),
            ("usd(oi_usd)", "", "it gives money"),
            ("1 > 2", "", "names no metric"),
            ("mid_gap_bps >", "", ""),
            ("feed_latency_ms_p99 > é", "", "plain ASCII"),
            (&long, "", "more than 256 nodes"),
            (&deep, "", ""),
        ] {
            let (at, told) = tried(text, &BTreeMap::new()).expect_err(text);
            assert!(told.contains(why), "{text}: {told}");
            assert!(part.is_empty() || &text[at.clone()] == part, "{text}: {at:?}");
        }
    }
}
