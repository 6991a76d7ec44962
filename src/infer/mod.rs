//! From picture and sound to a map: the Localizer, its worker, the map store. Never draws.
