//! Certificates of an authority of the test's own, made by openssl for servers to show.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/// An authority, and a certificate of a server that it signed.
pub(crate) struct Authority {
    folder: TempDir,
}

impl Authority {
    /// A new one; its server's certificate is good for these names, as openssl writes them.
    pub(crate) fn of(names: &str) -> Self {
        let authority = Self { folder: tempfile::tempdir().expect("a folder") };
        let alternative = format!("subjectAltName={names}");
        std::fs::write(authority.file("names"), alternative).expect("written");
        let files = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Saoma's tests"];
        authority.openssl(&[&["req", "-x509", "-days", "2"], &KEY[..], &files].concat());
        authority.renew();
        authority
    }

    /// Signs another certificate of the server's, with a key of its own, in the place of the last.
    pub(crate) fn renew(&self) {
        let server = ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=a server"];
        self.openssl(&[&["req"], &KEY[..], &server].concat());
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
        let sign = ["x509", "-req", "-in", "server.csr", "-out", "server.pem"];
        self.openssl(&[&sign[..], &signed, &["-extfile", "names"]].concat());
    }

    /// What openssl says.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("openssl");
        let made = command.current_dir(self.folder.path()).args(arguments).output();
        let made = made.expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8_lossy(&made.stdout).into_owned()
    }

    /// The server's certificate, with the authority's beside it.
    pub(crate) fn cert(&self) -> PathBuf {
        self.file("server.pem")
    }

    /// The server's key.
    pub(crate) fn key(&self) -> PathBuf {
        self.file("server.key")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The certificate to trust.
    pub(crate) fn ca(&self) -> PathBuf {
        ca_beside(&self.cert())
    }

    /// A file of the folder that is no certificate.
    pub(crate) fn no_certificate(&self) -> PathBuf {
        self.file("names")
    }

    /// What a server is told, so that it can speak TLS with the certificate.
    pub(crate) fn settings(&self) -> Vec<String> {
        let path = |name: &str| self.file(name).to_str().expect("UTF-8").to_owned();
        let mut settings = Vec::new();
        for (name, file) in [
            ("--tls-cert-file", "server.pem"),
            ("--tls-key-file", "server.key"),
            ("--tls-ca-cert-file", "ca.pem"),
        ] {
            settings.extend([name.to_owned(), path(file)]);
        }
        settings.extend(["--tls-auth-clients", "no"].map(str::to_owned));
        settings
    }
}

/// The certificate to trust, beside that of a server.
pub(crate) fn ca_beside(cert: &Path) -> PathBuf {
    cert.with_file_name("ca.pem")
}

/// What the system trusts on Debian: nothing that a test makes.
pub(crate) fn of_the_system() -> &'static Path {
    Path::new("/etc/ssl/certs/ca-certificates.crt")
}
