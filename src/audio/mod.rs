//! The sound card: output devices, the sample ring, the delay report. Never knows files or frames.
