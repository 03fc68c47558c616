//! Events: what a venue said, normalised in form but still in the venue's units.
//!
//! An event borrows from the frame and from scratch space of the decoder, so the hot path allocates
//! nothing. Sizes are contracts, base or quote as the venue sends them; `instrument` tells which.

use rust_decimal::Decimal;

use super::account::{Balance, Holding, Margin, Order, Position};
use super::instrument::InstrumentDef;
use super::margin::MarginSchedule;
use super::num::Num;
use super::time::Nanos;

/// A native symbol of one venue, resolved once to a small dense index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Index within the venue, in order of first sight.
    pub ix: u32,
    /// The venue's own spelling.
    pub text: &'a str,
}

impl Symbol<'_> {
    /// For events that are about a whole venue or account.
    pub const NONE: Symbol<'static> = Symbol { ix: u32::MAX, text: "" };

    /// True for [`Symbol::NONE`].
    pub const fn is_none(&self) -> bool {
        self.ix == u32::MAX
    }
}

/// One normalised event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What it is about.
    pub symbol: Symbol<'a>,
    /// When the venue says it happened; never clamped.
    pub ts_venue: Option<Nanos>,
    /// The content.
    pub body: Body<'a>,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// A snapshot or a change of an order book.
    Book(BookChange<'a>),
    /// An execution.
    Trade(Trade<'a>),
    /// Best bid and ask.
    Quote(Quote),
    /// A partial update of slow figures; absent fields are unchanged.
    Ticker(&'a Ticker),
    /// A forced close.
    Liquidation(Liquidation<'a>),
    /// Contract terms.
    Instrument(&'a InstrumentDef),
    /// A hole in a sequence: the book is not to be believed until its next snapshot.
    Gap(Gap),
    /// A snapshot of a book that was asked for to check the streamed one; always whole to its depth.
    Audit(BookChange<'a>),
    /// Price, volatilities and greeks of an option; absent fields are unchanged.
    Option(&'a OptionTick),
    /// Margin that the venue asks for an instrument.
    Schedule(&'a MarginSchedule),
    /// Money of an insurance fund. Without a symbol.
    Fund(InsuranceFund<'a>),
    /// The venue, or one instrument of it, opens or closes.
    Status(VenueState),
    /// Own position, whole.
    Position(&'a Position),
    /// Own order, whole.
    Order(&'a Order<'a>),
    /// Own balance of one asset, whole. Without a symbol.
    Balance(&'a Balance<'a>),
    /// Own margin. Without a symbol.
    Margin(&'a Margin<'a>),
    /// The rows of this kind that follow out of the same message are all there are. Without a symbol.
    Whole(Holding),
}

/// One price level. A size of zero deletes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Price in the quote currency.
    pub price: Num,
    /// Absolute size in the venue's unit.
    pub size: Num,
}

/// Levels of one book message, in the order the venue sent them.
#[derive(Clone, Copy, Debug)]
pub struct BookChange<'a> {
    /// True when the levels replace the whole book.
    pub snapshot: bool,
    /// Bid levels.
    pub bids: &'a [Level],
    /// Ask levels.
    pub asks: &'a [Level],
    /// The venue's sequence number of this message, when it has one.
    pub seq: Option<u64>,
}

/// Side of an order or of a taker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Buys.
    Buy,
    /// Sells.
    Sell,
}

impl Side {
    /// `buy` or `sell`.
    pub const fn word(self) -> &'static str {
        match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }
}

/// Side of a position. The order that closes it stands on the opposite side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionSide {
    /// Gains when the price rises.
    Long,
    /// Gains when the price falls.
    Short,
}

impl PositionSide {
    /// `long` or `short`.
    pub const fn word(self) -> &'static str {
        match self {
            PositionSide::Long => "long",
            PositionSide::Short => "short",
        }
    }

    /// The position that an order of this side closes: a sell order closes a long.
    pub const fn closed_by(order: Side) -> Self {
        match order {
            Side::Sell => PositionSide::Long,
            Side::Buy => PositionSide::Short,
        }
    }
}

/// An execution.
#[derive(Clone, Copy, Debug)]
pub struct Trade<'a> {
    /// The venue's id, empty when it has none.
    pub id: TradeId<'a>,
    /// Price in the quote currency.
    pub price: Num,
    /// Size in the venue's unit.
    pub size: Num,
    /// The taker's side.
    pub side: Side,
    /// Marked by the venue as a forced close. Its dialect tells it as a [`Liquidation`] too.
    pub is_liquidation: bool,
    /// Repeated on subscription: known before, not new.
    pub is_history: bool,
}

/// Ids come as numbers on some venues and as text on others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeId<'a> {
    /// No id.
    None,
    /// A whole number.
    Number(u64),
    /// Text.
    Text(&'a str),
}

/// Best bid and ask. A side that is empty has size zero.
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

/// Slow figures of an instrument; any subset may be present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticker {
    /// Last traded price.
    pub last: Option<Decimal>,
    /// Mark price: what margin is computed on.
    pub mark: Option<Decimal>,
    /// Index price: the basket of spot markets.
    pub index: Option<Decimal>,
    /// Funding per interval as a fraction; positive means that longs pay shorts.
    pub funding_rate: Option<Decimal>,
    /// Length of the funding interval in hours.
    pub funding_interval_h: Option<Decimal>,
    /// Next settlement of funding.
    pub funding_next: Option<Nanos>,
    /// Funding predicted for the interval after the running one.
    pub predicted_funding_rate: Option<Decimal>,
    /// Largest rate of one interval; the rate cannot rise above it.
    pub funding_cap: Option<Decimal>,
    /// Smallest rate of one interval, usually negative.
    pub funding_floor: Option<Decimal>,
    /// Open interest in the venue's unit.
    pub open_interest: Option<Decimal>,
    /// Open interest as the venue values it.
    pub open_interest_value: Option<Decimal>,
    /// Volume of the last 24 hours in the venue's unit.
    pub volume_24h: Option<Decimal>,
}

/// Figures of an option. Volatilities are fractions: 0.55 for 55 %.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionTick {
    /// Mark price in the currency of the quote.
    pub mark: Option<Decimal>,
    /// Volatility at the mark.
    pub mark_iv: Option<Decimal>,
    /// Volatility at the best bid.
    pub bid_iv: Option<Decimal>,
    /// Volatility at the best ask.
    pub ask_iv: Option<Decimal>,
    /// Change of price with the underlying.
    pub delta: Option<Decimal>,
    /// Change of delta with the underlying.
    pub gamma: Option<Decimal>,
    /// Change of price for one point of volatility.
    pub vega: Option<Decimal>,
    /// Change of price with a day.
    pub theta: Option<Decimal>,
    /// Change of price with one point of interest.
    pub rho: Option<Decimal>,
    /// Price of the future or index that the option is on.
    pub underlying_price: Option<Decimal>,
    /// Open interest in the venue's unit.
    pub open_interest: Option<Decimal>,
}

/// Money that stands between a bankrupt position and its counterparties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsuranceFund<'a> {
    /// Which fund of the venue: a settlement currency or the venue's own name for it.
    pub pool: &'a str,
    /// Asset of the amount.
    pub asset: &'a str,
    /// How much.
    pub amount: Decimal,
    /// Value in USD as the venue states it.
    pub usd: Option<Decimal>,
}

/// What can be done at a venue or with an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum VenueState {
    /// Everything.
    #[default]
    Open,
    /// Orders may rest, none may take.
    PostOnly,
    /// Orders may only be taken back.
    CancelOnly,
    /// Nothing trades.
    Halted,
    /// Down for maintenance.
    Maintenance,
}

impl VenueState {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            VenueState::Open => "open",
            VenueState::PostOnly => "post_only",
            VenueState::CancelOnly => "cancel_only",
            VenueState::Halted => "halted",
            VenueState::Maintenance => "maintenance",
        }
    }
}

/// A forced close of somebody's position.
#[derive(Clone, Copy, Debug)]
pub struct Liquidation<'a> {
    /// The venue's id, empty when it has none.
    pub id: TradeId<'a>,
    /// Price; what it means is in `price_is`.
    pub price: Num,
    /// Size in the venue's unit.
    pub size: Num,
    /// The position that was closed (not the side of the closing order).
    pub position: PositionSide,
    /// Fill price or bankruptcy price.
    pub price_is: LiquidationPrice,
    /// What was lost beyond bankruptcy, in the settlement currency, where the venue says so.
    pub loss: Option<Decimal>,
}

/// What the price of a liquidation stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiquidationPrice {
    /// Average price of the fills.
    Fill,
    /// Where the margin is used up; no trade happened there.
    Bankruptcy,
    /// Limit of an order that may rest.
    Order,
}

/// A hole in a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The number that should have come.
    pub expected: Option<u64>,
    /// The number that came.
    pub got: Option<u64>,
    /// Why the book stopped being trusted.
    pub why: GapWhy,
}

impl Gap {
    /// A gap that no numbers tell of.
    pub const fn of(why: GapWhy) -> Self {
        Gap { expected: None, got: None, why }
    }

    /// A hole between two sequence numbers; one below zero is not told.
    pub fn between(expected: i64, got: i64) -> Self {
        let (expected, got) = (u64::try_from(expected).ok(), u64::try_from(got).ok());
        Gap { expected, got, why: GapWhy::Sequence }
    }
}

/// Reasons to distrust a book until its next snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapWhy {
    /// Sequence numbers do not connect.
    Sequence,
    /// The venue's checksum does not match the book.
    Checksum,
    /// The connection closed.
    Disconnect,
    /// Frames of this connection were discarded on a full queue.
    Overrun,
    /// A frame of this book could not be decoded.
    Undecodable,
    /// The book contradicts itself: crossed for too long, or numbers beyond any scale.
    Impossible,
}

impl GapWhy {
    /// One word for screens and files.
    pub const fn word(self) -> &'static str {
        match self {
            GapWhy::Sequence => "sequence",
            GapWhy::Checksum => "checksum",
            GapWhy::Disconnect => "disconnect",
            GapWhy::Overrun => "overrun",
            GapWhy::Undecodable => "undecodable",
            GapWhy::Impossible => "impossible",
        }
    }
}

/// What kind of data a frame carried. Staleness is judged per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Channel {
    /// Order book.
    Book,
    /// Trades.
    Trade,
    /// Best bid and ask.
    Quote,
    /// Mark, index, funding: the ticker family.
    Ticker,
    /// Open interest.
    OpenInterest,
    /// Liquidations.
    Liquidation,
    /// Contract terms.
    Instrument,
    /// Volatilities and greeks.
    Option,
    /// Margin schedules.
    Schedule,
    /// Insurance funds.
    Fund,
    /// Openings, halts, maintenance.
    Status,
    /// Own orders, positions, balances, margin.
    Account,
}

impl Channel {
    /// All channels, in the order of their discriminants.
    pub const ALL: [Channel; 12] = [
        Channel::Book,
        Channel::Trade,
        Channel::Quote,
        Channel::Ticker,
        Channel::OpenInterest,
        Channel::Liquidation,
        Channel::Instrument,
        Channel::Option,
        Channel::Schedule,
        Channel::Fund,
        Channel::Status,
        Channel::Account,
    ];

    /// Name in venue files, exports and on the Feeds screen.
    pub const fn word(self) -> &'static str {
        match self {
            Channel::Book => "book",
            Channel::Trade => "trade",
            Channel::Quote => "quote",
            Channel::Ticker => "ticker",
            Channel::OpenInterest => "open_interest",
            Channel::Liquidation => "liquidation",
            Channel::Instrument => "instrument",
            Channel::Option => "option",
            Channel::Schedule => "schedule",
            Channel::Fund => "fund",
            Channel::Status => "status",
            Channel::Account => "account",
        }
    }

    /// True for streams of market data, whose silence is judged.
    pub const fn is_market(self) -> bool {
        !matches!(
            self,
            Channel::Instrument | Channel::Schedule | Channel::Fund | Channel::Status | Channel::Account
        )
    }

    /// The channel with this name.
    pub fn from_word(word: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|c| c.word() == word)
    }
}

impl Body<'_> {
    /// The channel this event belongs to; a gap belongs to the book. Audits are asked for, like terms.
    pub fn channel(&self) -> Channel {
        match self {
            Body::Book(_) | Body::Gap(_) => Channel::Book,
            Body::Trade(_) => Channel::Trade,
            Body::Quote(_) => Channel::Quote,
            Body::Ticker(t) if t.open_interest.is_some() && t.mark.is_none() && t.last.is_none() => {
                Channel::OpenInterest
            }
            Body::Ticker(_) => Channel::Ticker,
            Body::Liquidation(_) => Channel::Liquidation,
            Body::Instrument(_) | Body::Audit(_) => Channel::Instrument,
            Body::Option(_) => Channel::Option,
            Body::Schedule(_) => Channel::Schedule,
            Body::Fund(_) => Channel::Fund,
            Body::Status(_) => Channel::Status,
            Body::Position(_) | Body::Order(_) | Body::Balance(_) | Body::Margin(_) | Body::Whole(_) => {
                Channel::Account
            }
        }
    }
}
