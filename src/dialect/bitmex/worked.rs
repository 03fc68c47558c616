//! Worked positions, one for each payoff: what the terms as read here make of money, against sums done by
//! hand.

use rust_decimal::Decimal;

use super::instruments::{Listed, read};
use super::money::Currencies;
use crate::model::contract::{Contract, Rates};
use crate::model::margin::{Isolated, TierBasis};

fn d(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

/// A position of a listed instrument.
struct Worked {
    listed: Listed,
    contracts: Decimal,
    entry: Decimal,
}

impl Worked {
    fn new(terms: &str, contracts: &str, entry: &str) -> Self {
        let row = format!(
            r#"{{"state":"Open","typ":"FFWCSX","fundingInterval":"2000-01-01T08:00:00.000Z",{terms}}}"#
        );
        let listed = read(&row, &Currencies::default()).unwrap().unwrap();
        Worked { listed, contracts: d(contracts), entry: d(entry) }
    }

    fn contract(&self) -> Contract {
        Contract { payoff: self.listed.def.payoff, multiplier: self.listed.def.multiplier }
    }

    fn notional(&self, price: &str) -> Decimal {
        self.contract().notional(self.contracts, d(price)).unwrap().normalize()
    }

    fn pnl(&self, price: &str) -> Decimal {
        self.contract().pnl(self.contracts, self.entry, d(price)).unwrap().round_dp(12).normalize()
    }

    fn liquidation(&self, margin: &str) -> Decimal {
        let schedule = self.listed.schedule.as_ref().unwrap();
        let isolated = Isolated {
            contract: self.contract(),
            contracts: self.contracts,
            entry: self.entry,
            margin: d(margin),
        };
        let price = isolated.liquidation(&schedule.tiers().unwrap(), schedule.base, TierBasis::Settle);
        price.unwrap().round_dp(6).normalize()
    }
}

const INVERSE: &str = r#""symbol":"XBTUSD","underlying":"XBT","quoteCurrency":"USD","settlCurrency":"XBt",
    "multiplier":-100000000,"isInverse":true,"isQuanto":false,"initMargin":0.01,"maintMargin":0.005,
    "riskLimit":20000000000,"riskStep":15000000000"#;
const LINEAR: &str = r#""symbol":"SOLUSDT","underlying":"SOL","quoteCurrency":"USDT","settlCurrency":"USDt",
    "multiplier":100,"underlyingToPositionMultiplier":10000,"isInverse":false,"isQuanto":false,
    "initMargin":0.02,"maintMargin":0.01,"riskLimit":1000000000000,"riskStep":1000000000000"#;
const QUANTO: &str = r#""symbol":"ETHUSD","underlying":"ETH","quoteCurrency":"USD","settlCurrency":"XBt",
    "multiplier":100,"isInverse":false,"isQuanto":true,"initMargin":0.02,"maintMargin":0.01,
    "riskLimit":5000000000,"riskStep":5000000000"#;

/// Long 6,000 dollars at 60,000: 0.1 BTC. At 61,000: 0.1 − 6000/61000 BTC. With 0.01 BTC behind it and
/// 0.5 % of 0.1 BTC to keep, it ends at 6000 / (0.1 + 0.0095).
#[test]
fn inverse() {
    let long = Worked::new(INVERSE, "6000", "60000");
    assert_eq!(long.notional("61000"), d("6000"));
    assert_eq!(long.pnl("61000"), d("0.001639344262"));
    assert_eq!(long.liquidation("0.01"), d("54794.520548"));
}

/// Long 12,000,000 dollars at 60,000 is 200 BTC: the last of the first limit, 0.5 %. One lot more pays 1 %
/// on all of it, 2.0000167 BTC, and ends at 12,000,100 / (200.0016667 + 20 − 2.0000167).
#[test]
fn inverse_above_its_risk_limit() {
    let tiers = Worked::new(INVERSE, "1", "1").listed.schedule.unwrap().tiers().unwrap();
    assert_eq!(tiers.maintenance(d("200")), Some(d("1")));
    assert_eq!(tiers.maintenance(d("300")), Some(d("3")), "the whole position at the second rate");
    let long = Worked::new(INVERSE, "12000100", "60000");
    assert_eq!(long.liquidation("20"), d("55045.913643"));
}

/// Short 500,000 contracts of a ten-thousandth: 50 SOL at 150. At 144 it has gained 50 × 6 USDT. With 1,000
/// USDT behind it and 1 % of 7,500 to keep, it ends 925 / 50 above its entry.
#[test]
fn linear() {
    let short = Worked::new(LINEAR, "-500000", "150");
    assert_eq!(short.notional("144"), d("7200"));
    assert_eq!(short.pnl("144"), d("300"));
    assert_eq!(short.liquidation("1000"), d("168.5"));
}

/// Long 10,000 contracts of 100 satoshis a dollar: 0.01 BTC a dollar. From 3,000 to 3,100 it gains 1 BTC,
/// 90,000 dollars. With 3 BTC behind it and 1 % of 30 BTC to keep, it ends 2.7 / 0.01 below its entry.
#[test]
fn quanto() {
    let long = Worked::new(QUANTO, "10000", "3000");
    assert_eq!(long.notional("3100"), d("31"));
    assert_eq!(long.pnl("3100"), d("1"));
    let rates = Rates { quote: Decimal::ONE, settle: d("90000"), base: d("3100") };
    let contract = long.contract();
    assert_eq!(contract.notional_usd(long.contracts, d("3100"), &rates), Some(d("2790000")));
    assert_eq!(contract.pnl_usd(long.contracts, long.entry, d("3100"), &rates), Some(d("90000")));
    assert_eq!(long.liquidation("3"), d("2730"));
}
