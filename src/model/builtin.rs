//! The checkpoint that is used where none is named: carried in the program.

use std::path::Path;

use super::{Checkpoint, CheckpointError};

/// The file, as `assets/` has it; `None` would be a program that carries none.
pub const BUILTIN: Option<&[u8]> = Some(include_bytes!("../../assets/demo.safetensors"));

/// What stands for it where a file would be named.
pub const BUILTIN_NAME: &str = "built-in";

/// Reads it; `None` for a program that carries none.
///
/// # Errors
/// The program's own data is damaged.
pub fn builtin() -> Option<Result<Checkpoint, CheckpointError>> {
    BUILTIN.map(|bytes| Checkpoint::from_bytes(Path::new(BUILTIN_NAME), bytes))
}

/// The checkpoint at `path`, or the built-in one where none is named.
///
/// # Errors
/// As [`Checkpoint::read`], or [`CheckpointError::NoneGiven`].
pub fn read_or_builtin(path: Option<&Path>) -> Result<Checkpoint, CheckpointError> {
    match path {
        Some(path) => Checkpoint::read(path),
        None => builtin().unwrap_or(Err(CheckpointError::NoneGiven)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CheckpointFormat, CheckpointKind};

    #[test]
    fn a_checkpoint_in_memory_is_the_files_without_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo.safetensors");
        let mut original = Checkpoint::formula(2, 16, "");
        original.card.no_source_threshold = Some(0.4);
        original.write_safetensors(&path).unwrap();
        let (file, bytes) = (Checkpoint::read(&path).unwrap(), std::fs::read(&path).unwrap());
        let memory = Checkpoint::from_bytes(Path::new(BUILTIN_NAME), &bytes).unwrap();
        assert_eq!((&memory.tensors, &memory.card), (&file.tensors, &file.card));
        assert_eq!((memory.sha256, memory.format), (file.sha256, CheckpointFormat::OwnSafetensors));
        assert_eq!((memory.path, memory.kind), (None, CheckpointKind::Fnac));
        let torn = Checkpoint::from_bytes(Path::new(BUILTIN_NAME), &bytes[..bytes.len() / 2]);
        assert!(torn.unwrap_err().to_string().contains(BUILTIN_NAME));
    }

    #[test]
    fn without_a_name_the_programs_own_is_taken_or_one_is_asked_for() {
        match read_or_builtin(None) {
            Ok(_) => assert!(BUILTIN.is_some()),
            Err(e) => assert!(BUILTIN.is_none() && e.to_string().contains("--checkpoint FILE")),
        }
        assert!(read_or_builtin(Some(Path::new("absent.pth"))).is_err());
    }

    /// Runs once the program carries one.
    #[test]
    fn what_the_program_carries_can_be_read_and_says_what_it_is() {
        let Some(read) = builtin() else { return };
        let demo = read.unwrap();
        assert_eq!((demo.kind, demo.path), (CheckpointKind::Fnac, None));
        assert!(BUILTIN.is_some_and(|b| b.len() <= 4_000_000));
        let card = demo.card;
        assert!(card.no_source_threshold.is_some() && card.calibration.is_some());
        assert!(card.cell_geometry.is_some() && card.remark.is_some() && !card.lineage.is_empty());
    }
}
