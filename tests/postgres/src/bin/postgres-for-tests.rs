//! A server by hand: prints its URL and the number of its first process, ends with the end of standard input (Ctrl-D) or
//! with this process. `cargo run -p vigie-test-postgres`

use vigie_test_postgres::Postgres;

fn main() -> anyhow::Result<()> {
    let server = Postgres::start()?;
    println!("{} {}", server.url(), server.pid().unwrap_or_default());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
