//! The Python package inside this binary, written once to the cache directory, so that a bare
//! binary works anywhere. Its directory carries a hash of its content: versions live side by side.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{fs, io};

macro_rules! python_files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../python/firesteel/", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = &python_files![
    "__init__.py",
    "broadcast.py",
    "connect_catalog.py",
    "connect_client.py",
    "connect_dataframe.py",
    "connect_eager.py",
    "connect_errors.py",
    "connect_expressions.py",
    "connect_plan.py",
    "connect_readwriter.py",
    "connect_session.py",
    "connect_streaming.py",
    "connect_udf.py",
    "context.py",
    "files.py",
    "findspark.py",
    "home.py",
    "hook.py",
    "java_context.py",
    "java_dataframe.py",
    "java_maps.py",
    "java_pickles.py",
    "jvm.py",
    "notebook.py",
    "packages.json",
    "packages.py",
    "py.typed",
    "py4j_objects.py",
    "py4j_protocol.py",
    "run.py",
    "session_builder.py",
    "shell.py",
    "sql_context.py",
    "startup.py",
    "status.py",
    "stream_source.py",
    "stream_worker.py",
    "submitted.py",
    "threads.py",
    "unsupported.py",
    "worker.py",
    "worker_rows.py",
    "worker_state.py",
    "worker_tasks.py",
    "mllib/__init__.py",
    "mllib/common.py",
    "mllib/random.py",
    "mllib/statistics.py",
    "rdd/__init__.py",
    "rdd/actions.py",
    "rdd/barrier.py",
    "rdd/bounded.py",
    "rdd/checkpoint.py",
    "rdd/class_names.py",
    "rdd/dataframes.py",
    "rdd/describe.py",
    "rdd/errors.py",
    "rdd/hadoop_files.py",
    "rdd/job.py",
    "rdd/keeping.py",
    "rdd/lineage.py",
    "rdd/pairs.py",
    "rdd/partitioner.py",
    "rdd/rdd.py",
    "rdd/saving.py",
    "rdd/sources.py",
    "rdd/statistics.py",
    "rdd/transformations.py",
    "streaming/__init__.py",
    "streaming/context.py",
    "streaming/derived.py",
    "streaming/dstream.py",
    "streaming/events.py",
    "streaming/generator.py",
    "streaming/graph.py",
    "streaming/inputs.py",
    "streaming/kinesis.py",
    "streaming/listener.py",
    "streaming/node.py",
    "streaming/pairs.py",
    "streaming/recovery.py",
    "streaming/scheduler.py",
    "streaming/socket_input.py",
    "streaming/times.py",
    "streaming/util.py",
    "streaming/windows.py",
    "task/__init__.py",
    "task/apply.py",
    "task/barrier.py",
    "task/bias.json",
    "task/binary.py",
    "task/codecs.py",
    "task/combine.py",
    "task/distinct.py",
    "task/draws.py",
    "task/frame.py",
    "task/hashing.py",
    "task/java_object.py",
    "task/lines.py",
    "task/part_file.py",
    "task/pipe.py",
    "task/route.py",
    "task/sequence_file.py",
    "task/shared.py",
    "task/stage.py",
    "task/to_arrow.py",
    "task/writable.py",
    "py.typed",
];

/// `$XDG_CACHE_HOME/firesteel` or `~/.cache/firesteel`; none where there is no home.
pub fn cache_directory() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("firesteel"))
}

/// The directory that holds the package `firesteel`; written if it is not there yet. Where the
/// cache cannot be written, the package goes to `fallback`, which ends with the run.
///
/// # Errors
/// Where it can be written nowhere.
pub fn directory(fallback: &Path) -> io::Result<PathBuf> {
    let name = format!("python-{:016x}", content_hash());
    if let Some(cache) = cache_directory() {
        let target = cache.join(&name);
        if target.is_dir() || write_at_once(&cache, &target).is_ok() {
            return Ok(target);
        }
    }
    let target = fallback.join(name);
    write(&target)?;
    Ok(target)
}

fn content_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    hasher.finish()
}

/// Another run may be writing the same directory: whoever renames first wins, with equal content.
fn write_at_once(cache: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(cache)?;
    let temporary = tempfile::Builder::new().prefix("python-new-").tempdir_in(cache)?;
    write(temporary.path())?;
    match fs::rename(temporary.path(), target) {
        Ok(()) => {
            // The directory has moved: there is nothing left to delete.
            let _ = temporary.keep();
            Ok(())
        }
        Err(_) if target.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes the package into that directory.
///
/// # Errors
/// Where it cannot be written.
pub fn write(directory: &Path) -> io::Result<()> {
    let package = directory.join("firesteel");
    FILES.iter().try_for_each(|(name, text)| {
        let file = package.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&package))?;
        fs::write(file, text)
    })
}
