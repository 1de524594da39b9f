//! The image: it has all that it is built from, and the program needs nothing that is not in it.

use std::process::Command;

use crate::{BINARY, project, read, said};

/// The libraries of `distroless/cc`: those of the C library, and the compiler's.
const THERE: [&str; 8] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "linux-vdso.so.1",
];

#[test]
fn the_program_wants_no_library_that_the_image_has_not() {
    let output = Command::new("ldd").arg(BINARY).output().expect("ldd");
    let listed = said(&output.stdout);
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter_map(|name| name.rsplit('/').next()).collect();
    assert!(names.contains(&"libc.so.6"), "{listed}");
    let missing: Vec<_> = names.iter().filter(|name| !THERE.contains(name)).collect();
    assert!(missing.is_empty(), "distroless/cc has no {missing:?}");
}

#[test]
fn what_the_program_is_built_from_is_let_in() {
    let ignored = read("deploy/Dockerfile.dockerignore");
    let let_in: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(ignored.lines().filter(|line| *line == "*").count(), 1, "all else is kept out");
    for path in &let_in {
        assert!(project(path).exists(), "{path} is not there");
    }
    let mut folders = vec![project("src")];
    let mut looked_at = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one")) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a file");
            let taken = ["include_str!(\"", "include_bytes!(\""];
            let taken = taken.iter().flat_map(|call| text.split(*call).skip(1));
            for file in taken.filter_map(|rest| rest.split('"').next()) {
                let file = path.parent().expect("a folder").join(file);
                let file = file.canonicalize().unwrap_or_else(|_| panic!("{}", file.display()));
                let inside = let_in.iter().any(|path| file.starts_with(project(path)));
                assert!(inside, "{} is not let in", file.display());
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 3, "{looked_at} files");
}
