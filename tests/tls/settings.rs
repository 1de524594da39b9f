//! Certificates that cannot be shown stop the start, and what is wrong with them is told.

use std::path::Path;
use std::process::{Command, Output};

use crate::authority;
use crate::support::certificates::Authority;

const BINARY: &str = env!("CARGO_BIN_EXE_saoma");

fn run(command: &[&str], cert: &Path, key: &Path) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut saoma = Command::new(BINARY);
    for (name, _) in saoma::config::environment() {
        saoma.env_remove(name);
    }
    saoma.args(command).current_dir(&folder);
    saoma.env("SAOMA_LISTEN", "127.0.0.1:0").env("SAOMA_ADMIN_LISTEN", "127.0.0.1:0");
    for (variable, file) in [("SAOMA_TLS_CERT_FILE", cert), ("SAOMA_TLS_KEY_FILE", key)] {
        if file != Path::new("") {
            saoma.env(variable, file);
        }
    }
    saoma.output().expect("saoma runs")
}

#[test]
fn a_pair_that_cannot_be_shown_is_refused_by_name_before_anything_is_served() {
    let (ours, others) = (authority(), Authority::of("DNS:other"));
    let (none, nowhere) = (ours.no_certificate(), Path::new("/nowhere.pem"));
    let (cert, key) = (ours.cert(), ours.key());
    let nothing = Path::new("");
    for (cert, key, named) in [
        (&*cert, nothing, "tls.key_file: is needed"),
        (nothing, &*key, "tls.cert_file: is needed"),
        (nowhere, &key, "tls.cert_file: /nowhere.pem: No such file"),
        (&cert, nowhere, "tls.key_file: /nowhere.pem: No such file"),
        (&none, &key, "holds no certificate in PEM"),
        (&key, &key, "holds no certificate in PEM"),
        (&cert, &none, "holds no private key in PEM"),
        (&cert, &cert, "holds no private key in PEM"),
        (&cert, &others.key(), "is not the key of the certificate"),
    ] {
        for command in [&[][..], &["check-config"]] {
            let said = run(command, cert, key);
            let error = String::from_utf8_lossy(&said.stderr);
            assert_eq!(said.status.code(), Some(2), "{named}: {error}");
            assert!(error.contains(named), "{named} in {error}");
            assert!(said.stdout.is_empty() && !error.contains("PRIVATE"), "{error}");
        }
    }
}

#[test]
fn a_good_pair_is_looked_at_by_check_config_too() {
    let authority = authority();
    let said = run(&["check-config"], &authority.cert(), &authority.key());
    let told = String::from_utf8_lossy(&said.stdout);
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(told.contains("# The certificate is good until 20"), "{told}");
    assert!(told.contains("# Not looked at: whether the database"), "{told}");
    told.parse::<toml::Table>().expect("TOML");
}
