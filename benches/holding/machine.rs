//! Facts of the machine that a figure means nothing without.

use std::process::Command;

use serde::Serialize;

use crate::saoma;
use crate::server::Kind;

#[derive(Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) facts: Vec<(String, String)>,
}

pub(crate) fn facts(servers: &[Kind]) -> Machine {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut facts = vec![
        ("cores", cores.to_string()),
        ("processor", line("/proc/cpuinfo", "model name")),
        ("memory", line("/proc/meminfo", "MemTotal")),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        // What else the machine was doing: above nought, times are not to be trusted.
        ("load before", read("/proc/loadavg")),
        ("huge pages", read("/sys/kernel/mm/transparent_hugepage/enabled")),
        ("rustc", said("rustc", &["--version"])),
    ];
    if servers.contains(&Kind::Saoma) {
        facts.push(("saoma", said(&saoma::binary().to_string_lossy(), &["--version"])));
    }
    if servers.contains(&Kind::Nchan) {
        facts.push(("nginx", said("nginx", &["-v"])));
        facts.push(("Nchan", said("dpkg-query", &["-Wf", "${Version}", "libnginx-mod-nchan"])));
    }
    Machine { facts: facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect() }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| "unknown".into(), |text| text.trim().to_owned())
}

fn line(path: &str, key: &str) -> String {
    let text = read(path);
    let found = text.lines().find_map(|line| line.strip_prefix(key)?.split_once(':'));
    found.map_or_else(|| "unknown".into(), |(_, fact)| fact.trim().to_owned())
}

/// The first line that a program says, on whichever of its two outputs.
fn said(program: &str, args: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(args).output() else {
        return "unknown".into();
    };
    let all = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&all).lines().next().unwrap_or("unknown").to_owned()
}
