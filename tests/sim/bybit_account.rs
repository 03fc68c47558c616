//! The private side of Bybit on loopback, its options, tiers and funds.

use std::collections::BTreeMap;

use faultline::config;
use faultline::dialect;
use faultline::dialect::account::{Account, AccountDialect, Permissions, Speaker};
use faultline::model::entry::RestAnswer;
use faultline::model::num::Num;
use faultline::model::secret::{Keys, Secret};
use faultline::model::venue::{RestRequest, VenueSpec};
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::{Market, Scene, Sim};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::{Peer, address, rest, sim, text};

const ID: &str = "bybit";

fn spec() -> VenueSpec {
    let (file, words) =
        config::builtin::VENUES.iter().find(|(file, _)| file.ends_with("bybit.toml")).unwrap();
    config::venues::read(file, words).unwrap()
}

fn private() -> &'static dyn AccountDialect {
    dialect::find("bybit").unwrap().account().unwrap()
}

fn account() -> Account {
    Account { name: "desk".into(), address: String::new() }
}

fn keys(secret: &str) -> Keys {
    Keys { key: Secret::new(KEY), secret: Secret::new(secret), passphrase: None }
}

/// The answer to a signed request; this venue refuses with status 200.
async fn ask(sim: &Sim, request: &RestRequest, keys: &Keys) -> (Value, String) {
    let account = account();
    let speaker = Speaker { keys: Some(keys), account: &account, now: sim.truth(Market::now) };
    let signed = private().sign(&spec(), request, &speaker).unwrap();
    let headers: String =
        signed.headers.iter().map(|(name, value)| format!("{name}: {}\r\n", value.expose())).collect();
    let mut stream = TcpStream::connect(address(sim, ID)).await.unwrap();
    let head = format!("GET {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n", signed.path);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{}: {head}", signed.path);
    (sonic_rs::from_str(body).unwrap(), body.to_string())
}

fn code(answer: &Value) -> i64 {
    answer["retCode"].as_i64().unwrap()
}

/// Fault: a server that takes any signature, a client whose signature is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_signature_is_refused() {
    let sim = sim(Scene::Calm, 1.0).await;
    let check = private().key_check(&spec(), &account()).unwrap();
    let (_, body) = ask(&sim, &check, &keys(SECRET)).await;
    let answer = RestAnswer { url: &check.path, status: 200, body: body.as_bytes() };
    assert_eq!(private().permissions(&answer), Ok(Permissions::ReadOnly));
    for poll in private().polls(&spec(), &account()) {
        assert_eq!(code(&ask(&sim, &poll.request, &keys(SECRET)).await.0), 0, "{}", poll.request.path);
        assert_eq!(code(&ask(&sim, &poll.request, &keys("wrong")).await.0), 10004);
        let stranger = Keys { key: Secret::new("stranger"), ..keys(SECRET) };
        assert_eq!(code(&ask(&sim, &poll.request, &stranger).await.0), 10003);
    }
    let mut peer = Peer::open(address(&sim, ID), "/v5/private").await;
    peer.say(r#"{"op":"subscribe","args":["position"]}"#).await;
    assert_eq!(peer.json().await["success"].as_bool(), Some(false), "not logged in");
    let (keys, account) = (keys("wrong"), account());
    let speaker = Speaker { keys: Some(&keys), account: &account, now: sim.truth(Market::now) };
    let heard = private().login(&spec()).open(&speaker).unwrap();
    peer.say(&heard.send[0]).await;
    let refused = peer.json().await;
    assert_eq!((text(&refused["op"]), refused["success"].as_bool()), ("auth", Some(false)));
    sim.stop().await.unwrap();
}

/// Fault: a stream that tells other positions, orders or money than the account has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_private_socket_tells_the_account() {
    let sim = sim(Scene::Calm, 20.0).await;
    let mut peer = Peer::open(address(&sim, ID), "/v5/private").await;
    let (keys, account) = (keys(SECRET), account());
    let speaker = Speaker { keys: Some(&keys), account: &account, now: sim.truth(Market::now) };
    peer.say(&private().login(&spec()).open(&speaker).unwrap().send[0]).await;
    assert_eq!(peer.json().await["success"].as_bool(), Some(true));
    peer.say(&private().sockets(&spec(), &account)[0].hello[0]).await;
    assert_eq!(peer.json().await["success"].as_bool(), Some(true));
    let signed = |row: &Value| {
        let size = Num::parse(text(&row["size"]).as_bytes()).unwrap().trimmed();
        if text(&row["side"]) == "Sell" { Num::new(-size.mantissa, size.scale) } else { size }
    };
    let polls = private().polls(&spec(), &account);
    let list =
        polls.iter().find(|p| p.request.path.contains("position/list?category=linear&settleCoin=USDT"));
    let (answer, _) = ask(&sim, &list.unwrap().request, &keys).await;
    let rows = answer["result"]["list"].as_array().unwrap();
    let mut told: BTreeMap<String, Num> =
        rows.iter().map(|row| (text(&row["symbol"]).to_string(), signed(row))).collect();
    let (mut equal, mut orders, mut money) = (0, 0, 0);
    for _ in 0..2_000 {
        let message = peer.json().await;
        let row = &message["data"][0];
        match text(&message["topic"]) {
            "position" => drop(told.insert(text(&row["symbol"]).to_string(), signed(row))),
            "order" => orders += 1,
            "wallet" => money += row["coin"].as_array().unwrap().len(),
            other => panic!("{other}"),
        }
        let held: BTreeMap<String, Num> = sim.truth(|market| {
            let venue = market.venue(ID).unwrap();
            let row = |p: &faultline::sim::account::Position| {
                let l = venue.instruments[p.ix].listing;
                (l.symbol.to_string(), Num::new(p.lots * l.lot, l.size_decimals).trimmed())
            };
            venue.account.positions.iter().map(row).collect()
        });
        equal += usize::from(told == held);
        if equal >= 10 && orders >= 5 && money >= 2 {
            break;
        }
    }
    assert!(equal >= 10 && orders >= 5 && money >= 2, "{equal} {orders} {money}");
    sim.stop().await.unwrap();
}

/// Fault: an option whose greeks or volatility cannot be, a topic that is refused in silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_tell_volatilities_and_greeks() {
    let sim = sim(Scene::Calm, 10.0).await;
    let list = rest(address(&sim, ID), "/v5/market/instruments-info?category=option&baseCoin=ETH").await;
    let rows = list["result"]["list"].as_array().unwrap();
    assert_eq!(rows.len(), 20);
    let call = rows.iter().find(|row| text(&row["optionsType"]) == "Call").unwrap();
    let name = text(&call["symbol"]);
    let mut peer = Peer::open(address(&sim, ID), "/v5/public/option").await;
    peer.say(&format!(r#"{{"op":"subscribe","args":["tickers.{name}","tickers.ETH-1JAN20-1-C"]}}"#)).await;
    let ack = peer.json().await;
    assert_eq!(text(&ack["data"]["failTopics"][0]), "tickers.ETH-1JAN20-1-C");
    assert_eq!(text(&ack["data"]["successTopics"][0]), format!("tickers.{name}"));
    for _ in 0..3 {
        let message = peer.json().await;
        assert_eq!(text(&message["type"]), "snapshot");
        let figure = |field: &str| text(&message["data"][field]).parse::<f64>().unwrap();
        assert!((0.05..3.0).contains(&figure("markPriceIv")) && (0.0..=1.0).contains(&figure("delta")));
        assert!(figure("gamma") >= 0.0 && figure("vega") > 0.0 && figure("theta") < 0.0);
        assert!(figure("bidPrice") < figure("markPrice") && figure("markPrice") < figure("askPrice"));
    }
    sim.stop().await.unwrap();
}

/// Fault: tiers that jump, a fund that nobody is told of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tiers_are_continuous_and_funds_are_told() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, ID);
    let tiers = rest(at, "/v5/market/risk-limit?category=linear&symbol=BTCUSDT").await;
    let figure = |row: &Value, field: &str| text(&row[field]).parse::<f64>().unwrap();
    let rows = tiers["result"]["list"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for pair in rows.windows(2) {
        let (end, owed) = (figure(&pair[0], "riskLimitValue"), |row: &Value| {
            figure(&pair[0], "riskLimitValue") * figure(row, "maintenanceMargin") - figure(row, "mmDeduction")
        });
        assert!((owed(&pair[0]) - owed(&pair[1])).abs() < 0.01, "at {end}");
    }
    let funds = rest(at, "/v5/market/insurance").await;
    assert_eq!(funds["result"]["list"].as_array().unwrap().len(), 2);
    let mut peer = Peer::open(at, "/v5/public/linear").await;
    peer.say(r#"{"op":"subscribe","args":["insurance.USDT"]}"#).await;
    assert_eq!(peer.json().await["success"].as_bool(), Some(true));
    let told = peer.json().await;
    assert_eq!((text(&told["topic"]), text(&told["data"][0]["symbols"])), ("insurance.USDT", "DOGEUSDT"));
    sim.stop().await.unwrap();
}
