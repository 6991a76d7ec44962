//! Numbers for the network: pictures and sounds to tensors. Pure functions; no threads, files or burn.
