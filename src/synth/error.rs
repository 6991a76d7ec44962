//! What can be wrong with a wish for a scene.

/// Why a scene, a movie or a library cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SynthError {
    /// A picture without pixels, or beyond what is sensible.
    #[error(
        "a picture of {width}x{height} pixels cannot be drawn: each side must be {least} to {most}"
    )]
    Size {
        /// Asked width in pixels.
        width: u32,
        /// Asked height in pixels.
        height: u32,
        /// Smallest side.
        least: u32,
        /// Largest side.
        most: u32,
    },
    /// An option outside its range.
    #[error("{option} is {value}: it must be {allowed}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What was asked for.
        value: String,
        /// What is possible.
        allowed: String,
    },
    /// A scene needs things of different kinds, and there are too few.
    #[error(
        "a scene with {sources} sounding and {distractors} silent things needs {need} kinds; there are {have}"
    )]
    TooFewKinds {
        /// Least number of sounding things.
        sources: u32,
        /// Least number of silent things.
        distractors: u32,
        /// Kinds that this takes.
        need: u32,
        /// Kinds of the library.
        have: u32,
    },
    /// Things too large and too many to stand side by side.
    #[error(
        "{things} things of {percent} % of the side do not fit into one picture: at most {most_percent} %, or fewer things"
    )]
    Crowded {
        /// Largest number of things in one picture.
        things: u32,
        /// Smallest allowed size in percent of the side.
        percent: u32,
        /// Size that fits.
        most_percent: u32,
    },
    /// Held-out drawings are asked for and no kind has one.
    #[error("no kind has a held-out picture: a held-out split needs at least one")]
    NoHeldOut,
    /// Only held-out drawings are there and others are needed.
    #[error("kind `{kind}` has no picture that is not held out")]
    OnlyHeldOut {
        /// Its name.
        kind: String,
    },
    /// A library without kinds.
    #[error("there is no kind of thing to draw")]
    NoKinds,
    /// A kind nobody knows.
    #[error("there is no kind named `{name}`; there are: {known}")]
    UnknownKind {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
    /// A picture of a thing that shows nothing.
    #[error("picture `{name}` shows nothing: every pixel is (nearly) transparent")]
    Empty {
        /// Name of the picture.
        name: String,
    },
    /// Bytes that do not fit the size.
    #[error("picture `{name}` has {bytes} bytes, not 4 for each of {width}x{height} pixels")]
    Bytes {
        /// Name of the picture.
        name: String,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// What there is.
        bytes: usize,
    },
    /// Data that came with the program cannot be read.
    #[error("the drawn world's own data is damaged: {cause}")]
    Data {
        /// What is wrong.
        cause: String,
    },
}
