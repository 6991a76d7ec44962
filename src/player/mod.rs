//! Playback: the clock, frame queue, seeks, loops. Never knows egui or burn.
