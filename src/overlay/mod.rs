//! Light: planes to RGB, maps to colour. Shaders under `shaders/`, each with a CPU twin. Never knows egui or time.
