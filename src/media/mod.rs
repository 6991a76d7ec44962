//! Files: demuxing, decoding, the presentation index, encoding. Never knows clocks or the sound card.
