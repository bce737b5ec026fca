//! From what a reader was told to the files it reads: paths, patterns, filters, partition columns.
//!
//! [`glob`] reads patterns, [`walk`] lists folders, [`partition`] finds partition columns.

pub mod glob;
pub mod partition;
mod walk;

pub use walk::find_file;

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{FieldRef, TimestampMicrosecondType};
use datafusion::scalar::ScalarValue;
use firesteel_functions::cast::{EvalMode, cast_array};
use firesteel_protocol::{Result, SparkError, types};

use crate::options::{OptionSpec, Options, illegal_argument};
use crate::storage::{InputFile, hadoop_path};
use crate::stream::sink_log::SinkLog;
use crate::{ReadRequest, SourceContext, TablePartition};

/// Options of every file source.
#[derive(Debug)]
pub struct FileOptions;

impl FileOptions {
    /// The root folder of partition discovery.
    pub const BASE_PATH: OptionSpec =
        OptionSpec { key: "basePath", aliases: &[], default: "", doc: "Where partition folders start." };
    /// Folders are walked as they are.
    pub const RECURSIVE: OptionSpec = OptionSpec {
        key: "recursiveFileLookup",
        aliases: &[],
        default: "false",
        doc: "Reads the files of all folders below and discovers no partitions.",
    };
    /// Only files of such names.
    pub const GLOB_FILTER: OptionSpec =
        OptionSpec { key: "pathGlobFilter", aliases: &[], default: "", doc: "Reads only files whose name matches." };
    /// Only older files.
    pub const MODIFIED_BEFORE: OptionSpec = OptionSpec {
        key: "modifiedBefore",
        aliases: &[],
        default: "",
        doc: "Reads only files modified before this time of the session's zone.",
    };
    /// Only younger files.
    pub const MODIFIED_AFTER: OptionSpec = OptionSpec {
        key: "modifiedAfter",
        aliases: &[],
        default: "",
        doc: "Reads only files modified after this time of the session's zone.",
    };
    /// Files that cannot be read end early.
    pub const IGNORE_CORRUPT: OptionSpec = OptionSpec {
        key: "ignoreCorruptFiles",
        aliases: &[],
        default: "false",
        doc: "Skips the rest of a file that cannot be read.",
    };
    /// Files that vanished are skipped.
    pub const IGNORE_MISSING: OptionSpec = OptionSpec {
        key: "ignoreMissingFiles",
        aliases: &[],
        default: "false",
        doc: "Skips files that vanish between planning and reading.",
    };
}

/// A flag that an option or, without it, a configuration key sets.
pub fn flag_or_conf(options: &Options, spec: &OptionSpec, ctx: &SourceContext, conf: &str) -> Result<bool> {
    match options.given(spec) {
        Some(_) => options.strict_flag(spec),
        None => Ok(ctx.conf_flag(conf, false)),
    }
}

/// The files of a table.
#[derive(Debug, Default)]
pub struct Listing {
    /// In alphabetic order of roots, folders and names.
    pub files: Vec<ListedFile>,
    /// Partition columns with canonical types, nullable.
    pub partition_fields: Vec<FieldRef>,
    /// Values of [`Listing::partition_fields`] for each folder that holds files.
    pub partition_values: Vec<Vec<ScalarValue>>,
    /// A stream wrote the folder: then partition columns keep their place in a user's schema, as in Spark.
    pub by_stream: bool,
}

/// A file and where its partition values are.
#[derive(Debug, Clone)]
pub struct ListedFile {
    pub file: InputFile,
    /// Index into [`Listing::partition_values`].
    pub folder: usize,
}

/// Finds the files that a reader asks for.
pub fn list(request: &ReadRequest, ctx: &SourceContext) -> Result<Listing> {
    if let Some(listing) = list_written(request, ctx)? {
        return Ok(listing);
    }
    if let (Some(partitions), Some(schema)) = (&request.partitions, &request.schema) {
        return list_partitions(partitions, schema.fields(), request, ctx);
    }
    let options = &request.options;
    let roots = roots(&request_paths(request, ctx)?, ctx)?;
    let ignore_missing =
        flag_or_conf(options, &FileOptions::IGNORE_MISSING, ctx, "spark.sql.files.ignoreMissingFiles")?;
    let filter = Filter::new(options, ctx)?;
    let mut folders = walk::walk(&roots, ignore_missing)?;
    // Folders whose files are all left out tell partition columns nonetheless.
    folders.iter_mut().for_each(|folder| folder.files.retain(|file| filter.keeps(file)));
    arrange(folders, &roots, request, ctx)
}

/// The files of a folder that a stream wrote: those that its log names; `None` for other folders.
fn list_written(request: &ReadRequest, ctx: &SourceContext) -> Result<Option<Listing>> {
    let paths = request_paths(request, ctx)?;
    let [path] = paths.as_slice() else { return Ok(None) };
    let Ok(root) = absolute(path, &ctx.working_dir) else { return Ok(None) };
    if glob::is_pattern(path) || !SinkLog::is_in(&root) {
        return Ok(None);
    }
    let filter = Filter::new(&request.options, ctx)?;
    let mut folders = walk::by_folder(SinkLog::open(&root, ctx)?.files()?);
    folders.iter_mut().for_each(|folder| folder.files.retain(|file| filter.keeps(file)));
    folders.retain(|folder| !folder.files.is_empty());
    let listing = arrange(folders, &[root], request, ctx)?;
    Ok(Some(Listing { by_stream: true, ..listing }))
}

/// Known files with their partition columns. Nothing but the options' `basePath` says where partitions begin.
pub fn of_files(files: Vec<InputFile>, request: &ReadRequest, ctx: &SourceContext) -> Result<Listing> {
    let roots: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    arrange(walk::by_folder(files), &roots, request, ctx)
}

fn arrange(
    folders: Vec<walk::Folder>,
    roots: &[PathBuf],
    request: &ReadRequest,
    ctx: &SourceContext,
) -> Result<Listing> {
    let options = &request.options;
    let recursive = options.strict_flag(&FileOptions::RECURSIVE)?;
    let partitions = if recursive {
        partition::Partitions { fields: vec![], values: vec![Some(vec![]); folders.len()] }
    } else {
        let bases = bases(options, roots, ctx)?;
        let typing = partition::Typing {
            user: request.schema.as_ref().map(|schema| schema.fields().as_ref()),
            infer: ctx.conf_flag("spark.sql.sources.partitionColumnTypeInference.enabled", true),
            env: &ctx.env,
        };
        let paths: Vec<PathBuf> = folders.iter().map(|folder| folder.path.clone()).collect();
        partition::discover(&paths, &bases, &typing)?
    };

    // Without partitions only the roots' own files count, as in Spark: folders below are not the table's.
    let only_roots = partitions.fields.is_empty() && !recursive;
    let root_set: HashSet<&Path> = roots.iter().map(PathBuf::as_path).collect();
    let mut listing = Listing { partition_fields: partitions.fields, ..Listing::default() };
    for (folder, values) in folders.into_iter().zip(partitions.values) {
        let Some(values) = values else { continue };
        let folder_is_root = root_set.contains(folder.path.as_path());
        let index = listing.partition_values.len();
        listing.partition_values.push(values);
        listing.files.extend(
            folder
                .files
                .into_iter()
                .filter(|file| !only_roots || folder_is_root || root_set.contains(file.path.as_path()))
                .map(|file| ListedFile { file, folder: index }),
        );
    }
    Ok(listing)
}

/// The files of partitions that a catalog knows. A folder that is not there holds no files.
fn list_partitions(
    partitions: &[TablePartition],
    fields: &[FieldRef],
    request: &ReadRequest,
    ctx: &SourceContext,
) -> Result<Listing> {
    let filter = Filter::new(&request.options, ctx)?;
    let columns: Vec<&str> = match partitions.first() {
        Some(partition) => partition.values.iter().map(|(column, _)| column.as_str()).collect(),
        None => return Ok(Listing::default()),
    };
    let typing = partition::Typing { user: Some(fields), infer: false, env: &ctx.env };
    let mut listing = Listing::default();
    let mut by_column = vec![];
    for (at, column) in columns.iter().enumerate() {
        let raw: Vec<&str> =
            partitions.iter().map(|own| own.values.get(at).map_or("", |(_, value)| value.as_str())).collect();
        let (field, values) = partition::type_column(column, &raw, &typing)?;
        // The table's spelling, not that of a folder.
        let named = fields.iter().find(|own| own.name().eq_ignore_ascii_case(field.name()));
        listing.partition_fields.push(named.cloned().unwrap_or(field));
        by_column.push(values);
    }
    for (at, partition) in partitions.iter().enumerate() {
        let index = listing.partition_values.len();
        listing.partition_values.push(by_column.iter().map(|values| values[at].clone()).collect());
        let root = absolute(&partition.path, &ctx.working_dir)?;
        let is_file = root.is_file();
        let folders = walk::walk(std::slice::from_ref(&root), true)?.into_iter();
        // Folders below are not the partition's.
        let files = folders.filter(|folder| is_file || folder.path == root).flat_map(|folder| folder.files);
        let files = files.filter(|file| filter.keeps(file)).map(|file| ListedFile { file, folder: index });
        listing.files.extend(files);
    }
    Ok(listing)
}

/// The paths of `load(..)` or of the option `path`.
fn request_paths(request: &ReadRequest, ctx: &SourceContext) -> Result<Vec<String>> {
    let option = request.options.get("path");
    if request.options.contains("paths") {
        return Err(SparkError::unsupported("the reader option `paths`", "Give the paths to `load`."));
    }
    check_paths(request, ctx)?;
    match option {
        Some(path) if request.paths.is_empty() => Ok(vec![path.to_string()]),
        _ => Ok(request.paths.clone()),
    }
}

/// Refuses paths of `load(..)` beside the option `path`.
pub fn check_paths(request: &ReadRequest, ctx: &SourceContext) -> Result<()> {
    const LENIENT: &str = "spark.sql.legacy.pathOptionBehavior.enabled";
    let twice = request.options.contains("path") && !request.paths.is_empty();
    match twice && !ctx.conf_flag(LENIENT, false) {
        true => Err(SparkError::new("_LEGACY_ERROR_TEMP_1306").with("config", LENIENT)),
        false => Ok(()),
    }
}

/// Absolute paths that exist; patterns are expanded.
pub fn roots(paths: &[String], ctx: &SourceContext) -> Result<Vec<PathBuf>> {
    let mut roots = vec![];
    for path in paths {
        let absolute = absolute(path, &ctx.working_dir)?;
        let missing = || SparkError::new("PATH_NOT_FOUND").with("path", hadoop_path(&absolute));
        let text = absolute.to_string_lossy();
        if glob::is_pattern(&text) {
            let found = glob::expand(&text)?;
            if found.is_empty() && !absolute.exists() {
                return Err(missing());
            }
            roots.extend(if found.is_empty() { vec![absolute.clone()] } else { found });
        } else if absolute.exists() {
            roots.push(absolute);
        } else {
            return Err(missing());
        }
    }
    Ok(roots)
}

/// A user's path as an absolute local path: `file:` is taken off, dots are resolved.
pub fn absolute(path: &str, working_dir: &Path) -> Result<PathBuf> {
    if path.is_empty() {
        return Err(illegal_argument("Can not create a Path from an empty string"));
    }
    let local = match scheme(path) {
        Some("file") => {
            let rest = &path["file:".len()..];
            match rest.strip_prefix("//") {
                Some(rest) if rest.starts_with('/') => rest,
                Some(rest) => match rest.strip_prefix("localhost/") {
                    Some(_) => &rest["localhost".len()..],
                    None => return Err(illegal_argument(format!("Wrong FS: {path}, expected: file:///"))),
                },
                None => rest,
            }
        }
        Some(scheme) => {
            return Err(SparkError::unsupported(
                format!("reading from `{scheme}:` ({path})"),
                "Copy the files to a local or mounted folder.",
            ));
        }
        None => path,
    };
    let mut absolute = PathBuf::new();
    for component in working_dir.join(local).components() {
        match component {
            Component::ParentDir => {
                absolute.pop();
            }
            Component::CurDir => {}
            other => absolute.push(other),
        }
    }
    Ok(absolute)
}

fn scheme(path: &str) -> Option<&str> {
    let (scheme, _) = path.split_once(':')?;
    let plain = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    plain.then_some(scheme)
}

/// Where partition discovery stops.
fn bases(options: &Options, roots: &[PathBuf], ctx: &SourceContext) -> Result<HashSet<PathBuf>> {
    if let Some(given) = options.given(&FileOptions::BASE_PATH) {
        let base = absolute(given, &ctx.working_dir)?;
        if !base.exists() {
            return Err(illegal_argument("Option 'basePath' not found"));
        }
        if !base.is_dir() {
            return Err(illegal_argument("Option 'basePath' must be a directory"));
        }
        if let Some(root) = roots.iter().find(|root| !root.starts_with(&base)) {
            return Err(illegal_argument(format!("Wrong basePath {given} for the root path: {}", hadoop_path(root))));
        }
        return Ok(HashSet::from([base]));
    }
    let folder_of = |root: &PathBuf| match (root.is_dir(), root.parent()) {
        (false, Some(parent)) => parent.to_path_buf(),
        _ => root.clone(),
    };
    Ok(roots.iter().map(folder_of).collect())
}

/// Which files of a folder are read.
struct Filter {
    name: Option<glob::Matcher>,
    before_us: Option<i64>,
    after_us: Option<i64>,
}

impl Filter {
    fn new(options: &Options, ctx: &SourceContext) -> Result<Self> {
        let name = options.given(&FileOptions::GLOB_FILTER).map(glob::Matcher::new).transpose()?;
        Ok(Self {
            name,
            before_us: instant(options, &FileOptions::MODIFIED_BEFORE, ctx)?,
            after_us: instant(options, &FileOptions::MODIFIED_AFTER, ctx)?,
        })
    }

    fn keeps(&self, file: &InputFile) -> bool {
        let name = file.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        self.name.as_ref().is_none_or(|matcher| matcher.matches(&name))
            && self.before_us.is_none_or(|before| file.modified_us < before)
            && self.after_us.is_none_or(|after| file.modified_us > after)
    }
}

fn instant(options: &Options, spec: &OptionSpec, ctx: &SourceContext) -> Result<Option<i64>> {
    let Some(text) = options.given(spec) else { return Ok(None) };
    let invalid = || {
        SparkError::new("_LEGACY_ERROR_TEMP_1294").with("strategy", spec.key.to_lowercase()).with("timeString", text)
    };
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let cast = cast_array(&array, &types::timestamp(), EvalMode::Try, &ctx.env).map_err(|_| invalid())?;
    cast.as_primitive::<TimestampMicrosecondType>().iter().next().flatten().map(Some).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute() {
        let absolute = |path: &str| absolute(path, Path::new("/w/d")).ok().map(|path| path.display().to_string());
        assert_eq!(absolute("a/../b").as_deref(), Some("/w/d/b"));
        assert_eq!(absolute("file:///x//y/").as_deref(), Some("/x/y"));
        assert_eq!(absolute("file:/x").as_deref(), Some("/x"));
        assert_eq!(absolute("s3a://b/x"), None);
    }
}
