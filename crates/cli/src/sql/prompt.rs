//! The prompt of `firesteel sql`: several lines to a statement, a history, and the few commands
//! that are not SQL.

use std::process::Command;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::runner::Runner;
use super::statement;
use crate::{LONG_VERSION, shim};

/// Talk to a person until they leave. Errors are told and do not end it.
pub fn talk(runner: &mut Runner) -> bool {
    let mut editor = match DefaultEditor::new() {
        Ok(editor) => editor,
        Err(error) => {
            eprintln!("firesteel: cannot use this terminal: {error}");
            return false;
        }
    };
    let history = shim::cache_directory().map(|cache| cache.join("sql-history"));
    if let Some(history) = &history {
        // There is none before the first time.
        let _ = editor.load_history(history);
    }
    eprintln!("Firesteel {LONG_VERSION}. End a statement with ; and leave with quit.");
    let mut pending = String::new();
    let mut succeeded = true;
    loop {
        let prompt = format!("spark-sql ({})> ", runner.database());
        let shown = if pending.is_empty() { prompt } else { format!("{:>1$}", "> ", prompt.len()) };
        match editor.readline(&shown) {
            Ok(line) => {
                if pending.is_empty() && statement::is_blank(&line) {
                    continue;
                }
                pending.push_str(&line);
                match take_input(runner, &mut pending, &mut editor) {
                    Step::More => pending.push('\n'),
                    Step::Done(outcome) => succeeded = outcome,
                    Step::Leave => break,
                }
                if runner.ended().is_some() {
                    break;
                }
            }
            // Ctrl-C drops what was typed; Ctrl-D leaves.
            Err(ReadlineError::Interrupted) => pending.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => {
                eprintln!("firesteel: {error}");
                break;
            }
        }
        if let Some(history) = &history {
            let _ = history.parent().map(std::fs::create_dir_all);
            // A history that cannot be kept is no reason to stop.
            let _ = editor.save_history(history);
        }
    }
    succeeded
}

enum Step {
    /// The statement is not complete.
    More,
    /// Something ran; whether it succeeded.
    Done(bool),
    Leave,
}

fn take_input(runner: &mut Runner, pending: &mut String, editor: &mut DefaultEditor) -> Step {
    if !pending.contains('\n')
        && let Some(step) = own_command(runner, pending.trim())
    {
        let _ = editor.add_history_entry(pending.trim());
        pending.clear();
        return step;
    }
    let (statements, rest) = statement::split_complete(pending);
    if statements.is_empty() && !statement::is_blank(rest) {
        return Step::More;
    }
    let mut succeeded = true;
    for statement in &statements {
        let _ = editor.add_history_entry(format!("{};", statement.trim()));
        match own_command(runner, statement.trim()) {
            Some(Step::Leave) => return Step::Leave,
            Some(Step::Done(outcome)) => succeeded = outcome,
            Some(Step::More) | None => succeeded = runner.run(statement),
        }
    }
    let rest = if statement::is_blank(rest) { String::new() } else { rest.to_owned() };
    *pending = rest;
    if pending.is_empty() { Step::Done(succeeded) } else { Step::More }
}

/// Run statements that come through a pipe, as if a person typed them: an error does not end it,
/// and the last statement decides.
pub fn obey(runner: &mut Runner, text: &str) -> bool {
    let mut succeeded = true;
    for statement in statement::split(text) {
        match own_command(runner, statement.trim()) {
            Some(Step::Leave) => return true,
            Some(Step::Done(outcome)) => succeeded = outcome,
            Some(Step::More) | None => succeeded = runner.run(statement),
        }
        if runner.ended().is_some() {
            break;
        }
    }
    succeeded
}

/// `quit`, `exit`, `source FILE` and `!COMMAND`.
fn own_command(runner: &mut Runner, text: &str) -> Option<Step> {
    let text = text.strip_suffix(';').unwrap_or(text).trim();
    let lower = text.to_lowercase();
    if lower == "quit" || lower == "exit" {
        return Some(Step::Leave);
    }
    if let Some(command) = text.strip_prefix('!') {
        let status = Command::new("sh").arg("-c").arg(command).status();
        return Some(Step::Done(status.is_ok_and(|status| status.success())));
    }
    if lower.starts_with("source ") {
        let file = text["source ".len()..].trim();
        return Some(Step::Done(match std::fs::read_to_string(file) {
            Ok(script) => runner.run_script(&script),
            Err(error) => {
                eprintln!("Failed to read file {file}: {error}");
                false
            }
        }));
    }
    None
}
