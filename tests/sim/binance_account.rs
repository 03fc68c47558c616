//! Own accounts of the Binance families on loopback: listen keys, signatures, the user stream.

use std::collections::BTreeMap;

use faultline::config;
use faultline::dialect;
use faultline::dialect::account::{Account, AccountDialect, Speaker};
use faultline::model::entry::RestAnswer;
use faultline::model::num::Num;
use faultline::model::secret::{Keys, Secret};
use faultline::model::venue::{Method, RestRequest, VenueSpec};
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::{Market, Scene, Sim};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::{Peer, address, sim, text};

const POOLS: [&str; 2] = ["binance-usdm", "binance-coinm"];

fn spec(id: &str) -> VenueSpec {
    let (file, words) =
        config::builtin::VENUES.iter().find(|(file, _)| file.ends_with(&format!("{id}.toml"))).unwrap();
    config::venues::read(file, words).unwrap()
}

fn private() -> &'static dyn AccountDialect {
    dialect::find("binance").unwrap().account().unwrap()
}

fn account() -> Account {
    Account { name: "desk".into(), address: String::new() }
}

fn keys(secret: &str) -> Keys {
    Keys { key: Secret::new(KEY), secret: Secret::new(secret), passphrase: None }
}

/// Status and body of a signed request.
async fn ask(sim: &Sim, id: &str, request: &RestRequest, keys: &Keys) -> (u16, String) {
    let account = account();
    let speaker = Speaker { keys: Some(keys), account: &account, now: sim.truth(Market::now) };
    let signed = private().sign(&spec(id), request, &speaker).unwrap();
    let headers: String =
        signed.headers.iter().map(|(name, value)| format!("{name}: {}\r\n", value.expose())).collect();
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
    };
    let mut stream = TcpStream::connect(address(sim, id)).await.unwrap();
    let head = format!(
        "{method} {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n",
        signed.path
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

/// Path of the private socket with its listen key.
async fn socket(sim: &Sim, id: &str) -> String {
    let (status, body) = ask(sim, id, &private().ticket(&spec(id)).unwrap(), &keys(SECRET)).await;
    assert_eq!(status, 200, "{body}");
    let answer = RestAnswer { url: "", status, body: body.as_bytes() };
    let ticket = private().read_ticket(&answer).unwrap();
    let url = private().sockets(&spec(id), &account())[0].url.replace("{ticket}", ticket.expose());
    url.split_once(".com").unwrap().1.to_string()
}

/// Fault: a server that takes any signature, a client whose signature is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_signature_is_refused() {
    let sim = sim(Scene::Calm, 1.0).await;
    for id in POOLS {
        for poll in private().polls(&spec(id), &account()) {
            let (status, body) = ask(&sim, id, &poll.request, &keys(SECRET)).await;
            assert_eq!(status, 200, "{}: {body}", poll.request.path);
            let (status, body) = ask(&sim, id, &poll.request, &keys("wrong")).await;
            assert_eq!((status, body.contains("-1022")), (400, true), "{}", poll.request.path);
            let stranger = Keys { key: Secret::new("stranger"), ..keys(SECRET) };
            assert_eq!(ask(&sim, id, &poll.request, &stranger).await.0, 401);
        }
        let (keep, _) = private().keep_ticket(&spec(id)).unwrap();
        assert_eq!(ask(&sim, id, &keep, &keys(SECRET)).await, (200, "{}".into()));
        let stranger = Keys { key: Secret::new("stranger"), ..keys(SECRET) };
        assert_eq!(ask(&sim, id, &keep, &stranger).await.0, 401);
    }
    let usdm = address(&sim, "binance-usdm");
    assert!(Peer::try_open(usdm, "/private/ws?listenKey=unknown").await.is_none());
    sim.stop().await.unwrap();
}

fn num(value: &Value) -> Num {
    Num::parse(text(value).as_bytes()).unwrap().trimmed()
}

/// Positions as they are, in digits of the venue.
fn held(sim: &Sim, id: &str) -> BTreeMap<String, Num> {
    sim.truth(|market| {
        let venue = market.venue(id).unwrap();
        let row = |p: &faultline::sim::account::Position| {
            let l = venue.instruments[p.ix].listing;
            (l.symbol.to_string(), Num::new(p.lots * l.lot, l.size_decimals).trimmed())
        };
        venue.account.positions.iter().map(row).collect()
    })
}

/// Fault: a stream that tells other positions, orders or money than the account has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_stream_tells_the_account() {
    let sim = sim(Scene::Calm, 20.0).await;
    for id in POOLS {
        let mut peer = Peer::open(address(&sim, id), &socket(&sim, id).await).await;
        let risk = private().polls(&spec(id), &account())[0].request.clone();
        let (_, body) = ask(&sim, id, &risk, &keys(SECRET)).await;
        let rows: Value = sonic_rs::from_str(&body).unwrap();
        let mut told: BTreeMap<String, Num> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (text(&row["symbol"]).to_string(), num(&row["positionAmt"])))
            .collect();
        assert_eq!(told.len(), sim.truth(|m| m.venue(id).unwrap().instruments.len()), "flat rows too");
        told.retain(|_, amount| !amount.is_zero());
        let (mut equal, mut balances, mut filled) = (0, 0, BTreeMap::new());
        for _ in 0..2_000 {
            let message = peer.json().await;
            match text(&message["e"]) {
                "ACCOUNT_UPDATE" => {
                    let row = &message["a"]["P"][0];
                    told.insert(text(&row["s"]).to_string(), num(&row["pa"]));
                    balances += message["a"]["B"].as_array().unwrap().len();
                }
                "ORDER_TRADE_UPDATE" => {
                    let order = &message["o"];
                    let (i, last, sum) = (order["i"].as_u64().unwrap(), num(&order["l"]), num(&order["z"]));
                    let before = filled.insert(i, sum).unwrap_or(Num::ZERO);
                    // Only orders seen from their beginning can be added up.
                    if text(&order["x"]) == "TRADE" && !before.is_zero() {
                        assert!(last < sum, "{message}");
                    }
                }
                other => panic!("{other}"),
            }
            equal += usize::from(told == held(&sim, id));
            if equal >= 10 && balances >= 3 && filled.len() >= 5 {
                break;
            }
        }
        assert!(equal >= 10 && balances >= 3 && filled.len() >= 5, "{id}: {equal} {balances}");
    }
    sim.stop().await.unwrap();
}
