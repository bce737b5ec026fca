//! `cargo xtask COMMAND`: the project's whole vocabulary.

mod conformance;
mod functions;
mod lint;
mod python;
mod run;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  test [FILTER]    all tests: Rust, then PySpark programs against the built binary
  bless [FILTER]   record expectations from real Apache Spark (needs Java 17; installs PySpark by itself)
  lint             formatting, clippy, tidy, documentation, crate graph, licences
  tidy             first lines, map, table of crates
  functions        the table of functions; writes docs/functions.md
  conformance      PySpark's docstring examples; writes docs/conformance.md (needs the suite's folder)
  bench [NAME]     benchmarks, paired with real Spark where --spark is given
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let result = match command.as_str() {
        "test" => test::run(&rest),
        "bless" => test::bless(&rest),
        "lint" => lint::run(),
        "tidy" => tidy::run(),
        "functions" => functions::run(),
        "conformance" => conformance::run(&rest),
        "bench" => test::bench(&rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error}");
            ExitCode::FAILURE
        }
    }
}
