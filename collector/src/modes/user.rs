//! `user add | passwd | remove`: those who may sign in to the pages. A password that nobody gives is made here and
//! printed alone on the standard output, once.

use super::{Data, block_on, clock, print};
use crate::store::{NewUser, Role};
use crate::web::password::{LENGTH_MAX, LENGTH_MIN, generate, hash};
use anyhow::{Context, bail};
use std::io::Read;
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Add somebody. Without --password-stdin a strong password is made and printed, once.
    Add {
        #[command(flatten)]
        data: Data,
        /// What they type to sign in.
        login: String,
        /// What they may do: supervisor or technician.
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Role,
        /// Take the password from the standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give somebody another password; wherever they are signed in, they no longer are.
    Passwd {
        #[command(flatten)]
        data: Data,
        /// Who.
        login: String,
        /// Take the password from the standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove somebody; wherever they are signed in, they no longer are.
    Remove {
        #[command(flatten)]
        data: Data,
        /// Who.
        login: String,
    },
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    match options.verb {
        Verb::Add { data, login, role, password_stdin } => add(&data, &login, role, password_stdin)?,
        Verb::Passwd { data, login, password_stdin } => {
            let (password, made) = password(password_stdin)?;
            let hash = hash(&password)?;
            block_on(async { Ok(data.open()?.set_password(&login, &hash).await?) })?;
            tell(&password, made)?;
            eprintln!("« {login} » has another password; all sessions are ended");
        }
        Verb::Remove { data, login } => {
            block_on(async { Ok(data.open()?.remove_user(&login).await?) })?;
            eprintln!("« {login} » is removed; all sessions are ended");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn add(data: &Data, login: &str, role: Role, password_stdin: bool) -> anyhow::Result<()> {
    check_login(login)?;
    let (password, made) = password(password_stdin)?;
    let password_hash = hash(&password)?;
    let user = NewUser { login: login.to_owned(), password_hash, role, created: clock().now() };
    block_on(async { Ok(data.open()?.add_user(user).await?) })?;
    tell(&password, made)?;
    eprintln!("« {login} » may sign in as {}", role.as_str());
    Ok(())
}

/// Prints a password that was made here.
fn tell(password: &str, made: bool) -> anyhow::Result<()> {
    if made {
        print(password)?;
        eprintln!("this password is shown this once");
    }
    Ok(())
}

fn role(word: &str) -> Result<Role, String> {
    Role::parse(word).ok_or_else(|| format!("« {word} » is not a role: supervisor or technician"))
}

/// Logins are what people type and what histories show: short, without spaces or anything invisible.
fn check_login(login: &str) -> anyhow::Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || ".-_@".contains(c);
    if login.is_empty() || login.len() > 64 || !login.chars().all(good) {
        bail!("login « {login} »: 1 to 64 letters without accents, digits, dots, hyphens, underscores or @");
    }
    Ok(())
}

/// The password, and whether it was made here.
fn password(from_stdin: bool) -> anyhow::Result<(String, bool)> {
    if !from_stdin {
        return Ok((generate()?, true));
    }
    let mut text = String::new();
    // A bound on what is read: one more byte than is accepted tells that it is too long.
    let limit = u64::try_from(LENGTH_MAX + 3).unwrap_or(u64::MAX);
    std::io::stdin().take(limit).read_to_string(&mut text).context("the password cannot be read from the input")?;
    let given = text.strip_suffix('\n').unwrap_or(&text);
    let given = given.strip_suffix('\r').unwrap_or(given);
    check_password(given)?;
    Ok((given.to_owned(), false))
}

fn check_password(password: &str) -> anyhow::Result<()> {
    if password.chars().count() < LENGTH_MIN {
        bail!("the password is too short: at least {LENGTH_MIN} characters");
    }
    if password.len() > LENGTH_MAX {
        bail!("the password is too long: at most {LENGTH_MAX} bytes");
    }
    if password.contains(['\n', '\r', '\0']) {
        bail!("the password has more than one line: give it alone");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_plain() {
        for good in ["technicien.a", "s", "a@b-c_d", &"x".repeat(64)] {
            assert!(check_login(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "é", "<script>", "a\n", &"x".repeat(65)] {
            assert!(check_login(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_have_a_shortest_and_a_longest_length() {
        assert!(check_password("twelve chars").is_ok());
        assert!(check_password("é".repeat(12).as_str()).is_ok());
        for bad in ["short", &"x".repeat(LENGTH_MAX + 1), "twelve\nchars!"] {
            assert!(check_password(bad).is_err(), "{bad}");
        }
    }
}
