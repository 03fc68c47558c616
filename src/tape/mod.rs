//! Floor 2: recordings. The tape goes to MCAP files and comes back from them, entry by entry.
//!
//! | file | duty |
//! |---|---|
//! | `layout` | names, limits and byte layouts that writer and reader share |
//! | `writer` | entries in, finished bytes out; no I/O |
//! | `file` | the writer's bytes into a file: names, `fsync`, errors |
//! | `framing`, `chunk` | records and chunks of hostile bytes |
//! | `reader` | bytes in, entries out, verified |
//! | `info` | what a recording holds, in one pass |
//! | `grid` | which ticks stand before which entry |
//! | `import` | captures of other programs become entries |

mod chunk;
pub mod error;
pub mod file;
mod framing;
pub mod grid;
pub mod import;
pub mod info;
pub mod layout;
pub mod reader;
pub mod writer;

pub use error::TapeError;
pub use file::Recorder;
pub use grid::{Mark, TickGrid};
pub use import::{Format, Import, Imported, import};
pub use info::{ConnCount, Info, info};
pub use layout::Meta;
pub use reader::{Check, Ending, Item, Reader};
pub use writer::Writer;
