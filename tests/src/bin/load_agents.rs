//! The processes beside `measure load`: `agents` simulates agents, `echo` is the empty handler. Both are told what to do
//! on their standard input and end with it.

use std::process::ExitCode;
use vigie_tests::load::{crowd, echo};

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("agents") => crowd::run(),
        Some("echo") => echo::run(),
        _ => Err(anyhow::anyhow!("usage: load_agents agents|echo; started by « measure load » and « measure week »")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load_agents: {error:#}");
            ExitCode::FAILURE
        }
    }
}
