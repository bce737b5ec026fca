//! The project's own rules: first lines, the map, the crate graph, licences of what we depend on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::run::{Result, cargo, output, root};

/// Crates from the bottom to the top; each may depend on those before it.
const LAYERS: &[&str] =
    &["protocol", "functions", "sources", "python", "plan", "engine", "ui", "streaming", "server", "cli"];

/// Licences that may come in.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
    "0BSD",
    "BSL-1.0",
    "MPL-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "CDLA-Permissive-2.0",
    "bzip2-1.0.6",
    "MIT-0",
];

/// First lines, the map in ARCHITECTURE.md, dependencies between crates.
pub fn run() -> Result<()> {
    let mut problems = vec![];
    let mut sources = vec![];
    walk(&root().join("crates"), &mut sources);
    walk(&root().join("xtask"), &mut sources);
    for path in &sources {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        if !text.starts_with("//!") {
            problems.push(format!("{}: no //! line says what the file does", shown(path)));
        }
    }
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).map_err(|e| format!("ARCHITECTURE.md: {e}"))?;
    for path in &sources {
        let folder = path.parent().map(shown).unwrap_or_default();
        let module = folder.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/")).map(|(_, module)| module);
        if let Some(module) = module.filter(|module| !module.contains('/')) {
            if !map.contains(&format!("{module}/")) {
                problems.push(format!("ARCHITECTURE.md does not name the folder {folder}"));
            }
        }
    }
    problems.extend(graph()?);
    problems.sort();
    problems.dedup();
    if problems.is_empty() { Ok(()) } else { Err(format!("\n  {}", problems.join("\n  "))) }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Dependencies must point downward.
fn graph() -> Result<Vec<String>> {
    let mut problems = vec![];
    for (level, name) in LAYERS.iter().enumerate() {
        let manifest = root().join("crates").join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
        for (above, other) in LAYERS.iter().enumerate() {
            if above >= level && text.contains(&format!("path = \"../{other}\"")) {
                problems.push(format!("crates/{name} depends on crates/{other}, which is not below it"));
            }
        }
    }
    Ok(problems)
}

/// Every dependency's licence is one of [`LICENCES`] (one of its alternatives is enough).
pub fn licences() -> Result<()> {
    let format = "{p}\t{l}";
    let tree = output(&mut cargo(&[
        "tree",
        "--locked",
        "--workspace",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        format,
    ]))?;
    let mut bad: BTreeMap<String, String> = BTreeMap::new();
    for line in tree.lines() {
        let Some((package, licence)) = line.trim_end_matches(" (*)").split_once('\t') else { continue };
        let licence = licence.trim().trim_end_matches(" (*)");
        let allowed = |one: &str| LICENCES.contains(&one.trim().trim_matches(|c| c == '(' || c == ')'));
        let fine = licence.split(" AND ").all(|part| part.replace('/', " OR ").split(" OR ").any(allowed));
        if !fine {
            bad.insert(package.to_string(), licence.to_string());
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(format!("licences that are not allowed: {bad:?}")) }
}
