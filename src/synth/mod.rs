//! The drawn world: the clip the window opens on. Never touches files.
