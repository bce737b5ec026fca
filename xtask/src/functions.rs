//! The table of functions: `docs/functions.md`.

use crate::run::{Result, run as run_program};

/// Writes the table from the sources and the recorded tests.
pub fn run() -> Result<()> {
    let python = crate::python::base_python()?;
    let script = crate::python::script(std::path::Path::new(python), "tests/oracle/functions_table.py", &[]);
    run_program(&mut { script })
}
