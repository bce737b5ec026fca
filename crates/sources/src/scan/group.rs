//! Spreads files over the partitions of a scan, as Spark's `FilePartition` does: the largest first, big
//! files cut at byte positions, small ones packed together.

/// A file or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Index of the file.
    pub file: usize,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// How pieces are made and packed.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// Partitions wanted.
    pub parallelism: usize,
    /// `spark.sql.files.openCostInBytes`: what opening a file costs, as bytes.
    pub open_cost: u64,
}

/// The pieces of each partition for files given as `(bytes, may be cut)`. Empty files have none.
///
/// Spark caps a piece at 128 MB for the sake of many machines; here a piece is a partition's fair share.
pub fn pack(files: &[(u64, bool)], packing: &Packing) -> Vec<Vec<Piece>> {
    let files: Vec<(usize, (u64, bool))> =
        files.iter().copied().enumerate().filter(|(_, (size, _))| *size > 0).collect();
    let total: u64 = files.iter().map(|(_, (size, _))| size + packing.open_cost).sum();
    let share = total.div_ceil(packing.parallelism.max(1) as u64).max(packing.open_cost).max(1);

    let mut pieces: Vec<Piece> = vec![];
    for (file, (size, splittable)) in files {
        let step = if splittable { share } else { size };
        pieces.extend((0..size).step_by(usize::try_from(step).unwrap_or(usize::MAX)).map(|start| Piece {
            file,
            start,
            length: step.min(size - start),
        }));
    }
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.length));

    let mut partitions: Vec<Vec<Piece>> = vec![];
    let mut filled = 0;
    for piece in pieces {
        match partitions.last_mut() {
            Some(partition) if filled + piece.length <= share => partition.push(piece),
            _ => {
                partitions.push(vec![piece]);
                filled = 0;
            }
        }
        filled += piece.length + packing.open_cost;
    }
    partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_files_are_cut_and_small_ones_packed() {
        let packing = Packing { parallelism: 2, open_cost: 4 };
        let partitions = pack(&[(100, true), (0, true), (1, true)], &packing);
        assert_eq!(partitions[0], [Piece { file: 0, start: 0, length: 55 }]);
        assert_eq!(partitions.iter().flatten().map(|piece| piece.length).sum::<u64>(), 101);
        let whole = pack(&[(100, false), (1, true)], &packing);
        assert_eq!(whole[0], [Piece { file: 0, start: 0, length: 100 }]);
        let one = pack(&[(1, true), (3, true), (2, true)], &Packing { parallelism: 1, open_cost: 4 });
        assert_eq!(one[0].iter().map(|piece| piece.length).collect::<Vec<_>>(), [3, 2, 1]);
    }
}
