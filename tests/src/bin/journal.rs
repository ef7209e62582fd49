//! A process with a journal, for tests that need a second one: `hold FOLDER ID` has a session open until it is killed; `play FOLDER N` plays the
//! scripted session and is killed by its own disk half-way through the Nth write. Each says on stdout what was acknowledged.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use toolpool::journal::{RealDisk, Store};
use toolpool_tests::disk::{Fault, FaultyDisk};
use toolpool_tests::journaling::{begin, folding, script};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let mut next = || words.next().context("`hold FOLDER ID` or `play FOLDER N`");
    let (what, folder, last) = (next()?, PathBuf::from(next()?), next()?);
    match what.as_str() {
        "hold" => {
            let store = Store::new(folder, Arc::new(RealDisk));
            let (_journal, _) = store.open(&last, folding().0)?;
            say("held")?;
            std::future::pending().await
        }
        "play" => {
            let disk = FaultyDisk::failing(last.parse()?, Fault::Kill);
            let store = Store::new(folder, Arc::new(disk));
            let (journal, id) = store.create(begin(), folding().0)?;
            say(&id)?;
            for (entry, sync) in script() {
                let seq = journal.append(entry, sync).await?;
                say(&seq.to_string())?;
            }
            journal.close().await?;
            say("end")
        }
        _ => bail!("`{what}` is nothing this does"),
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}
