//! SafeTensors files that are larger than memory: each tensor grows in a file of its own until
//! the number of rows is known, then all become one file, whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

/// Type of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// 64-bit values come first in the file, so that all are aligned.
    F64,
    /// Frame numbers.
    I64,
    /// Everything else.
    F32,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::I64 => "I64",
            Self::F32 => "F32",
        }
    }
}

struct Growing {
    row: Vec<usize>,
    rows: usize,
    bytes: u64,
    file: BufWriter<File>,
}

/// Tensors of N rows each, N unknown until the end.
pub struct Spool {
    tensors: BTreeMap<(Kind, &'static str), Growing>,
}

impl Spool {
    /// No tensors yet.
    pub fn new() -> Self {
        Self { tensors: BTreeMap::new() }
    }

    /// Adds a tensor `[N, row…]`, spooled in the folder `near` (where there is room for the
    /// result) without a name.
    pub fn add(
        &mut self,
        name: &'static str,
        kind: Kind,
        row: &[usize],
        near: &Path,
    ) -> io::Result<()> {
        let file = BufWriter::new(tempfile::tempfile_in(near)?);
        let tensor = Growing { row: row.to_vec(), rows: 0, bytes: 0, file };
        self.tensors.insert((kind, name), tensor);
        Ok(())
    }

    /// Adds a row to a tensor; rows of another size are refused.
    pub fn push_f32(&mut self, name: &'static str, values: &[f32]) -> io::Result<()> {
        let bytes = bytemuck::cast_slice(values);
        self.push(Kind::F32, name, values.len(), bytes)
    }

    /// Adds one number to a tensor `[N]`.
    pub fn push_f64(&mut self, name: &'static str, value: f64) -> io::Result<()> {
        self.push(Kind::F64, name, 1, &value.to_le_bytes())
    }

    /// Adds one number to a tensor `[N]`.
    pub fn push_i64(&mut self, name: &'static str, value: i64) -> io::Result<()> {
        self.push(Kind::I64, name, 1, &value.to_le_bytes())
    }

    fn push(&mut self, kind: Kind, name: &'static str, n: usize, bytes: &[u8]) -> io::Result<()> {
        let tensor = self.tensors.get_mut(&(kind, name));
        let tensor = tensor.ok_or_else(|| io::Error::other(format!("no tensor {name}")))?;
        if n != tensor.row.iter().product::<usize>() {
            return Err(io::Error::other(format!("{n} values for a row of {name}")));
        }
        tensor.file.write_all(bytes)?;
        tensor.rows += 1;
        tensor.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes all tensors and `metadata` to `path`: temporary file, sync, rename.
    pub fn finish(mut self, path: &Path, metadata: &BTreeMap<String, String>) -> io::Result<()> {
        let mut header = Map::new();
        header.insert("__metadata__".into(), json!(metadata));
        let mut at = 0u64;
        for ((kind, name), t) in &self.tensors {
            let shape: Vec<usize> = std::iter::once(t.rows).chain(t.row.iter().copied()).collect();
            let end = at + t.bytes;
            let entry = json!({"dtype": kind.name(), "shape": shape, "data_offsets": [at, end]});
            header.insert((*name).to_owned(), entry);
            at = end;
        }
        let mut header = serde_json::to_vec(&Value::Object(header))?;
        header.resize(header.len().next_multiple_of(8), b' ');
        let near = path.parent().unwrap_or(Path::new("."));
        let mut out = crate::files::temporary_in(near)?;
        {
            let mut writer = BufWriter::new(out.as_file_mut());
            writer.write_all(&(header.len() as u64).to_le_bytes())?;
            writer.write_all(&header)?;
            for t in self.tensors.values_mut() {
                t.file.flush()?;
                let file = t.file.get_mut();
                file.seek(SeekFrom::Start(0))?;
                io::copy(file, &mut writer)?;
            }
            writer.flush()?;
        }
        crate::files::put_in_place(out, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_one_file_that_the_usual_reader_reads() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new();
        spool.add("maps", Kind::F32, &[2, 3], dir.path()).unwrap();
        spool.add("pts", Kind::F64, &[], dir.path()).unwrap();
        spool.add("frame", Kind::I64, &[], dir.path()).unwrap();
        for i in 0..5 {
            spool.push_f32("maps", &[i as f32; 6]).unwrap();
            spool.push_f64("pts", f64::from(i) / 30.0).unwrap();
            spool.push_i64("frame", i64::from(i)).unwrap();
        }
        assert!(spool.push_f32("maps", &[0.0; 5]).is_err());
        let path = dir.path().join("out.safetensors");
        spool.finish(&path, &BTreeMap::from([("input".into(), "a \"b\".mp4".into())])).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let maps = file.tensor("maps").unwrap();
        assert_eq!(maps.shape(), [5, 2, 3]);
        assert_eq!(maps.data()[24 * 3..24 * 3 + 4], 3f32.to_le_bytes());
        assert_eq!(file.tensor("pts").unwrap().shape(), [5]);
        assert_eq!(file.tensor("frame").unwrap().data()[32..], 4i64.to_le_bytes());
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["input"], "a \"b\".mp4");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_dropped_spool_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new();
        spool.add("maps", Kind::F32, &[49], dir.path()).unwrap();
        spool.push_f32("maps", &[0.0; 49]).unwrap();
        drop(spool);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
