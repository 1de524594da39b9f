//! `saoma check-config`: the configuration as it takes effect, and on demand whether what it needs
//! answers.

use saoma::config::Config;
use saoma::entropy::Entropy;
use saoma::server::reach::{self, Answer};
use saoma::server::tls;

use super::{Failed, Settings};

/// Prints the configuration; with `connect`, what it names is asked, all of it even where one fails.
pub(crate) fn check_config(settings: &Settings, connect: bool) -> Result<(), Failed> {
    let config = settings.load()?;
    let until = tls::look(&config.tls).map_err(|error| error.to_string())?;
    print!("{}", config.to_toml());
    if let Some(until) = until {
        println!("# The certificate is good until {until}.");
    }
    if connect {
        return ask(&config);
    }
    println!("# Not looked at: whether the database, Redis, the storage, hooks and WeChat answer.");
    Ok(())
}

fn ask(config: &Config) -> Result<(), Failed> {
    let collector = super::collector(config)?;
    super::beside_servers(async {
        let mut wrong = Vec::new();
        let entropy = Entropy::system();
        for Answer { name, usable } in reach::ask(config, collector.as_ref(), &entropy).await {
            match usable {
                Ok(()) => println!("# Can be used: {name}."),
                Err(why) => {
                    println!("# Cannot be used: {name}.");
                    wrong.push(why);
                }
            }
        }
        println!("# Not asked: hooks and WeChat, where a question counts.");
        if wrong.is_empty() { Ok(()) } else { Err(Failed::Settings(wrong.join("\nsaoma: "))) }
    })
}
