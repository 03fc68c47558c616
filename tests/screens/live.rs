//! The loop itself on a real terminal, by hand:
//! `cargo test --test screens -- --ignored --nocapture by_hand`. `REPLAY=1` shows a replay.

use std::sync::Arc;
use std::sync::Mutex;

use faultline::app::screen::{Exit, Options, Session, run};
use faultline::clock::Clock;
use faultline::config::scenarios::Scenario;
use faultline::model::entry::OperatorAction;
use faultline::snapshot::{Ask, Mode, Snapshot};
use faultline::view::{Status, TransportCommand};

use super::{fixture, status};

struct Fake {
    clock: Clock,
    mode: Mode,
    focus: Mutex<Option<(String, String)>>,
    notice: Mutex<Option<String>>,
}

impl Session for Fake {
    fn snapshot(&self) -> Arc<Snapshot> {
        let mut snapshot = fixture::broken();
        snapshot.mode = self.mode;
        if self.mode == Mode::Live {
            snapshot.at = self.clock.now();
        }
        if let (Some(focus), Some((venue, underlying))) = (&mut snapshot.focus, &*self.focus.lock().unwrap())
        {
            (focus.venue, focus.underlying) = (venue.clone(), underlying.clone());
        }
        Arc::new(snapshot)
    }

    fn status(&self) -> Status {
        Status { notice: self.notice.lock().unwrap().clone(), ..status(&self.snapshot()) }
    }

    fn ask(&self, ask: Ask) {
        *self.focus.lock().unwrap() = ask.cell;
    }

    fn act(&self, action: OperatorAction) {
        *self.notice.lock().unwrap() = Some(format!("{action:?}"));
    }

    fn transport(&self, command: TransportCommand) {
        *self.notice.lock().unwrap() = Some(format!("{command:?}"));
    }

    fn whatif(&self, scenario: Scenario, underlying: String) {
        *self.notice.lock().unwrap() = Some(format!("{} on {underlying}", scenario.name));
    }

    fn is_ended(&self) -> bool {
        false
    }
}

#[test]
#[ignore = "needs a terminal and a person"]
fn by_hand() {
    let mode = if std::env::var_os("REPLAY").is_some() { Mode::Replay } else { Mode::Live };
    let fake = Fake { clock: Clock::start(), mode, focus: Mutex::new(None), notice: Mutex::new(None) };
    let exit = run(&fake, &Options { who: "jm@desk1".into(), ..Options::default() });
    assert!(matches!(exit, Ok(Exit::Quit | Exit::HangUp)), "{exit:?}");
}
