//! Sources of a running session: real venues, or the simulator behind the same feeds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::core::{self, CoreConfig, CoreHandle};
use super::failure::Failure;
use super::setup::Setup;
use super::tee::RecordTo;
use crate::clock::Clock;
use crate::config::scenarios::Scenario;
use crate::dialect;
use crate::dialect::account::{Account, Needs};
use crate::feed::{self, AccountFeed, FeedConfig, Feeds, VenueFeed, ingress, redirect};
use crate::model::entry::OperatorAction;
use crate::model::instrument::Class;
use crate::model::secret::{Keys, Secret};
use crate::model::venue::VenueSpec;
use crate::sim::{self, Scene, Sim, SimConfig, account};
use crate::snapshot::{Mode, Snapshot};
use crate::view::{Recording, Status, TransportCommand};

/// Arrivals that may wait for the core: about four seconds of a dozen busy venues.
const INGRESS_MAX: usize = 1 << 15;
/// How long feeds may take to end.
const STOP_MAX: Duration = Duration::from_secs(2);

/// Name of the simulator's own account.
const DEMO_ACCOUNT: &str = "demo";

/// What a session is made of.
pub struct SessionConfig {
    /// Venues and rules.
    pub setup: Setup,
    /// Assets to watch; empty means all that fit.
    pub underlyings: Vec<String>,
    /// Own accounts with their keys; a demo brings its own instead.
    pub accounts: Vec<AccountFeed>,
    /// Where to record, if at all.
    pub record: Option<RecordTo>,
    /// Snapshots are wanted.
    pub publish: bool,
    /// Real venues, or a scene of the simulator.
    pub origin: Origin,
    /// Loopback addresses instead of the venues' own, by venue id.
    pub redirects: BTreeMap<String, SocketAddr>,
}

/// Where the data comes from.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// The venues themselves.
    Live,
    /// The built-in simulator.
    Demo {
        /// What happens in it.
        scene: Scene,
        /// The same seed gives the same market.
        seed: u64,
        /// Simulated seconds per second.
        speed: f64,
        /// With the simulator's own account.
        has_account: bool,
    },
}

/// A running session.
pub struct Session {
    /// The core and its queues.
    pub core: CoreHandle,
    feeds: Arc<Feeds>,
    sim: Option<Sim>,
    runtime: Runtime,
}

impl Session {
    /// Starts feeds, core and, in a demo, the simulator.
    pub fn start(mut config: SessionConfig, clock: Clock) -> Result<Session, Failure> {
        // Two workers serve sockets and sinks; state belongs to the core thread.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let mut redirects = std::mem::take(&mut config.redirects);
        let (mut mode, mut sim, mut seed) = (Mode::Live, None, clock.now().0.unsigned_abs());
        let mut accounts = std::mem::take(&mut config.accounts);
        if let Origin::Demo { scene, seed: chosen, speed, has_account } = config.origin {
            let (running, served) = simulate(&runtime, &mut config.setup, scene, chosen, speed, clock)?;
            (mode, sim, redirects, seed) = (Mode::Demo, Some(running), served, chosen);
            accounts = if has_account { demo_accounts(&config.setup) } else { Vec::new() };
        }
        let mut venues = Vec::with_capacity(config.setup.venues.len());
        for spec in &config.setup.venues {
            let from_env = || redirect::from_env(&spec.id).map_err(|e| Failure::usage(e.to_string()));
            let address = match redirects.get(&spec.id) {
                Some(address) => Some(*address),
                None => from_env()?,
            };
            venues.push(VenueFeed::new(spec.clone(), address)?);
        }
        let mut feed_config = FeedConfig::new(venues, seed);
        feed_config.underlyings = config.underlyings;
        feed_config.classes = vec![Class::Perp, Class::Future, Class::Option];
        feed_config.accounts = accounts;
        let (sender, receiver) = ingress::channel(INGRESS_MAX);
        let feeds = Arc::new(feed::spawn(runtime.handle(), feed_config, clock, sender));
        let core_config =
            CoreConfig { mode, setup: config.setup, record: config.record, publish: config.publish };
        let core = core::spawn(&core_config, clock, receiver, Arc::clone(&feeds))?;
        Ok(Session { core, feeds, sim, runtime })
    }

    /// Loopback addresses of the simulator, by venue.
    pub fn sim(&self) -> Option<&Sim> {
        self.sim.as_ref()
    }

    /// Figures of the feeds.
    pub fn gauges(&self) -> crate::feed::Gauges {
        self.feeds.gauges()
    }

    /// Ends the core and its recording, then feeds and simulator: what arrives meanwhile has no seq.
    pub fn stop(self) {
        let Session { core, feeds, sim, runtime } = self;
        core.stop();
        if let Some(feeds) = Arc::into_inner(feeds) {
            let _ended = runtime.block_on(async { tokio::time::timeout(STOP_MAX, feeds.stop()).await });
        }
        drop(sim);
        runtime.shutdown_timeout(STOP_MAX);
    }
}

fn simulate(
    runtime: &Runtime,
    setup: &mut Setup,
    scene: Scene,
    seed: u64,
    speed: f64,
    clock: Clock,
) -> Result<(Sim, BTreeMap<String, SocketAddr>), Failure> {
    let mut sim_config = SimConfig::new(seed, scene, clock.now());
    sim_config.speed = speed;
    let served = |id: &&String| sim::VENUES.iter().any(|v| v.id() == id.as_str());
    sim_config.venues = setup.venues.iter().map(|v| &v.id).filter(served).cloned().collect();
    let sim = runtime.block_on(sim::serve(sim_config, clock))?;
    let served: BTreeMap<String, SocketAddr> = sim.endpoints().iter().cloned().collect();
    let ids: Vec<String> =
        setup.venues.iter().map(|v| v.id.clone()).filter(|id| served.contains_key(id)).collect();
    setup.choose(&ids)?;
    Ok((sim, served))
}

/// The simulator's account at every venue that has accounts, with the credentials it publishes.
fn demo_accounts(setup: &Setup) -> Vec<AccountFeed> {
    let with_needs = |venue: &VenueSpec| {
        let dialect = dialect::find(&venue.dialect)?.account()?;
        let server = sim::VENUES.iter().find(|server| server.id() == venue.id)?;
        let secret = |text: &str| Secret::new(text);
        let (mut address, mut keys) = (String::new(), None);
        match dialect.needs() {
            Needs::Address => address = account::ADDRESS.into(),
            needs => {
                let passphrase = (needs == Needs::KeyAndPassphrase).then(|| secret(account::PASSPHRASE));
                let (key, secret) = (secret(account::KEY), secret(server.secret()));
                keys = Some(Keys { key, secret, passphrase });
            }
        }
        let account = Account { name: DEMO_ACCOUNT.into(), address };
        Some(AccountFeed { venue: venue.id.clone(), account, keys })
    };
    setup.venues.iter().filter_map(with_needs).collect()
}

impl super::screen::Session for Session {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.core.shared.snapshot.load_full()
    }

    fn status(&self) -> Status {
        let recording = Recording::clone(&self.core.shared.recording.load());
        let gauges = self.feeds.gauges();
        let is_offline = !gauges.conns.is_empty() && gauges.conns.iter().all(|c| !c.open);
        Status { recording, is_offline, ..Status::default() }
    }

    fn ask(&self, ask: crate::snapshot::Ask) {
        self.core.shared.ask.store(Arc::new(ask));
    }

    fn act(&self, action: OperatorAction) {
        // A full queue means hundreds of acts within one turn: the person sees that nothing changed.
        let _taken = self.core.actions.try_send(action);
    }

    fn transport(&self, _command: TransportCommand) {}

    fn whatif(&self, scenario: Scenario, underlying: String) {
        self.core.shared.bench.ask(scenario, underlying);
    }

    fn is_ended(&self) -> bool {
        self.core.shared.is_ended.load(std::sync::atomic::Ordering::Acquire)
    }
}
