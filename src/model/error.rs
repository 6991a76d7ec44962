//! What can go wrong with weights and with running them.

use std::path::PathBuf;

/// Why a checkpoint was refused or could not be written. A refused file leaves nothing behind:
/// no network is ever half-loaded.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file could not be opened or read.
    #[error("cannot read `{}`: {source}. Check that the file exists and that you may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// None was named, and there is none to take instead.
    #[error(
        "no checkpoint was given, and this version carries none of its own. Give one with \
         --checkpoint FILE: FNAC's or EZ-VSL's .pth, or SafeTensors"
    )]
    NoneGiven,
    /// Not a container that can hold weights, or a damaged one.
    #[error(
        "`{}` cannot be read as a checkpoint: {cause}. fnac reads PyTorch files (.pth, .pt) and \
         SafeTensors; a damaged file has to be copied or downloaded again", path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A readable file with other content.
    #[error(
        "`{}` holds no FNAC network and no ResNet-18: {found}. Give a checkpoint with \
         `imgnet.*`, `audnet.*`, `img_proj.*` and `aud_proj.*` tensors, or torchvision's \
         resnet18 for the object tower", path.display()
    )]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        found: String,
    },
    /// Tensors are missing or there are too many.
    #[error(
        "`{}` does not match the network: {}. The file was cut down or belongs to another model",
        path.display(), list_keys(missing, extra)
    )]
    Keys {
        /// The file.
        path: PathBuf,
        /// Tensors the network needs and the file lacks.
        missing: Vec<String>,
        /// Tensors of the file that the network does not know.
        extra: Vec<String>,
    },
    /// A tensor of another shape.
    #[error(
        "`{}`: tensor `{tensor}` has shape {found:?} where {expected:?} is expected ({basis}). \
         The file belongs to another model", path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// Name of the tensor, as the official code has it.
        tensor: String,
        /// What the network needs.
        expected: Vec<usize>,
        /// What the file holds.
        found: Vec<usize>,
        /// Where the expectation comes from.
        basis: String,
    },
    /// A tensor that cannot be used: a value that is no number, an integer weight, an impossible
    /// size.
    #[error(
        "`{}`: tensor `{tensor}` {problem}. The file is damaged or its training diverged; take \
         an earlier checkpoint", path.display()
    )]
    Value {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file could not be written; nothing was left under its name.
    #[error(
        "cannot write `{}`: {source}. Check that the folder exists, is writable and has room", path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// These weights cannot be kept in that format.
    #[error("cannot write `{}`: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        cause: String,
    },
}

/// Names shown of a long list.
const NAMES_SHOWN: usize = 8;

fn list_keys(missing: &[String], extra: &[String]) -> String {
    let list = |what: &str, names: &[String]| {
        let shown: Vec<_> = names.iter().take(NAMES_SHOWN).map(|n| format!("`{n}`")).collect();
        let more = names.len().saturating_sub(NAMES_SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("{what} {}{more}", shown.join(", ")))
    };
    let parts: Vec<_> = [list("it lacks", missing), list("it has the unknown", extra)]
        .into_iter()
        .flatten()
        .collect();
    parts.join("; ")
}

/// Why the network could not be built or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The checkpoint holds the other kind of network.
    #[error("this checkpoint holds {found}, not {wanted}")]
    WrongKind {
        /// What was asked for.
        wanted: &'static str,
        /// What the checkpoint is.
        found: &'static str,
    },
    /// A tensor that is absent or of another size; read checkpoints never lead here.
    #[error("tensor `{0}` is missing or has another shape")]
    Tensor(String),
    /// An input of the wrong size.
    #[error("the network wants {wanted} for its input, got {found}")]
    Input {
        /// Shape asked for.
        wanted: String,
        /// What came.
        found: String,
    },
    /// The CPU engine refused the graph or failed while running it.
    #[error("the CPU engine failed: {0}")]
    Cpu(String),
    /// The compute device failed or was lost.
    #[error("{device} failed: {cause}. Choose another device or restart")]
    Device {
        /// Its name.
        device: String,
        /// The driver's or the backend's words.
        cause: String,
    },
    /// No device fits the choice.
    #[error("no compute device for `{choice}`: {cause}")]
    NoDevice {
        /// What was asked for.
        choice: String,
        /// Why there is none, and what there is.
        cause: String,
    },
}
