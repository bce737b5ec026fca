//! The versions of a store on disk. Version N is a file of changes (`N.delta`) and every so often also one of all rows
//! (`N.snapshot`). A file is an Arrow IPC file whose blocks belong to one partition each, in the order of the partitions;
//! a last column marks rows that go. What is read is found by the footer, so a partition costs no more than its own rows.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::fault;
use firesteel_sources::stream::log::{self, illegal_state, names};

/// Every so many versions all rows are written.
const SNAPSHOT_EVERY: u64 = 10;
const DELTA: &str = ".delta";
const SNAPSHOT: &str = ".snapshot";
const REMOVED: &str = "removed";
/// Keys of the metadata of a file.
const BLOCKS: &str = "blocks";
const TOTAL: &str = "rows";
const COUNT: &str = "partitions";

/// What a version does to a partition: rows go, then others come.
#[derive(Debug, Default)]
pub struct Block {
    pub updated: Vec<RecordBatch>,
    pub removed: Vec<RecordBatch>,
}

/// A file that is open.
struct VersionFile {
    path: PathBuf,
    reader: FileReader<BufReader<File>>,
    /// The blocks of each partition.
    blocks: HashMap<usize, Vec<usize>>,
    total: u64,
}

/// The files that make up a version: a snapshot, if there is one, and the changes since.
pub struct Chain {
    dir: PathBuf,
    schema: SchemaRef,
    partitions: usize,
    version: u64,
    files: Vec<VersionFile>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("dir", &self.dir).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Chain {
    /// Finds the files of a version; version 0 has none.
    pub fn open(dir: &Path, schema: SchemaRef, partitions: usize, version: u64) -> Result<Self> {
        let mut chain = Self { dir: dir.to_path_buf(), schema, partitions, version, files: vec![] };
        if version > 0 {
            let base = chain.versions(SNAPSHOT)?.into_iter().filter(|own| *own <= version).max();
            if let Some(base) = base {
                chain.add(&format!("{base}{SNAPSHOT}"))?;
            }
            for delta in base.unwrap_or(0) + 1..=version {
                chain.add(&format!("{delta}{DELTA}"))?;
            }
        }
        Ok(chain)
    }

    /// Reads all of a version, whatever its rows are: the number of its rows and of its partitions.
    ///
    /// # Errors
    /// A file is missing or damaged.
    pub fn check(dir: &Path, version: u64) -> Result<(u64, usize)> {
        let mut chain = Self::read(dir, version, None)?;
        for partition in 0..chain.partitions {
            chain.blocks(partition)?;
        }
        Ok((chain.total(), chain.partitions))
    }

    /// A version whose rows and partitions its own file tells; `base` asks for the snapshot of that version.
    ///
    /// # Errors
    /// A file is missing or damaged.
    pub fn read(dir: &Path, version: u64, base: Option<u64>) -> Result<Self> {
        let (rows, partitions) = Self::told(dir, version)?;
        let Some(base) = base else { return Self::open(dir, rows, partitions, version) };
        let mut chain = Self { dir: dir.to_path_buf(), schema: rows, partitions, version, files: vec![] };
        if !dir.join(format!("{base}{SNAPSHOT}")).exists() {
            return Err(SparkError::new("CANNOT_LOAD_STATE_STORE.UNCATEGORIZED"));
        }
        chain.add(&format!("{base}{SNAPSHOT}"))?;
        for delta in base + 1..=version {
            chain.add(&format!("{delta}{DELTA}"))?;
        }
        Ok(chain)
    }

    /// What a version did to a partition.
    pub fn delta(dir: &Path, version: u64, partition: usize) -> Result<(SchemaRef, Block)> {
        let (rows, partitions) = Self::told(dir, version)?;
        let mut chain = Self { dir: dir.to_path_buf(), schema: rows, partitions, version, files: vec![] };
        chain.add(&format!("{version}{DELTA}"))?;
        let block = chain.blocks(partition)?.pop().unwrap_or_default();
        Ok((chain.schema, block))
    }

    /// The schema of the rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The schema of rows and the number of partitions that a version's file tells.
    fn told(dir: &Path, version: u64) -> Result<(SchemaRef, usize)> {
        let own = names(dir)?.into_iter().find(|name| {
            [DELTA, SNAPSHOT].iter().any(|suffix| name.strip_suffix(suffix) == Some(version.to_string().as_str()))
        });
        let path = dir.join(own.unwrap_or_else(|| format!("{version}{DELTA}")));
        let file = File::open(&path)
            .map_err(|error| illegal_state(format!("the state {} cannot be read: {error}", hadoop_path(&path))))?;
        let reader = FileReader::try_new(BufReader::new(file), None).map_err(|error| damaged(&path, error))?;
        let schema = reader.schema();
        let width = schema.fields().len().saturating_sub(1);
        let rows = Arc::new(schema.project(&(0..width).collect::<Vec<_>>()).map_err(from_arrow)?);
        let count = schema.metadata().get(COUNT).and_then(|text| text.parse().ok());
        let count: usize = count.ok_or_else(|| damaged(&path, "its partitions are missing"))?;
        Ok((rows, count))
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    /// The version of the file of all rows that the chain begins with.
    pub fn snapshot(&self) -> Option<u64> {
        let name = self.files.first()?.path.file_name()?.to_str()?;
        name.strip_suffix(SNAPSHOT)?.parse().ok()
    }

    /// Number of rows.
    pub fn total(&self) -> u64 {
        self.files.last().map_or(0, |file| file.total)
    }

    /// Whether a partition may have rows.
    pub fn has(&self, partition: usize) -> bool {
        self.files.iter().any(|file| file.blocks.contains_key(&partition))
    }

    fn add(&mut self, name: &str) -> Result<()> {
        let path = self.dir.join(name);
        let file = File::open(&path)
            .map_err(|error| illegal_state(format!("the state {} cannot be read: {error}", hadoop_path(&path))))?;
        let reader = FileReader::try_new(BufReader::new(file), None).map_err(|error| damaged(&path, error))?;
        let schema = reader.schema();
        let own: Vec<&DataType> = self.schema.fields().iter().map(|field| field.data_type()).collect();
        let there: Vec<&DataType> = schema.fields().iter().map(|field| field.data_type()).collect();
        if there.len() != own.len() + 1 || there[..own.len()] != own[..] {
            return Err(other_schema(&own, &there));
        }
        let metadata = |key: &str| {
            let text = schema.metadata().get(key);
            text.ok_or_else(|| damaged(&path, format!("its {key} are missing")))
        };
        let count: Option<usize> = metadata(COUNT)?.parse().ok();
        if count != Some(self.partitions) {
            return Err(illegal_state(format!(
                "the state {} has {} partitions, the query has {}. Use another checkpoint.",
                hadoop_path(&path),
                metadata(COUNT)?,
                self.partitions
            )));
        }
        let total = metadata(TOTAL)?.parse().map_err(|_| damaged(&path, "its number of rows is none"))?;
        let list = reader.custom_metadata().get(BLOCKS).cloned().unwrap_or_default();
        let mut blocks: HashMap<usize, Vec<usize>> = HashMap::new();
        for (at, partition) in list.split(',').filter(|text| !text.is_empty()).enumerate() {
            let partition = partition.parse().map_err(|_| damaged(&path, "a block without partition"))?;
            blocks.entry(partition).or_default().push(at);
        }
        if list.split(',').filter(|text| !text.is_empty()).count() != reader.num_batches() {
            return Err(damaged(&path, "the list of its blocks is another's"));
        }
        self.files.push(VersionFile { path, reader, blocks, total });
        Ok(())
    }

    /// What the files say of a partition, the oldest first.
    pub fn blocks(&mut self, partition: usize) -> Result<Vec<Block>> {
        let width = self.schema.fields().len();
        let mut all = vec![];
        for file in &mut self.files {
            let mut block = Block::default();
            for at in file.blocks.get(&partition).into_iter().flatten() {
                file.reader.set_index(*at).map_err(|error| damaged(&file.path, error))?;
                let batch = file.reader.next().ok_or_else(|| damaged(&file.path, "a block is missing"))?;
                let batch = batch.map_err(|error| damaged(&file.path, error))?;
                let marks = batch.column(width).as_boolean().clone();
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let rows = RecordBatch::try_new_with_options(
                    Arc::clone(&self.schema),
                    batch.columns()[..width].to_vec(),
                    &options,
                )
                .map_err(from_arrow)?;
                let kept = arrow::compute::not(&marks).map_err(from_arrow)?;
                for (mask, side) in [(&marks, &mut block.removed), (&kept, &mut block.updated)] {
                    match mask.true_count() {
                        0 => {}
                        count if count == rows.num_rows() => side.push(rows.clone()),
                        _ => side.push(filter_record_batch(&rows, mask).map_err(from_arrow)?),
                    }
                }
            }
            all.push(block);
        }
        Ok(all)
    }

    /// Whether a version has all rows in one file.
    pub fn is_snapshot(version: u64) -> bool {
        version.is_multiple_of(SNAPSHOT_EVERY)
    }

    /// Writes the changes of a version, which is then the chain's last.
    pub fn write_delta(&mut self, version: u64, blocks: &BTreeMap<usize, Block>, total: u64) -> Result<()> {
        let name = format!("{version}{DELTA}");
        let mut writer = Writer::begin(&self.dir, &name, &self.schema, self.partitions, total)?;
        for (partition, block) in blocks {
            writer.write(*partition, block)?;
        }
        writer.end()?;
        self.version = version;
        self.add(&name)
    }

    /// Begins the file of all rows of a version.
    pub fn begin_snapshot(&self, version: u64, total: u64) -> Result<Writer> {
        Writer::begin(&self.dir, &format!("{version}{SNAPSHOT}"), &self.schema, self.partitions, total)
    }

    /// The file of all rows takes the place of all others.
    pub fn end_snapshot(&mut self, snapshot: Writer) -> Result<()> {
        let name = snapshot.name.clone();
        snapshot.end()?;
        self.files.clear();
        self.add(&name)
    }

    fn versions(&self, suffix: &str) -> Result<Vec<u64>> {
        Ok(names(&self.dir)?.iter().filter_map(|name| name.strip_suffix(suffix)?.parse().ok()).collect())
    }

    /// Removes what no version from `keep` on needs.
    pub fn clean_up(&self, keep: u64) -> Result<()> {
        let Some(base) = self.versions(SNAPSHOT)?.into_iter().filter(|own| *own <= keep).max() else { return Ok(()) };
        for suffix in [SNAPSHOT, DELTA] {
            for old in self.versions(suffix)?.into_iter().filter(|own| *own < base) {
                let _ = std::fs::remove_file(self.dir.join(format!("{old}{suffix}")));
            }
        }
        Ok(())
    }
}

/// A file that is being written. It has its name only when it is complete.
#[expect(missing_debug_implementations, reason = "a writer of Arrow has none")]
pub struct Writer {
    dir: PathBuf,
    name: String,
    temporary: PathBuf,
    schema: SchemaRef,
    writer: FileWriter<BufWriter<File>>,
    /// The partition of each block.
    blocks: Vec<String>,
}

impl Writer {
    fn begin(dir: &Path, name: &str, schema: &SchemaRef, partitions: usize, total: u64) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|error| log::failed("cannot make the folder", dir, error))?;
        let temporary = dir.join(format!(".{name}.{}.tmp", uuid::Uuid::new_v4()));
        let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.push(Field::new(REMOVED, DataType::Boolean, false));
        let metadata = [(COUNT.to_string(), partitions.to_string()), (TOTAL.to_string(), total.to_string())];
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata.into()));
        let file = File::create(&temporary).map_err(|error| log::failed("cannot write", &temporary, error))?;
        let writer = FileWriter::try_new_buffered(file, &schema).map_err(from_arrow)?;
        Ok(Self { dir: dir.to_path_buf(), name: name.to_string(), temporary, schema, writer, blocks: vec![] })
    }

    /// Writes a partition.
    pub fn write(&mut self, partition: usize, block: &Block) -> Result<()> {
        let removed = block.removed.iter().map(|batch| (batch, true));
        for (batch, mark) in removed.chain(block.updated.iter().map(|batch| (batch, false))) {
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(BooleanArray::from(vec![mark; batch.num_rows()])));
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(from_arrow)?;
            self.writer.write(&batch).map_err(from_arrow)?;
            self.blocks.push(partition.to_string());
        }
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        let path = self.dir.join(&self.name);
        let failed = |error| log::failed("cannot write", &path, error);
        self.writer.write_metadata(BLOCKS, self.blocks.join(","));
        self.writer.flush().map_err(from_arrow)?;
        fault::point("half of a state file").map_err(failed)?;
        self.writer.finish().map_err(from_arrow)?;
        let file = self.writer.into_inner().map_err(from_arrow)?;
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        fault::point("a state file is not on the disk").map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fault::point("a state file has no name").map_err(failed)?;
        // A batch that runs again writes its version again.
        std::fs::rename(&self.temporary, &path).map_err(failed)?;
        log::sync_dir(&self.dir).map_err(failed)?;
        fault::point("a state file is written").map_err(failed)?;
        Ok(())
    }
}

fn damaged(path: &Path, why: impl std::fmt::Display) -> SparkError {
    illegal_state(format!("the state {} is damaged: {why}", hadoop_path(path)))
}

fn other_schema(own: &[&DataType], there: &[&DataType]) -> SparkError {
    let text = |types: &[&DataType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    illegal_state(format!(
        "the query has changed: its state has rows of ({}), the checkpoint has ({}). Use another checkpoint.",
        text(own),
        text(&there[..there.len().saturating_sub(1)])
    ))
}
