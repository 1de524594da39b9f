//! A small disk of a test's own, in a namespace of its own, so that nobody need be root.

use std::path::Path;
use std::process::Command;

/// Where the disk is, to the test that runs on it.
const DISK: &str = "DISK_OF_THE_TEST";

/// Mounts a disk and runs this test again on it.
const ON_IT: &str = r#"mount -t tmpfs -o "size=$0" none "$DISK_OF_THE_TEST" && exec "$@""#;

/// Runs what a test of this name does, on a disk of this size, as `mount` says sizes.
pub(crate) fn on_a_disk(size: &str, test: &str, happens: impl AsyncFnOnce(&Path)) {
    #[expect(clippy::disallowed_methods, reason = "how the test tells itself where the disk is")]
    if let Some(disk) = std::env::var_os(DISK) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        return runtime.expect("a runtime").block_on(happens(Path::new(&disk)));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", ON_IT, size]);
    command.arg(std::env::current_exe().expect("this test"));
    command.args(["--exact", test, "--nocapture"]).env(DISK, folder.path());
    let output = command.output().expect("unshare, of util-linux");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
}

/// Whether a disk could be made one that may be written (`rw`), or only read (`ro`): not while
/// somebody writes.
pub(crate) fn remounted(disk: &Path, mode: &str) -> bool {
    let mode = format!("remount,{mode}");
    let mount = Command::new("mount").args(["-o", &mode]).arg(disk).output();
    mount.expect("mount").status.success()
}
